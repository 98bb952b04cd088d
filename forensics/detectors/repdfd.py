"""RepDFD (Lin et al., AAAI 2025): CLIP reprogrammed by a border and an identity prompt, per face."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from face.embed import embedder_facts, embedder_names
from face.embed import weights_needed as embedder_weights
from face.types import CropSpec
from forensics import backbones
from forensics import repdfd_official as official
from forensics.attribution import METHOD, integrated_gradients, patch_heat
from forensics.detector import WEIGHT_VARIANTS, FaceInputs, LoadOptions, Scope
from forensics.errors import ForensicsError, UsageFault
from forensics.evidence import Evidence
from forensics.face2text import PromptMode, random_identities
from forensics.face_scores import score_faces
from forensics.findings import Thresholds
from forensics.repdfd import (
    NO_EMBEDDER,
    TRAIN_AGAIN,
    RepDFD,
    RepDFDConfig,
    fake_logit,
    load_learnt,
    read_config,
    read_tensors,
)
from forensics.repdfd_load import build_on
from forensics.reprogram import squash
from forensics.scores import FrameScores
from weights.errors import CorruptWeightsError
from weights.results import WeightFile, user_file
from weights.store import Store

SUMMARY = "reprogrammed CLIP with an identity pseudo-word: face swaps and re-enactments, per face"
SCOPE = Scope.FACE
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


class RepDFDDetector:
    """The loaded detector. Its score is the logit of P(fake): of not being real, over the prompts.

    `model` scores the faces cropped by `crop`.
    """

    name = "repdfd"
    scope = Scope.FACE
    explanation = METHOD

    def __init__(
        self, model: RepDFD, setup: Setup, weights: tuple[WeightFile, ...], options: LoadOptions
    ) -> None:
        self.model = model
        self.crop = setup.crop
        self.embedder = setup.embedder
        self.thresholds = setup.thresholds
        self.weights = weights
        self.notes: tuple[str, ...] = (setup.note,)
        mode = model.face2text.mode
        self.options = replace(options, prompt=mode, weights=options.weights or WEIGHT_VARIANTS[0], head=None)
        if mode is not setup.trained_prompt:
            self.notes += (
                f"The prompt mode {mode.value!r} is an ablation: the weights were trained with "
                f"{setup.trained_prompt.value!r}, and the thresholds were chosen for that.",
            )

    def score(self, evidence: Evidence) -> FrameScores:
        """Score the faces that are good enough; the others abstain with their first quality reason."""

        def logits_of(chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
            faces = self.inputs(evidence, chosen)
            with torch.inference_mode():
                # Those of the softmax over the prompts.
                logits = fake_logit(self.model(faces.crops, faces.identities).double())
            return np.asarray(logits.cpu())

        return score_faces(self.name, evidence, logits_of)

    def inputs(self, evidence: Evidence, chosen: npt.NDArray[np.intp]) -> FaceInputs:
        """The crops and identities that the `chosen` [K] faces are scored by."""
        return FaceInputs(evidence.crops(self.crop).data[chosen], self._identities(evidence, chosen))

    def explain(self, inputs: FaceInputs) -> torch.Tensor:
        """[K,F,F] float32 heat over each face as the tower sees it, F pixels wide, one value for each patch.

        It says where the pixels are whose detail moved the score; the identity is held as it is.
        """
        model, reprogram = self.model, self.model.reprogram
        with torch.no_grad():
            text = model.face2text(inputs.identities)
        faces = squash(inputs.crops, reprogram.face_pixels) * 255
        found = [
            integrated_gradients(partial(self._score_against, words), face.unsqueeze(0))
            for face, words in zip(faces, text, strict=True)
        ]
        return patch_heat(
            torch.cat(found),
            patch_pixels=model.patch_pixels,
            offset_pixels=reprogram.offset_pixels,
        )

    def _score_against(self, words: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        """[N,3,F,F] float32 faces in 0..255 and [K,D] text features -> [N] scores."""
        features = self.model.image_features(faces)
        return fake_logit(self.model.compare(features, words.expand(len(faces), -1, -1)))

    def _identities(self, evidence: Evidence, chosen: npt.NDArray[np.intp]) -> torch.Tensor:
        if self.embedder is None:
            return torch.zeros(len(chosen), 0, device=self.model.logit_scale.device)
        if self.embedder not in evidence.identities:
            there = ", ".join(evidence.identities) or "none"
            raise ForensicsError(
                f"{self.name}: trained with the identities of {self.embedder}, but the evidence has those of "
                f"{there}; gather it with that encoder, no other fits"
            )
        data = evidence.identities[self.embedder].data
        if self.model.face2text.mode is PromptMode.RANDOM:
            frame, order = evidence.frame_index[chosen], evidence.order_in_frame[chosen]
            words = random_identities(torch.from_numpy(frame), torch.from_numpy(order), data.shape[1])
            return words.to(data.device)
        return data[torch.from_numpy(chosen)]


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


def load(store: Store, options: LoadOptions) -> RepDFDDetector:
    """Load the starter, the published model, or a checkpoint of `forensics train repdfd`.

    Raises WeightsError when a weight is missing, damaged or of another shape, and UsageFault when
    `options.weights` is neither a variant nor a file.
    """
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


def _load_checkpoint(checkpoint: WeightFile, store: Store, options: LoadOptions) -> RepDFDDetector:
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
    return RepDFDDetector(model.to(options.device), setup, (checkpoint, tower_file), options)


def _load_official(store: Store, options: LoadOptions) -> RepDFDDetector:
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
    return RepDFDDetector(model.to(options.device), setup, files, options)
