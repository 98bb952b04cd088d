"""One training loop: AdamW, a cosine schedule per step, a log, and a state that a killed run resumes from."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from forensics.errors import ForensicsError
from forensics.train.log import GO_ON_TRAINING, Log
from forensics.train.team import ALONE, Team
from forensics.whole_file import make_folder, whole_file

STATE_FILE = "state.safetensors"
_STEP_KEY = "step"
NO_RATIOS: Mapping[str, float] = MappingProxyType({})

# Called with the steps done, of how many, and the last loss.
OnStep = Callable[[int, int, float], None]
# The loss of a step, or the summands of it: each is differentiated before the next is made, so that a batch
# needs the memory of its largest part only.
Losses = torch.Tensor | Iterable[torch.Tensor]


@dataclass(frozen=True)
class Plan:
    """How one stage is trained. The learning rate falls from `lr` to 0 along a cosine, step by step.

    In the first `warmup_steps` it rises in a straight line instead, and joins the cosine where it then is.
    """

    steps: int
    lr: float
    weight_decay: float = 0.0
    # How often validation is scored, the best is kept and the state is saved.
    check_every: int = 50
    warmup_steps: int = 0
    # So many checks in a row without a better score end the training; `None` never does.
    patience_checks: int | None = None
    # How often the state is saved between checks; `None` saves at checks only.
    save_every: int | None = None

    def lr_at(self, step: int) -> float:
        if step < self.warmup_steps:
            return self.lr * (step + 1) / self.warmup_steps
        return self.lr * 0.5 * (1 + math.cos(math.pi * step / self.steps))


class Loop:
    """Trains `parameters` by `plan`; the state under `folder` lets the same call go on after a kill.

    Everything random must be drawn from the step's number, so that resuming equals not being killed. Of a
    `team`, every process makes its share of each loss, and the leader writes.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        plan: Plan,
        folder: Path,
        *,
        lr_ratio: Mapping[str, float] = NO_RATIOS,
        recipe: str = "",
        team: Team = ALONE,
        fp16: bool = False,
        tensorboard: bool = False,
    ) -> None:
        """`lr_ratio` names the parameters that learn at a multiple of the plan's rate.

        `recipe` tells whatever else decides the result (data, batch, seed): a state of another is refused.
        With `fp16` losses are scaled so that small gradients do not vanish in half precision.
        """
        self._parameters = dict(parameters)
        self._plan = plan
        self._folder = folder
        self._recipe = recipe
        self._team = team
        self._device = next(iter(self._parameters.values())).device
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=fp16)
        self._log = Log(folder, tensorboard=tensorboard) if team.leads else None
        groups = [
            {"params": [parameter], "ratio": lr_ratio.get(name, 1.0)}
            for name, parameter in self._parameters.items()
        ]
        self._optimiser = torch.optim.AdamW(groups, lr=plan.lr, weight_decay=plan.weight_decay)
        self._best = {name: value.detach().clone() for name, value in self._parameters.items()}
        self._best_score = -math.inf
        self._checks_without_gain = 0
        self._step = 0
        make_folder(folder)

    @property
    def best_score(self) -> float:
        return self._best_score

    @property
    def step(self) -> int:
        """The steps done so far."""
        return self._step

    @property
    def _out_of_patience(self) -> bool:
        patience = self._plan.patience_checks
        return patience is not None and self._checks_without_gain >= patience

    def run(
        self,
        loss_of: Callable[[int], Losses],
        validate: Callable[[], float],
        *,
        resume: bool,
        on_step: OnStep,
        after_step: Callable[[], None] = lambda: None,
        keep_start: bool = True,
    ) -> float:
        """Train to the end and leave the parameters of the best validation score; returns that score.

        Of equal scores the later one is kept. Without `keep_start` the parameters it starts from are scored
        for the log alone: random ones are never the result, however well they do. `loss_of` makes the loss
        of a step, or this process' share of it, from its number. Raises ForensicsError when the loss is not
        finite and when `resume` finds the state of another plan or recipe, OutputError where state or log
        cannot be written.
        """
        resumed = resume and (self._folder / STATE_FILE).is_file()
        if resumed:
            self._load()
        if self._log is not None:
            self._log.start(self._step)
        if not resumed:
            self._check(validate(), math.nan, candidate=keep_start)
        while self._step < self._plan.steps and not self._out_of_patience:
            lr = self._plan.lr_at(self._step)
            for group in self._optimiser.param_groups:
                group["lr"] = group["ratio"] * lr
            self._optimiser.zero_grad(set_to_none=True)
            loss = self._differentiate(loss_of(self._step))
            self._scaler.step(self._optimiser)
            self._scaler.update()
            after_step()
            self._step += 1
            on_step(self._step, self._plan.steps, loss)
            if self._log is not None:
                self._log.step(self._step, loss, lr)
            if self._step % self._plan.check_every == 0 or self._step == self._plan.steps:
                self._check(validate(), loss)
            elif self._plan.save_every is not None and self._step % self._plan.save_every == 0:
                self._save()
        with torch.no_grad():
            for name, value in self._best.items():
                self._parameters[name].copy_(value)
        if self._log is not None:
            self._log.close()
        return self._best_score

    def _differentiate(self, losses: Losses) -> float:
        """Leave the whole team's gradients in the parameters; returns its loss."""
        total = torch.zeros((), device=self._device)
        for part in (losses,) if isinstance(losses, torch.Tensor) else losses:
            self._scaler.scale(part).backward()
            total += part.detach()
        if self._team.size > 1:
            for parameter in self._parameters.values():
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
            self._team.add(each.grad for each in self._parameters.values() if each.grad is not None)
            self._team.add([total])
        if not torch.isfinite(total):
            raise ForensicsError(f"{self._folder}: the loss at step {self._step} is not finite; lower lr")
        return float(total)

    def _check(self, score: float, loss: float, *, candidate: bool = True) -> None:
        """Note a validation score, keep the parameters if they are the best so far, save the state."""
        score = self._team.leaders(score, self._device)
        if candidate:
            self._checks_without_gain = 0 if score > self._best_score else self._checks_without_gain + 1
        if candidate and score >= self._best_score:
            self._best_score = score
            self._best = {name: value.detach().clone() for name, value in self._parameters.items()}
        if self._log is not None:
            self._log.check(self._step, loss, score)
        self._save()

    def _save(self) -> None:
        if not self._team.leads:
            return
        tensors = {f"now.{name}": value.detach() for name, value in self._parameters.items()}
        tensors |= {f"best.{name}": value for name, value in self._best.items()}
        for name, parameter in self._parameters.items():
            for key, value in self._optimiser.state[parameter].items():
                tensors[f"adamw.{key}.{name}"] = value
        meta = {
            "plan": repr(self._plan),
            "recipe": self._recipe,
            "step": self._step,
            "best_score": self._best_score,
            "checks_without_gain": self._checks_without_gain,
            "scaler": self._scaler.state_dict(),
        }
        contiguous = {name: value.contiguous() for name, value in tensors.items()}
        with whole_file(self._folder / STATE_FILE, remedy=GO_ON_TRAINING) as partial:
            save_file(contiguous, partial, metadata={"loop": json.dumps(meta)})

    def _load(self) -> None:
        from safetensors import safe_open

        path = self._folder / STATE_FILE
        with safe_open(path, framework="pt") as file:
            meta = json.loads(file.metadata()["loop"])
        if (meta["plan"], meta.get("recipe")) != (repr(self._plan), self._recipe):
            raise ForensicsError(
                f"{path}: was made with other settings or data; use those, or another folder"
            )
        tensors = load_file(path)
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(tensors[f"now.{name}"])
                self._best[name] = tensors[f"best.{name}"].to(parameter.device)
                self._optimiser.state[parameter] = {
                    key: tensors[f"adamw.{key}.{name}"].to(parameter.device if key != _STEP_KEY else "cpu")
                    for key in ("step", "exp_avg", "exp_avg_sq")
                    if f"adamw.{key}.{name}" in tensors
                }
        self._step, self._best_score = int(meta["step"]), float(meta["best_score"])
        self._checks_without_gain = int(meta["checks_without_gain"])
        if self._scaler.is_enabled():
            self._scaler.load_state_dict(meta["scaler"])


def pair_batches(pairs: int, batch_pairs: int, step: int, seed: int) -> Sequence[int]:
    """The numbers of the pairs of one step: epochs of a shuffle each, a pure function of step and seed."""
    per_epoch = max(1, pairs // batch_pairs)
    epoch, place = divmod(step, per_epoch)
    generator = torch.Generator().manual_seed((seed << 20) + epoch)
    order = torch.randperm(pairs, generator=generator)
    return order[place * batch_pairs : (place + 1) * batch_pairs].tolist()
