"""Trains CoDE: contrastive learning with global-local similarities, then the three heads on its embeddings.

Source: Baraldi et al., ECCV 2024 (arXiv 2407.20337), and the defaults of github aimagelab/CoDE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import torch
from torch import nn

from forensics.code_heads import FAKE, REAL, HeadKind
from forensics.code_model import CROP_PIXELS, empty_vit
from forensics.errors import ForensicsError, OutputError, UsageFault
from forensics.train.code_batches import Batches, embeddings, normalised
from forensics.train.code_data import Collection, Record, pictures_of, split
from forensics.train.code_loss import PUBLISHED_TEMPERATURE, ClassViews, code_loss, partners
from forensics.train.code_pictures import Picture, TrainingDataError
from forensics.train.code_result import Features, Labels, auc, fit_head, save_result
from forensics.train.code_views import VIEWS
from forensics.train.loop import Loop, OnStep, Plan

LOOP_FOLDER = "training"
PUBLISHED_EPOCH_STEPS = 1700


class Positive(StrEnum):
    """Whose augmented view is an original's positive. The values are those of `--positive`."""

    PERMUTED = "permuted"
    SAME = "same"


@dataclass(frozen=True)
class CodeSettings:
    """The recipe; the defaults are the published ones, for one of the four processes of the original.

    An epoch is what lies between two validations: `epoch_steps`, or one pass over the records but no more
    than the published 1,700 steps. `probe_pictures` and `validation_pictures` bound what heads are fitted
    and measured on.
    """

    epochs: int = 150
    warmup_epochs: int = 5
    epoch_steps: int | None = None
    batch_pairs: int = 256
    lr: float = 2e-3
    weight_decay: float = 2e-5
    patience_epochs: int = 6
    temperature: float = PUBLISHED_TEMPERATURE
    positive: Positive = Positive.PERMUTED
    official_loss: bool = False
    validation_share: float = 0.1
    probe_pictures: int = 9600
    validation_pictures: int = 4800
    save_every: int = 100
    seed: int = 42

    def __post_init__(self) -> None:
        if self.warmup_epochs >= self.epochs:
            raise UsageFault(
                f"{self.warmup_epochs} warm-up epochs leave none of {self.epochs} to train at full rate; "
                "choose fewer of the ones or more of the others"
            )
        if self.batch_pairs < 2:
            raise UsageFault("a batch needs two pairs or more; raise --batch")
        if not 0 < self.validation_share < 1:
            raise UsageFault("the validation share lies between 0 and 1; choose another --validation-share")


@dataclass(frozen=True)
class CodeResult:
    """Validation AUC of each head, and the steps that were trained until patience or the plan ended."""

    validation_auc: Mapping[HeadKind, float]
    steps: int


def prepare_output(out: Path, *, resume: bool) -> None:
    """Refuse a folder that holds something else. Raises OutputError."""
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputError(f"{out}: is a file; name a folder for the training")
    if resume and (out / LOOP_FOLDER).is_dir():
        return
    if any(out.iterdir()):
        raise OutputError(
            f"{out}: the folder is not empty; choose another, or go on with a training there by --resume"
        )


def train(
    data: Collection,
    out: Path,
    *,
    settings: CodeSettings,
    device: torch.device,
    resume: bool = False,
    workers: int = 0,
    make_vit: Callable[[], nn.Module] = empty_vit,
    side: int = CROP_PIXELS,
    on_step: OnStep = lambda step, steps, loss: None,
) -> CodeResult:
    """Train a ViT from scratch, keep its best epoch, fit the heads, write all files to `out`.

    `make_vit` and `side` are for tests: the detector runs the published architecture on 224 px alone.
    Raises OutputError for a folder in use, TrainingDataError when the split leaves a side without a class,
    ForensicsError when the state found by `resume` is of another training.
    """
    prepare_output(out, resume=resume)
    learn, check = split(data.records, settings.validation_share)
    batches = Batches(learn, batch_pairs=settings.batch_pairs, side=side, seed=settings.seed, workers=workers)
    if batches.batch_pairs < 2:
        raise TrainingDataError("one pair of pictures is left to learn from; bring more of the rarer class")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        vit = make_vit().to(device)
    plan = _plan(settings, batches)
    fitting = _some(pictures_of(learn), settings.probe_pictures)
    judging = _some(pictures_of(check), settings.validation_pictures)

    def embedded(pictures: Sequence[Picture]) -> tuple[Features, Labels]:
        features = embeddings(vit, pictures, side=side, device=device, workers=workers)
        if not torch.isfinite(features).all():
            raise ForensicsError(f"{out}: the embeddings are not finite any more; lower --lr")
        return features.numpy(), np.array([picture.label for picture in pictures], np.int64)

    def validate() -> float:
        head = fit_head(HeadKind.LINEAR, *embedded(fitting))
        return auc(HeadKind.LINEAR, head, *embedded(judging))

    def loss_of(step: int) -> torch.Tensor:
        views = batches.views(step).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            flat = vit(normalised(views.flatten(0, 2))).float()
        by_view = flat.view(len(views), 2, len(VIEWS), -1)
        real, fake = (ClassViews(*by_view[:, label].unbind(1)) for label in (REAL, FAKE))
        return code_loss(
            real,
            fake,
            partner=_partner(len(views), step, settings).to(device),
            temperature=settings.temperature,
            official=settings.official_loss,
        )

    recipe = f"{data.digest} {settings} {side}"
    loop = Loop(dict(vit.named_parameters()), plan, out / LOOP_FOLDER, recipe=recipe)
    loop.run(loss_of, validate, resume=resume, on_step=on_step, keep_start=False)
    fit_part, judge_part = embedded(fitting), embedded(judging)
    heads = {kind: fit_head(kind, *fit_part) for kind in HeadKind}
    scores = {kind: auc(kind, head, *judge_part) for kind, head in heads.items()}
    facts = {
        "method": "CoDE (Baraldi et al., ECCV 2024), trained with face-video-forensics",
        "settings": asdict(settings),
        "plan": asdict(plan),
        "crop_pixels": side,
        "steps_trained": loop.step,
        "validation_auc": scores,
        "data": _data_facts(data, learn, check),
        "fitted_on_pictures": len(fitting),
        "validated_on_pictures": len(judging),
    }
    save_result(out, vit.state_dict(), heads, facts)
    return CodeResult(scores, loop.step)


def _plan(settings: CodeSettings, batches: Batches) -> Plan:
    epoch_steps = settings.epoch_steps or min(batches.steps_of_a_pass, PUBLISHED_EPOCH_STEPS)
    return Plan(
        steps=settings.epochs * epoch_steps,
        lr=settings.lr,
        weight_decay=settings.weight_decay,
        check_every=epoch_steps,
        warmup_steps=settings.warmup_epochs * epoch_steps,
        patience_checks=settings.patience_epochs,
        save_every=settings.save_every,
    )


def _partner(count: int, step: int, settings: CodeSettings) -> torch.Tensor:
    if settings.positive is Positive.SAME:
        return torch.arange(count)
    return partners(count, torch.Generator().manual_seed((settings.seed << 32) + step))


def _some(pictures: Sequence[Picture], most: int) -> list[Picture]:
    """At most so many, chosen by their bytes: the same ones wherever the files lie."""
    return sorted(pictures, key=lambda picture: picture.sha256)[:most]


def _data_facts(data: Collection, learn: Sequence[Record], check: Sequence[Record]) -> dict[str, object]:
    return {
        "sha256": data.digest,
        "unreadable": data.unreadable,
        **{
            side: {
                "records": len(records),
                "real_pictures": len(pictures_of(records, REAL)),
                "fake_pictures": len(pictures_of(records, FAKE)),
            }
            for side, records in (("train", learn), ("validation", check))
        },
    }
