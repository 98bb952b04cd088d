"""RepDFD of the published shape with random weights, whose speed is that of the real ones."""

from __future__ import annotations

from dataclasses import replace

import torch

from face.embed import embedder_facts
from face.onednn import with_onednn_products
from face.types import CropSpec
from forensics.backbones import BACKBONES
from forensics.detectors.repdfd import RepDFDDetector
from forensics.face2text import PromptMode
from forensics.findings import Thresholds
from forensics.models import Models, load_options
from forensics.repdfd import build
from forensics.repdfd_config import OperatingPoint, RepDFDConfig
from forensics.repdfd_official import MARGIN_RATIO
from forensics.repdfd_weights import Setup
from forensics.settings import AnalysisSettings

_NOTE = "RepDFD ran with random weights, for its speed alone: its scores mean nothing."
_SEED = 5


def with_random_repdfd(models: Models, backbone: str, settings: AnalysisSettings) -> Models:
    """The models with a RepDFD on CLIP's own two towers, all of it random, in the place of theirs.

    `backbone` is one of `BACKBONES`; identities are those of the tracking encoder.
    """
    import open_clip
    from open_clip.model import CLIP

    chosen = BACKBONES[backbone]
    embedder = settings.tracking_embedder
    config = RepDFDConfig(
        backbone=chosen.architecture,
        image_weights=chosen.weights,
        embedder=embedder,
        embedding_width=embedder_facts(embedder).dimension,
        crop=CropSpec(size=chosen.face_pixels, margin_ratio=MARGIN_RATIO),
        face_pixels=chosen.face_pixels,
        canvas_pixels=chosen.canvas_pixels,
        prompt=PromptMode.FACE,
        text=None,
        operating_point=OperatingPoint(0.0, 0.0, "random weights"),
        training="not at all",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        clip = CLIP(**open_clip.get_model_config(chosen.architecture)).eval().requires_grad_(False)
        model = build(config, with_onednn_products(clip.visual), clip=clip).eval()
    model.image_tower.to(settings.precision.dtype)
    setup = Setup(config.crop, embedder, PromptMode.FACE, Thresholds(0.0, 0.0, "random weights"), _NOTE)
    detector = RepDFDDetector(model.to(models.device), setup, (), load_options(settings, "repdfd"))
    return replace(models, detectors={**models.detectors, "repdfd": detector})
