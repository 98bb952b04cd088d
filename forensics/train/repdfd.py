"""Trains RepDFD on a frozen tower: first the text side on cached features, then the border jointly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from face.embed import embedder_facts
from face.types import CropSpec
from forensics.backbones import STARTER, Backbone
from forensics.data.cache import REAL, FeatureCache
from forensics.errors import ForensicsError
from forensics.face2text import PromptMode
from forensics.repdfd import (
    MAX_LOGIT_SCALE,
    OperatingPoint,
    RepDFD,
    RepDFDConfig,
    TextConfig,
    build,
    fake_logit,
    save_checkpoint,
    starter_vocabulary,
)
from forensics.train.faces import Draw, Faces
from forensics.train.loop import Loop, OnStep, Plan
from forensics.train.operating_point import choose_thresholds

CHECKPOINT_FILE = "repdfd.safetensors"
STARTER_EMBEDDER = "dlib"
MARGIN_RATIO = 1.3
# A small stand-in for CLIP's text tower: half a million parameters, a file of about 3 MB.
TEXT_WIDTH, TEXT_HEADS, TEXT_LAYERS = 128, 4, 2
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

    The published border schedule is 18,000 steps of 32 faces at a learning rate of 1.0.
    """

    text: Plan = DEFAULT_TEXT
    border: Plan = DEFAULT_BORDER
    text_draw: Draw = DEFAULT_TEXT_DRAW
    border_draw: Draw = DEFAULT_BORDER_DRAW
    prompt: PromptMode = PromptMode.FACE
    seed: int = 7


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
            logits = fake_logits(model, check, np.arange(len(check)))
        else:
            model.load_state_dict(before, strict=False)
    thresholds = choose_thresholds(logits, check.label.cpu().numpy() == REAL)
    trained = replace(config, operating_point=thresholds, training=stages)
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


def with_generated_prompt(config: RepDFDConfig) -> RepDFDConfig:
    """The configuration with the third prompt, and the words that it needs."""
    text = replace(config.text, vocabulary=starter_vocabulary(generated=True))
    return replace(config, text=text, generated_prompt=True)


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

    def loss_of(step: int) -> torch.Tensor:
        rows = learn.drawn(settings.text_draw, step, settings.seed)
        logits = model.logits(learn.features[rows], learn.words(settings.prompt, rows))
        return functional.cross_entropy(logits, learn.prompt_of(rows, model.face2text.prompts))

    def validate() -> float:
        return check.auc(_text_logits(model, check))

    recipe = _recipe(learn, check, settings.text_draw, settings)
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
    choosing, deciding = border_validation(check)

    def loss_of(step: int) -> torch.Tensor:
        rows = learn.drawn(settings.border_draw, step, settings.seed + 1)
        crops = torch.from_numpy(learn.crops[rows.numpy()]).to(learn.device)
        with torch.autocast(learn.device.type, dtype=torch.bfloat16):
            features = model.image_tower(model.reprogram(crops))
        unit = functional.normalize(features.float(), dim=-1)
        logits = model.logits(unit, learn.words(settings.prompt, rows))
        return functional.cross_entropy(logits, learn.prompt_of(rows, model.face2text.prompts))

    def auc_on(rows: npt.NDArray[np.intp]) -> float:
        return check.auc(fake_logits(model, check, rows), rows)

    text = _text_parameters(model)
    before = auc_on(deciding)
    loop = Loop(
        text | {"reprogram.delta": model.reprogram.delta},
        settings.border,
        folder,
        lr_ratio=dict.fromkeys(text, BORDER_STAGE_TEXT_RATIO),
        recipe=_recipe(learn, check, settings.border_draw, settings),
    )
    loop.run(
        loss_of,
        lambda: auc_on(choosing),
        resume=resume,
        on_step=on_step,
        after_step=lambda: _clamp_scale(model),
    )
    return {"text on the same faces": before, "border": auc_on(deciding)}


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


def _recipe(learn: Faces, check: Faces, draw: Draw, settings: TrainSettings) -> str:
    """What a stage's state depends on besides its plan."""
    return f"{learn.digest} {check.digest} {draw} {settings.prompt.value} {settings.seed}"


def _text_logits(model: RepDFD, faces: Faces) -> npt.NDArray[np.float64]:
    """The fake logit of every face, from the cached features."""
    rows = torch.arange(len(faces))
    with torch.no_grad():
        logits = model.logits(faces.features, faces.words(model.face2text.mode, rows)).double()
    return np.asarray(fake_logit(logits).cpu())


def fake_logits(model: RepDFD, faces: Faces, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """The fake logit of the faces in `rows`, through the tower under the model's border."""
    parts = []
    for part in torch.split(torch.from_numpy(rows), _ENCODE_BATCH):
        crops = torch.from_numpy(faces.crops[part.numpy()]).to(faces.device)
        with torch.no_grad(), torch.autocast(faces.device.type, dtype=torch.bfloat16):
            features = model.image_tower(model.reprogram(crops))
        with torch.no_grad():
            unit = functional.normalize(features.float(), dim=-1)
            logits = model.logits(unit, faces.words(model.face2text.mode, part)).double()
        parts.append(np.asarray(fake_logit(logits).cpu()))
    return np.concatenate(parts)
