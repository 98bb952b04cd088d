"""Trains RepDFD on a frozen tower: first the text side on cached features, then the border jointly."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn import functional

from face.embed import embedder_facts
from face.types import CropSpec
from forensics.backbones import STARTER, Backbone
from forensics.data.cache import FeatureCache
from forensics.errors import ForensicsError
from forensics.face2text import PromptMode, random_identities
from forensics.repdfd import (
    MAX_LOGIT_SCALE,
    OperatingPoint,
    RepDFD,
    RepDFDConfig,
    TextConfig,
    build,
    save_checkpoint,
    starter_vocabulary,
)
from forensics.train.loop import Loop, OnStep, Plan, pair_batches

CHECKPOINT_FILE = "repdfd.safetensors"
STARTER_EMBEDDER = "dlib"
MARGIN_RATIO = 1.3
# A small stand-in for CLIP's text tower: half a million parameters, a file of about 3 MB.
TEXT_WIDTH, TEXT_HEADS, TEXT_LAYERS = 128, 4, 2
# The border's best step is chosen on so many pairs, spread over the split: validating on all of it at every
# check would cost more than the training. Whether the border is kept is then decided on the others, since
# the best of many checks looks better than it is on the pairs it was chosen on.
BORDER_CHOICE_PAIRS = 128
_ENCODE_BATCH = 32
# The thresholds of a finding: the share of real validation faces above `cue`, and of fakes below `clear`.
CUE_FALSE_POSITIVES = 0.05
CLEAR_MISSES = 0.25


DEFAULT_TEXT = Plan(steps=1500, lr=2e-3, weight_decay=0.05)
DEFAULT_BORDER = Plan(steps=0, lr=0.03, check_every=20)
# In the second stage the text side, trained already, follows the border slowly.
BORDER_STAGE_TEXT_RATIO = 0.01


@dataclass(frozen=True)
class TrainSettings:
    """The recipe. `text` trains on cached zero-border features; `border` with no steps leaves the border 0.

    The published border schedule is 18,000 steps of 32 faces at a learning rate of 1.0.
    """

    text: Plan = DEFAULT_TEXT
    border: Plan = DEFAULT_BORDER
    text_batch_pairs: int = 128
    border_batch_pairs: int = 8
    prompt: PromptMode = PromptMode.FACE
    seed: int = 7


class Faces:
    """One split of a cache as tensors, members of a pair side by side: real, fake."""

    def __init__(self, cache: FeatureCache, split: str, device: torch.device) -> None:
        rows = _paired_rows(cache, split)
        self.features = functional.normalize(torch.from_numpy(cache.features[rows]).to(device), dim=-1)
        self.identities = torch.from_numpy(cache.embeddings[rows]).to(device)
        self.label = torch.from_numpy(cache.label[rows].astype(np.int64)).to(device)
        self.crops = cache.crops[rows]
        self.device = device
        self.digest = hashlib.sha256(cache.features[rows].tobytes() + rows.tobytes()).hexdigest()

    @property
    def pairs(self) -> int:
        return len(self.label) // 2

    def rows_of(self, pairs: npt.ArrayLike) -> torch.Tensor:
        first = 2 * torch.as_tensor(pairs)
        return torch.stack([first, first + 1], dim=1).flatten()

    def words(self, mode: PromptMode, rows: torch.Tensor) -> torch.Tensor:
        """The identities that the prompt is given: the faces' own, or random ones of the same number."""
        if mode is PromptMode.RANDOM:
            width = self.identities.shape[1]
            return random_identities(rows, torch.zeros_like(rows), width).to(self.device)
        return self.identities[rows.to(self.device)]


def _paired_rows(cache: FeatureCache, split: str) -> npt.NDArray[np.intp]:
    """Rows of the split's whole pairs, real before fake. Raises ForensicsError when there are none."""
    chosen = np.flatnonzero(cache.split == split)
    order = chosen[np.lexsort((cache.label[chosen], cache.pair[chosen]))]
    pair = cache.pair[order]
    first = np.flatnonzero((pair[:-1] == pair[1:]) & (cache.label[order][:-1] < cache.label[order][1:]))
    if not len(first):
        raise ForensicsError(f"the cache holds no pair of a real and a fake face in the split {split!r}")
    return np.stack([order[first], order[first + 1]], axis=1).ravel()


def train(
    cache: FeatureCache,
    config: RepDFDConfig,
    tower: nn.Module,
    out: Path,
    *,
    settings: TrainSettings,
    device: torch.device,
    resume: bool = False,
    on_step: OnStep = lambda step, steps, loss: None,
) -> dict[str, float]:
    """Train both stages, choose the operating point on the validation split, write the checkpoint to `out`.

    Returns the validation AUC after each stage that ran. The border is kept only if it raises the AUC on
    validation pairs that did not choose its best step. Raises ForensicsError for a cache without pairs in
    both splits.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = build(config, tower).to(device)
    learn, check = Faces(cache, "train", device), Faces(cache, "val", device)
    scores = {"text": _train_text(model, learn, check, settings, out / "text", resume, on_step)}
    stages = f"text tower and map: {settings.text.steps} steps"
    logits = _text_logits(model, check)
    if settings.border.steps:
        before = {name: value.clone() for name, value in model.learnt_state().items()}
        raised = _train_border(model, learn, check, settings, out / "border", resume, on_step)
        scores |= raised
        if raised["border"] > raised["text on the same faces"]:
            stages += f"; border jointly: {settings.border.steps} steps"
            logits = margins(model, check, np.arange(len(check.label)))
        else:
            model.load_state_dict(before, strict=False)
    trained = replace(config, operating_point=_operating_point(logits, check), training=stages)
    save_checkpoint(model, trained, out / CHECKPOINT_FILE)
    return scores


def config_before_training(backbone: Backbone = STARTER, *, embedder: str = STARTER_EMBEDDER) -> RepDFDConfig:
    """The configuration of a training on this tower and these identities; by default the starter's.

    Raises FaceError for an unknown embedder.
    """
    return RepDFDConfig(
        backbone=backbone.architecture,
        image_weights=backbone.weights,
        embedder=embedder,
        embedding_width=embedder_facts(embedder).dimension,
        # Cut straight at the size the border leaves for the face, so that nothing is resized twice.
        crop=CropSpec(size=backbone.face_pixels, margin_ratio=MARGIN_RATIO),
        face_pixels=backbone.face_pixels,
        canvas_pixels=backbone.canvas_pixels,
        prompt=PromptMode.FACE,
        text=TextConfig(TEXT_WIDTH, TEXT_HEADS, TEXT_LAYERS, starter_vocabulary()),
        operating_point=OperatingPoint(0.0, 0.0, "none"),
        training="none",
    )


def _text_parameters(model: RepDFD) -> dict[str, nn.Parameter]:
    named = {f"face2text.{name}": value for name, value in model.face2text.named_parameters()}
    return named | {"logit_scale": model.logit_scale}


def _clamp_scale(model: RepDFD) -> None:
    with torch.no_grad():
        model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)


def _train_text(
    model: RepDFD,
    learn: Faces,
    check: Faces,
    settings: TrainSettings,
    folder: Path,
    resume: bool,
    on_step: OnStep,
) -> float:
    """Stage one: cross-entropy on features under an empty border; minutes on a CPU."""
    batch = min(settings.text_batch_pairs, learn.pairs)

    def loss_of(step: int) -> torch.Tensor:
        rows = learn.rows_of(pair_batches(learn.pairs, batch, step, settings.seed))
        logits = model.logits(learn.features[rows], learn.words(settings.prompt, rows))
        return functional.cross_entropy(logits, learn.label[rows])

    def validate() -> float:
        return float(roc_auc_score(check.label.cpu(), _text_logits(model, check)))

    recipe = _recipe(learn, check, batch, settings)
    loop = Loop(_text_parameters(model), settings.text, folder, recipe=recipe)
    return loop.run(loss_of, validate, resume=resume, on_step=on_step, after_step=lambda: _clamp_scale(model))


def _train_border(
    model: RepDFD,
    learn: Faces,
    check: Faces,
    settings: TrainSettings,
    folder: Path,
    resume: bool,
    on_step: OnStep,
) -> Mapping[str, float]:
    """Stage two: the border and the text side together, through the frozen tower in bf16 autocast."""
    batch = min(settings.border_batch_pairs, learn.pairs)
    choosing, deciding = border_validation(check)

    def loss_of(step: int) -> torch.Tensor:
        rows = learn.rows_of(pair_batches(learn.pairs, batch, step, settings.seed + 1))
        crops = torch.from_numpy(learn.crops[rows.numpy()]).to(learn.device)
        with torch.autocast(learn.device.type, dtype=torch.bfloat16):
            features = model.image_tower(model.reprogram(crops))
        unit = functional.normalize(features.float(), dim=-1)
        logits = model.logits(unit, learn.words(settings.prompt, rows))
        return functional.cross_entropy(logits, learn.label[rows])

    def auc_on(rows: torch.Tensor) -> float:
        return float(roc_auc_score(check.label.cpu()[rows], margins(model, check, rows.numpy())))

    text = _text_parameters(model)
    before = auc_on(deciding)
    loop = Loop(
        text | {"reprogram.delta": model.reprogram.delta},
        settings.border,
        folder,
        lr_ratio=dict.fromkeys(text, BORDER_STAGE_TEXT_RATIO),
        recipe=_recipe(learn, check, batch, settings),
    )
    loop.run(
        loss_of,
        lambda: auc_on(choosing),
        resume=resume,
        on_step=on_step,
        after_step=lambda: _clamp_scale(model),
    )
    return {"text on the same faces": before, "border": auc_on(deciding)}


def border_validation(check: Faces) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of the validation pairs that choose the border's best step, and of those that judge it.

    Pairs lie in order of their source, so a run of neighbours would be one kind of picture only.
    """
    count = min(BORDER_CHOICE_PAIRS, check.pairs // 2)
    if not count:
        raise ForensicsError("the border needs at least two validation pairs; make a larger cache")
    choosing = np.linspace(0, check.pairs - 1, count).round().astype(np.int64)
    deciding = np.setdiff1d(np.arange(check.pairs), choosing)
    return check.rows_of(choosing), check.rows_of(deciding)


def _recipe(learn: Faces, check: Faces, batch_pairs: int, settings: TrainSettings) -> str:
    """What a stage's state depends on besides its plan."""
    return f"{learn.digest} {check.digest} {batch_pairs} {settings.prompt.value} {settings.seed}"


def _text_logits(model: RepDFD, faces: Faces) -> npt.NDArray[np.float64]:
    """Fake minus real logit of every face, from the cached features."""
    rows = torch.arange(len(faces.label))
    with torch.no_grad():
        logits = model.logits(faces.features, faces.words(model.face2text.mode, rows)).double().cpu()
    return np.asarray(logits[:, 1] - logits[:, 0])


def margins(model: RepDFD, faces: Faces, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Fake minus real logit of the faces in `rows`, through the tower under the model's border."""
    parts = []
    for part in torch.split(torch.from_numpy(rows), _ENCODE_BATCH):
        crops = torch.from_numpy(faces.crops[part.numpy()]).to(faces.device)
        with torch.no_grad(), torch.autocast(faces.device.type, dtype=torch.bfloat16):
            features = model.image_tower(model.reprogram(crops))
        with torch.no_grad():
            unit = functional.normalize(features.float(), dim=-1)
            logits = model.logits(unit, faces.words(model.face2text.mode, part)).double().cpu()
        parts.append(np.asarray(logits[:, 1] - logits[:, 0]))
    return np.concatenate(parts)


def _operating_point(logits: npt.NDArray[np.float64], check: Faces) -> OperatingPoint:
    """Thresholds from validation faces: single pictures, whose scores scatter more than a clip's mean."""
    label = check.label.cpu().numpy()
    cue = float(np.quantile(logits[label == 0], 1 - CUE_FALSE_POSITIVES))
    clear = float(np.quantile(logits[label == 1], CLEAR_MISSES))
    return OperatingPoint(
        cue_logit=round(max(cue, clear), 4),
        clear_logit=round(min(cue, clear), 4),
        source=(
            f"validation faces: {CUE_FALSE_POSITIVES:.0%} of {int((label == 0).sum())} real ones lie above "
            f"the upper, {CLEAR_MISSES:.0%} of as many pseudo-fakes below the lower"
        ),
    )
