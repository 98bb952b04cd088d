"""The weights that RepDFD runs with: the starter, the published ones, or a checkpoint of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from face.embed import embedder_facts, embedder_names
from face.embed import weights_needed as embedder_weights
from face.types import CropSpec
from forensics import backbones
from forensics import repdfd_official as official
from forensics.detector import WEIGHT_VARIANTS, LoadOptions
from forensics.errors import UsageFault
from forensics.face2text import PromptMode
from forensics.findings import Thresholds
from forensics.repdfd import RepDFD
from forensics.repdfd_checkpoint import TRAIN_AGAIN, load_learnt, read_config, read_tensors
from forensics.repdfd_config import NO_EMBEDDER, RepDFDConfig
from forensics.repdfd_load import build_on
from weights.errors import CorruptWeightsError
from weights.results import WeightFile, user_file
from weights.store import Store

STARTER = "repdfd-starter"
STARTER_EMBEDDER = "dlib"

STAND_IN_NOTE = (
    "RepDFD runs with a small text tower trained by this project's own command, a stand-in for CLIP's: its "
    "scores are not those of the published model. Trained: {training}."
)
OWN_NOTE = (
    "RepDFD runs with a border trained by this project's own command, on CLIP's own text tower: its scores "
    "are not those of the published checkpoint. Trained: {training}."
)
OFFICIAL_NOTE = (
    "RepDFD runs with the released checkpoint. Its authors published no face detector and no crop margin: "
    f"the face detector named in the settings and a margin of {official.MARGIN_RATIO} are assumptions of "
    "this tool."
)
OFFICIAL_THRESHOLDS = Thresholds(0.0, 0.0, "the softmax's midpoint: no operating point was published")


@dataclass(frozen=True)
class Setup:
    """What a set of weights fixes: the crops and identities it was trained on, and its thresholds."""

    crop: CropSpec
    embedder: str | None
    trained_prompt: PromptMode
    thresholds: Thresholds
    note: str


@dataclass(frozen=True)
class Loaded:
    """The model on the CPU, what its weights fix, and the files that they came from."""

    model: RepDFD
    setup: Setup
    files: tuple[WeightFile, ...]


def weights_needed(options: LoadOptions) -> tuple[str, ...]:
    """The names in the weights registry of what `load` will ask for and of the identity encoder it needs.

    Raises as `load` does for a checkpoint that is not there or cannot be used.
    """
    if options.weights == "official":
        return (official.CHECKPOINT, backbones.PUBLISHED.weights, *embedder_weights(official.EMBEDDER))
    if options.weights in (None, "starter"):
        return (STARTER, backbones.STARTER.weights, *embedder_weights(STARTER_EMBEDDER))
    config = _usable_config(_users_file(options.weights))
    encoder = config.identity_encoder
    return (config.image_weights, *(() if encoder is None else embedder_weights(encoder)))


def load_chosen(store: Store, options: LoadOptions) -> Loaded:
    """The starter, the published model or the user's checkpoint; raises as the detector's `load` does."""
    if options.weights == "official":
        return _load_official(store, options)
    if options.weights in (None, "starter"):
        return _load_checkpoint(store.fetch(STARTER), store, options)
    return _load_checkpoint(user_file(_users_file(options.weights)), store, options)


def _users_file(weights: str) -> Path:
    path = Path(weights)
    if path.is_dir():
        raise UsageFault(
            f"--weights {weights}: is a folder, as only CoDE takes one; name it with --detector code, or "
            "give RepDFD a checkpoint file"
        )
    if not path.is_file():
        known = ", ".join(WEIGHT_VARIANTS)
        raise UsageFault(f"--weights {weights}: no such file; give a checkpoint or one of: {known}")
    return path


def _usable_config(path: Path) -> RepDFDConfig:
    """The checkpoint's configuration, if its CLIP and its identity encoder are among those there are.

    Raises CorruptWeightsError.
    """
    config = read_config(path)
    wanted = (config.backbone, config.image_weights, config.canvas_pixels)
    there = [(each.architecture, each.weights, each.canvas_pixels) for each in backbones.BACKBONES.values()]
    if wanted not in there:
        raise CorruptWeightsError(
            f"{path}: trained on the CLIP {config.backbone} of {config.canvas_pixels} px from "
            f"{config.image_weights}, which is none of {', '.join(backbones.BACKBONES)}; {TRAIN_AGAIN}"
        )
    embedders = {name: embedder_facts(name).dimension for name in embedder_names()} | {NO_EMBEDDER: 0}
    if embedders.get(config.embedder) != config.embedding_width:
        raise CorruptWeightsError(
            f"{path}: trained with identities of {config.embedding_width} values from {config.embedder}, "
            f"which no identity encoder here gives; {TRAIN_AGAIN}"
        )
    return config


def _load_checkpoint(checkpoint: WeightFile, store: Store, options: LoadOptions) -> Loaded:
    config = _usable_config(checkpoint.path)
    if config.identity_encoder is None and options.prompt not in (None, config.prompt):
        raise UsageFault(
            f"--prompt {options.prompt.value}: {checkpoint.path} was trained without identities; leave it out"
        )
    tower_file = store.fetch(config.image_weights)
    model = build_on(config, store.tensors(config.image_weights), mode=options.prompt)
    model = load_learnt(model, read_tensors(checkpoint.path), source=checkpoint.path).eval()
    model.image_tower.to(options.precision.dtype)
    point = config.operating_point
    setup = Setup(
        crop=config.crop,
        embedder=config.identity_encoder,
        trained_prompt=config.prompt,
        thresholds=Thresholds(point.cue_logit, point.clear_logit, point.source),
        note=(OWN_NOTE if config.text is None else STAND_IN_NOTE).format(training=config.training),
    )
    return Loaded(model, setup, (checkpoint, tower_file))


def _load_official(store: Store, options: LoadOptions) -> Loaded:
    backbone = backbones.PUBLISHED
    files = (store.fetch(official.CHECKPOINT), store.fetch(backbone.weights))
    clip = official.build_clip(backbone.architecture, store.tensors(backbone.weights))
    mode = official.TRAINED_PROMPT if options.prompt is None else options.prompt
    model = official.build_official(clip, store.tensors(official.CHECKPOINT), mode=mode)
    model.image_tower.to(options.precision.dtype)
    setup = Setup(
        # Squashed to the published 156 px by the crop itself.
        crop=CropSpec(size=model.reprogram.face_pixels, margin_ratio=official.MARGIN_RATIO),
        embedder=official.EMBEDDER,
        trained_prompt=official.TRAINED_PROMPT,
        thresholds=OFFICIAL_THRESHOLDS,
        note=OFFICIAL_NOTE,
    )
    return Loaded(model, setup, files)
