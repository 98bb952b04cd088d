"""The two stages of a RepDFD training: the text side on cached features, the border through the tower."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from forensics.detector import Precision
from forensics.errors import ForensicsError
from forensics.face2text import PromptMode
from forensics.repdfd import MAX_LOGIT_SCALE, RepDFD, fake_logit
from forensics.train.faces import VALIDATION_DRAW, Draw, Faces
from forensics.train.loop import Loop, Losses, OnStep, Plan
from forensics.train.team import ALONE, Team

# The border's best step is chosen on so many videos or pictures, spread over the split: validating on all of
# it at every check would cost more than the training. Whether the border is kept is then decided on the
# others, since the best of many checks looks better than it is on those it was chosen on.
BORDER_CHOICE_VIDEOS = 128
_ENCODE_BATCH = 32

DEFAULT_TEXT = Plan(steps=1500, lr=2e-3, weight_decay=0.05)
DEFAULT_BORDER = Plan(steps=0, lr=0.03, check_every=20)
DEFAULT_TEXT_DRAW = Draw(pairs=128, generated=32)
DEFAULT_BORDER_DRAW = Draw(pairs=8, generated=2)
# In the second stage the text side, trained already, follows the border slowly.
BORDER_STAGE_TEXT_RATIO = 0.01


@dataclass(frozen=True)
class TrainSettings:
    """The recipe. `text` trains on cached zero-border features; `border` with no steps leaves the border 0.

    A step of the border passes the tower in `accumulate` parts, which bounds the memory and does not change
    the step; `precision` is that of the tower's arithmetic there.
    """

    text: Plan = DEFAULT_TEXT
    border: Plan = DEFAULT_BORDER
    text_draw: Draw = DEFAULT_TEXT_DRAW
    border_draw: Draw = DEFAULT_BORDER_DRAW
    prompt: PromptMode = PromptMode.FACE
    seed: int = 7
    precision: Precision = Precision.BF16
    accumulate: int = 1


@dataclass(frozen=True)
class Stages:
    """What both stages need: the model, the faces to learn from and to check on, and how to go about it."""

    model: RepDFD
    learn: Faces
    check: Faces
    settings: TrainSettings
    folder: Path
    resume: bool = False
    on_step: OnStep = field(default=lambda step, steps, loss: None)
    team: Team = ALONE
    tensorboard: bool = False

    def train_text(self) -> float:
        """Stage one: cross-entropy on features under an empty border; minutes on a CPU."""
        draw = self.settings.text_draw

        def losses_of(step: int) -> Iterator[torch.Tensor]:
            rows = self.learn.drawn(draw, step, self.settings.seed)
            for part in self._share(rows, 1):
                yield self._loss(
                    self.learn.features[part], part, of=len(rows), draw=VALIDATION_DRAW + 1 + step
                )

        loop = self._loop("text", self._text_parameters(), self.settings.text, draw)
        return self._run(loop, losses_of, lambda: self.check.auc(self.text_logits()))

    def train_border(self) -> Mapping[str, float]:
        """Stage two: the border, and the text side with it, through the frozen tower.

        Returns the AUC before and after on videos that did not choose the best step.
        """
        choosing, deciding = border_validation(self.check)
        draw = self.settings.border_draw

        def losses_of(step: int) -> Iterator[torch.Tensor]:
            rows = self.learn.drawn(draw, step, self.settings.seed + 1)
            for part in self._share(rows, self.settings.accumulate):
                features = self._encoded(self.learn, part)
                yield self._loss(features, part, of=len(rows), draw=VALIDATION_DRAW + 1 + step)

        def auc_on(rows: npt.NDArray[np.intp]) -> float:
            return self.check.auc(self.fake_logits(rows), rows)

        text = self._text_parameters()
        before = auc_on(deciding)
        loop = self._loop(
            "border",
            text | {"reprogram.delta": self.model.reprogram.delta},
            self.settings.border,
            draw,
            lr_ratio=dict.fromkeys(text, BORDER_STAGE_TEXT_RATIO),
            fp16=self.settings.precision is Precision.FP16,
        )
        self._run(loop, losses_of, lambda: auc_on(choosing))
        return {"text on the same faces": before, "border": auc_on(deciding)}

    def text_logits(self) -> npt.NDArray[np.float64]:
        """The fake logit of every validation face, from the cached features."""
        faces, rows = self.check, torch.arange(len(self.check))
        with torch.no_grad():
            words = faces.words(self.model.face2text.mode, rows)
            logits = self.model.logits(faces.features, words).double()
        return np.asarray(fake_logit(logits).cpu())

    def fake_logits(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        """The fake logit of the validation faces in `rows`, through the tower under the model's border."""
        found = torch.zeros(len(rows), dtype=torch.float64, device=self.check.device)
        places = torch.arange(self.team.rank, len(rows), self.team.size)
        for place in torch.split(places, _ENCODE_BATCH):
            part = torch.from_numpy(rows)[place]
            with torch.no_grad():
                words = self.check.words(self.model.face2text.mode, part)
                logits = self.model.logits(self._encoded(self.check, part), words).double()
            found[place.to(found.device)] = fake_logit(logits)
        self.team.add([found])
        return np.asarray(found.cpu())

    def _share(self, rows: torch.Tensor, parts: int) -> Iterator[torch.Tensor]:
        """This process' share of a step's rows, in parts; a share that is empty is left out."""
        shares = torch.tensor_split(rows, self.team.size * parts)
        own = shares[self.team.rank * parts : (self.team.rank + 1) * parts]
        return (share for share in own if len(share))

    def _encoded(self, faces: Faces, rows: torch.Tensor) -> torch.Tensor:
        """[N,D] float32 unit features of the faces under the model's border."""
        crops = torch.from_numpy(faces.crops[rows.numpy()]).to(faces.device)
        precision = self.settings.precision
        half = precision is not Precision.FP32
        with torch.autocast(faces.device.type, dtype=precision.dtype if half else None, enabled=half):
            features = self.model.image_tower(self.model.reprogram(crops))
        return functional.normalize(features.float(), dim=-1)

    def _loss(self, features: torch.Tensor, rows: torch.Tensor, *, of: int, draw: int) -> torch.Tensor:
        """The share that `rows` have in the mean cross-entropy of a step `of` so many faces.

        `draw` tells the random identities of this step from those of others and of validation.
        """
        logits = self.model.logits(features, self.learn.words(self.settings.prompt, rows, draw=draw))
        prompt = self.learn.prompt_of(rows, self.model.face2text.prompts)
        return functional.cross_entropy(logits, prompt, reduction="sum") / of

    def _text_parameters(self) -> dict[str, nn.Parameter]:
        """What learns of the text side: nothing where it is CLIP's own."""
        named = {f"face2text.{name}": each for name, each in self.model.face2text.named_parameters()}
        named["logit_scale"] = self.model.logit_scale
        return {name: each for name, each in named.items() if each.requires_grad}

    def _loop(
        self,
        stage: str,
        parameters: Mapping[str, nn.Parameter],
        plan: Plan,
        draw: Draw,
        *,
        lr_ratio: Mapping[str, float] | None = None,
        fp16: bool = False,
    ) -> Loop:
        self.learn.check_draw(draw)
        settings = self.settings
        # What the stage's state depends on besides its plan.
        recipe = (
            f"{self.learn.digest} {self.check.digest} {draw} {settings.prompt.value} {settings.seed} "
            f"{settings.precision.value} {settings.accumulate} {self.team.size}"
        )
        return Loop(
            parameters,
            plan,
            self.folder / stage,
            lr_ratio=lr_ratio or {},
            recipe=recipe,
            team=self.team,
            fp16=fp16,
            tensorboard=self.tensorboard,
        )

    def _run(self, loop: Loop, losses_of: Callable[[int], Losses], validate: Callable[[], float]) -> float:
        return loop.run(
            losses_of, validate, resume=self.resume, on_step=self.on_step, after_step=self._clamp_scale
        )

    def _clamp_scale(self) -> None:
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)


def border_validation(check: Faces) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows of the validation videos that choose the border's best step, and of those that judge it.

    Videos lie in order of their source, so a run of neighbours would be one kind of picture only.
    """
    videos = np.unique(check.video)
    count = min(BORDER_CHOICE_VIDEOS, len(videos) // 2)
    if not count:
        raise ForensicsError("the border needs at least two validation videos; make a larger cache")
    choosing = np.isin(check.video, videos[np.linspace(0, len(videos) - 1, count).round().astype(np.int64)])
    return np.flatnonzero(choosing), np.flatnonzero(~choosing)
