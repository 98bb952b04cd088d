"""One training loop: AdamW, a cosine schedule per step, a log, and a state that a killed run resumes from."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from forensics.errors import ForensicsError

STATE_FILE = "state.safetensors"
LOG_FILE = "log.csv"
_STEP_KEY = "step"
NO_RATIOS: Mapping[str, float] = MappingProxyType({})

# Called with the steps done, of how many, and the last loss.
OnStep = Callable[[int, int, float], None]


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

    Everything random must be drawn from the step's number, so that resuming equals not being killed.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        plan: Plan,
        folder: Path,
        *,
        lr_ratio: Mapping[str, float] = NO_RATIOS,
        recipe: str = "",
    ) -> None:
        """`lr_ratio` names the parameters that learn at a multiple of the plan's rate.

        `recipe` tells whatever else decides the result (data, batch, seed): a state of another is refused.
        """
        self._parameters = dict(parameters)
        self._plan = plan
        self._folder = folder
        self._recipe = recipe
        groups = [
            {"params": [parameter], "ratio": lr_ratio.get(name, 1.0)}
            for name, parameter in self._parameters.items()
        ]
        self._optimiser = torch.optim.AdamW(groups, lr=plan.lr, weight_decay=plan.weight_decay)
        self._best = {name: value.detach().clone() for name, value in self._parameters.items()}
        self._best_score = -math.inf
        self._checks_without_gain = 0
        self._step = 0
        folder.mkdir(parents=True, exist_ok=True)

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
        loss_of: Callable[[int], torch.Tensor],
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
        of a step from its number. Raises ForensicsError when the loss is not finite and when `resume` finds
        the state of another plan or recipe.
        """
        if resume and (self._folder / STATE_FILE).is_file():
            self._load()
        else:
            self._check(validate(), math.nan, candidate=keep_start)
        while self._step < self._plan.steps and not self._out_of_patience:
            for group in self._optimiser.param_groups:
                group["lr"] = group["ratio"] * self._plan.lr_at(self._step)
            self._optimiser.zero_grad(set_to_none=True)
            loss = loss_of(self._step)
            if not torch.isfinite(loss):
                raise ForensicsError(f"{self._folder}: the loss at step {self._step} is not finite; lower lr")
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
            after_step()
            self._step += 1
            on_step(self._step, self._plan.steps, float(loss.detach()))
            if self._step % self._plan.check_every == 0 or self._step == self._plan.steps:
                self._check(validate(), float(loss.detach()))
            elif self._plan.save_every is not None and self._step % self._plan.save_every == 0:
                self._save()
        with torch.no_grad():
            for name, value in self._best.items():
                self._parameters[name].copy_(value)
        return self._best_score

    def _check(self, score: float, loss: float, *, candidate: bool = True) -> None:
        """Note a validation score, keep the parameters if they are the best so far, save the state."""
        if candidate:
            self._checks_without_gain = 0 if score > self._best_score else self._checks_without_gain + 1
        if candidate and score >= self._best_score:
            self._best_score = score
            self._best = {name: value.detach().clone() for name, value in self._parameters.items()}
        with (self._folder / LOG_FILE).open("a" if self._step else "w", newline="") as file:
            writer = csv.writer(file)
            if not self._step:
                writer.writerow(("step", "loss", "validation_auc"))
            writer.writerow((self._step, "" if math.isnan(loss) else loss, score))
        self._save()

    def _save(self) -> None:
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
        }
        partial = self._folder / f"{STATE_FILE}.partial"
        contiguous = {name: value.contiguous() for name, value in tensors.items()}
        save_file(contiguous, partial, metadata={"loop": json.dumps(meta)})
        os.replace(partial, self._folder / STATE_FILE)

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


def pair_batches(pairs: int, batch_pairs: int, step: int, seed: int) -> Sequence[int]:
    """The numbers of the pairs of one step: epochs of a shuffle each, a pure function of step and seed."""
    per_epoch = max(1, pairs // batch_pairs)
    epoch, place = divmod(step, per_epoch)
    generator = torch.Generator().manual_seed((seed << 20) + epoch)
    order = torch.randperm(pairs, generator=generator)
    return order[place * batch_pairs : (place + 1) * batch_pairs].tolist()
