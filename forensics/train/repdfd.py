"""Trains RepDFD on a frozen tower: first the text side on cached features, then the border jointly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from face.embed import embedder_facts
from face.types import CropSpec
from forensics.backbones import PUBLISHED_FACE_RATIO, STARTER, Backbone
from forensics.data.cache import REAL, FeatureCache
from forensics.errors import UsageFault
from forensics.face2text import PromptMode
from forensics.repdfd import build, starter_vocabulary
from forensics.repdfd_checkpoint import save_checkpoint
from forensics.repdfd_config import NO_EMBEDDER, OperatingPoint, RepDFDConfig, TextConfig
from forensics.train.faces import Faces
from forensics.train.loop import OnStep
from forensics.train.operating_point import choose_thresholds
from forensics.train.repdfd_stages import Stages, TrainSettings
from forensics.train.team import ALONE, Team

CHECKPOINT_FILE = "repdfd.safetensors"
STARTER_EMBEDDER = "dlib"
MARGIN_RATIO = 1.3
# A small stand-in for CLIP's text tower: half a million parameters, a file of about 3 MB.
TEXT_WIDTH, TEXT_HEADS, TEXT_LAYERS = 128, 4, 2


def train(
    cache: FeatureCache,
    config: RepDFDConfig,
    tower: nn.Module,
    out: Path,
    *,
    settings: TrainSettings,
    device: torch.device,
    clip: Any = None,
    resume: bool = False,
    on_step: OnStep = lambda step, steps, loss: None,
    team: Team = ALONE,
    tensorboard: bool = False,
) -> dict[str, float]:
    """Train both stages, choose the operating point on the validation split, write the checkpoint to `out`.

    `clip` is the whole of open_clip's `CLIP` where the configuration asks for its text tower. Returns the
    validation AUC after each stage that ran. The border is kept only if it raises the AUC on validation
    videos that did not choose its best step. Raises ForensicsError for a cache without real or fake faces in
    either split, UsageFault where nothing would be trained.
    """
    if not settings.border.steps and (config.text is None or not settings.text.steps):
        raise UsageFault("nothing would be trained: CLIP's own text tower is frozen; give --border-steps")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = build(config, tower, clip=clip).to(device)
    stages = Stages(
        model=model,
        learn=Faces(cache, "train", device),
        check=Faces(cache, "val", device),
        settings=settings,
        folder=out,
        resume=resume,
        on_step=on_step,
        team=team,
        tensorboard=tensorboard,
    )
    scores: dict[str, float] = {}
    trained = []
    if config.text is not None and settings.text.steps:
        scores["text"] = stages.train_text()
        trained.append(f"text tower and map: {settings.text.steps} steps")
    logits = stages.text_logits()
    if settings.border.steps:
        before = {name: value.clone() for name, value in model.learnt_state().items()}
        scores |= stages.train_border()
        if scores["border"] > scores["text on the same faces"]:
            trained.append(f"border{' jointly' if trained else ''}: {settings.border.steps} steps")
            logits = stages.fake_logits(np.arange(len(stages.check)))
        else:
            model.load_state_dict(before, strict=False)
    thresholds = choose_thresholds(logits, stages.check.label.cpu().numpy() == REAL)
    done = replace(config, operating_point=thresholds, training="; ".join(trained) or "nothing helped")
    if team.leads:
        save_checkpoint(model, done, out / CHECKPOINT_FILE)
    team.wait()
    return scores


def config_before_training(
    backbone: Backbone = STARTER,
    *,
    embedder: str = STARTER_EMBEDDER,
    prompt: PromptMode = PromptMode.FACE,
    face_ratio: float = PUBLISHED_FACE_RATIO,
    clip_text: bool = False,
) -> RepDFDConfig:
    """The configuration of a training on this tower and these identities; by default the starter's.

    `face_ratio` is the face's share of the canvas; with `clip_text` the text tower is CLIP's own. Raises
    FaceError for an unknown embedder, UsageFault for a prompt that needs one where there is none, for CLIP's
    text tower where the weights hold none, and for a face smaller than a pixel.
    """
    if embedder == NO_EMBEDDER and prompt is not PromptMode.FIXED:
        raise UsageFault(f"--prompt {prompt.value}: needs identities; give --prompt fixed or an --embedder")
    if clip_text and not backbone.text_tower:
        raise UsageFault(f"--text clip: {backbone.name} has no text tower; choose another --backbone")
    face_pixels = int(backbone.canvas_pixels * face_ratio)
    if not face_pixels:
        raise UsageFault(
            f"--face-ratio {face_ratio:g}: leaves no pixel of {backbone.canvas_pixels}; raise it"
        )
    return RepDFDConfig(
        backbone=backbone.architecture,
        image_weights=backbone.weights,
        embedder=embedder,
        embedding_width=0 if embedder == NO_EMBEDDER else embedder_facts(embedder).dimension,
        # Cut straight at the size the border leaves for the face, so that nothing is resized twice.
        crop=CropSpec(size=face_pixels, margin_ratio=MARGIN_RATIO),
        face_pixels=face_pixels,
        canvas_pixels=backbone.canvas_pixels,
        prompt=prompt,
        text=None if clip_text else TextConfig(TEXT_WIDTH, TEXT_HEADS, TEXT_LAYERS, starter_vocabulary()),
        operating_point=OperatingPoint(0.0, 0.0, "none"),
        training="none",
    )


def with_generated_prompt(config: RepDFDConfig) -> RepDFDConfig:
    """The configuration with the third prompt, and the words that it needs."""
    text = (
        None if config.text is None else replace(config.text, vocabulary=starter_vocabulary(generated=True))
    )
    return replace(config, text=text, generated_prompt=True)
