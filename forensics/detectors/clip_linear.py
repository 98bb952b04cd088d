"""The linear probe on the CLIP that RepDFD reprograms: what the same features give without reprogramming."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from forensics.backbones import BACKBONES, STARTER
from forensics.clip_linear import TRAIN_AGAIN, FaceFeatures, Probe, read_probe
from forensics.detector import LoadOptions, Scope
from forensics.errors import UsageFault
from forensics.evidence import Evidence
from forensics.face_scores import score_faces
from forensics.findings import Thresholds
from forensics.repdfd import build_image_tower
from forensics.scores import FrameScores
from weights.errors import CorruptWeightsError
from weights.results import WeightFile, user_file
from weights.store import Store

SUMMARY = "linear probe on RepDFD's CLIP, a peer to compare with: face swaps and re-enactments, per face"
SCOPE = Scope.FACE
SHIPPED = "clip-linear-starter"
# What `weights` says for the probe that ships here.
VARIANT = "starter"

NOTE = (
    "clip_linear is a logistic regression on CLIP's features of the face, fitted by this project's own "
    "command to measure RepDFD against; no publication stands behind its figures. Fitted: {training}."
)


class ClipLinearDetector:
    """The loaded detector. Its score is the logit of the regression."""

    name = "clip_linear"
    scope = Scope.FACE
    embedder = None

    def __init__(
        self, features: FaceFeatures, probe: Probe, weights: tuple[WeightFile, ...], options: LoadOptions
    ) -> None:
        self._features = features
        self._probe = probe
        self.weights = weights
        self.options = replace(options, prompt=None, weights=options.weights or VARIANT, head=None)
        self.notes = (NOTE.format(training=probe.config.training),)
        point = probe.config.operating_point
        self.thresholds = Thresholds(point.cue_logit, point.clear_logit, point.source)

    def score(self, evidence: Evidence) -> FrameScores:
        """Score the faces that are good enough; the others abstain with their first quality reason."""

        def logits_of(chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
            with torch.inference_mode():
                features = self._features(evidence.crops(self._probe.config.crop).data[chosen])
            return self._probe.logits(features.cpu().numpy())

        return score_faces(self.name, evidence, logits_of)


def weights_needed(options: LoadOptions) -> tuple[str, ...]:
    """The names in the weights registry of what `load` will ask for.

    Raises as `load` does for a probe that is not there or cannot be used.
    """
    if options.weights is None or options.weights == VARIANT:
        return (SHIPPED, STARTER.weights)
    return (BACKBONES[read_probe(_users_file(options.weights)).config.backbone].weights,)


def load(store: Store, options: LoadOptions) -> ClipLinearDetector:
    """Load the probe that ships here, or one of `forensics train clip_linear`, and its CLIP.

    Raises WeightsError when a weight is missing, damaged or not the one the probe was fitted on, and
    UsageFault when `options.weights` is no file.
    """
    if options.weights is None or options.weights == VARIANT:
        file = store.fetch(SHIPPED)
    else:
        file = user_file(_users_file(options.weights))
    probe = read_probe(file.path)
    backbone = BACKBONES[probe.config.backbone]
    tower_file = store.fetch(backbone.weights)
    if tower_file.sha256 != probe.config.tower_sha256:
        raise CorruptWeightsError(
            f"{file.path}: fitted on a {backbone.weights} with the sha256 {probe.config.tower_sha256}, not "
            f"on {tower_file.sha256}, which is here; {TRAIN_AGAIN}"
        )
    tower = build_image_tower(backbone.architecture, store.tensors(backbone.weights))
    if len(probe.weight) != tower.output_dim:
        raise CorruptWeightsError(
            f"{file.path}: a direction of {len(probe.weight)} values for features of {tower.output_dim}; "
            f"{TRAIN_AGAIN}"
        )
    face_pixels = probe.config.crop.size
    features = FaceFeatures(tower.to(options.precision.dtype), backbone, face_pixels=face_pixels)
    return ClipLinearDetector(features.to(options.device), probe, (file, tower_file), options)


def _users_file(weights: str) -> Path:
    path = Path(weights)
    if not path.is_file():
        raise UsageFault(
            f"--weights {weights}: no such file; give clip_linear one of `forensics train clip_linear`, or "
            f"{VARIANT}"
        )
    return path
