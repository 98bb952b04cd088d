"""Loads the models of an analysis once, for any number of videos, and lists the files they came from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch

from face.detect import DetectSettings, FaceDetector, detector_weights, load_detector
from face.embed import IdentityEmbedder, load_embedder, weights_needed
from face.landmarks import LANDMARKS_WEIGHT, DenseLandmarks
from face.landmarks import load as load_landmarks
from forensics.detector import Detector, LoadOptions, Scope, detector_module
from forensics.evidence import FrontHalf
from forensics.report.model import ModelFile
from forensics.report.verdict import DetectorRun, Status
from forensics.settings import AnalysisSettings, choose_device
from forensics.weights_option import is_for
from weights.results import WeightFile
from weights.store import Store
from weights.streams import Progress, no_progress

LOGGER = logging.getLogger(__name__)
DEFAULT_DETECT = DetectSettings()
# What `whole_frame` asks for, and what runs in its place on a machine that has not got its weights.
WHOLE_FRAME, STAND_IN = "code", "clip_probe"

# Called with what is being loaded.
Announce = Callable[[str], None]


def say_nothing(what: str) -> None:
    """The announcement callback of those who do not look."""


@dataclass(frozen=True)
class Models:
    """Everything loaded. `not_run` says of the detectors that were skipped or could not be loaded why."""

    front: FrontHalf
    detectors: dict[str, Detector]
    not_run: tuple[DetectorRun, ...]
    files: tuple[ModelFile, ...]
    device: torch.device


def load_options(settings: AnalysisSettings, detector: str) -> LoadOptions:
    """What the settings say about loading that detector."""
    running = (*settings.detectors, WHOLE_FRAME) if settings.whole_frame else settings.detectors
    given = settings.weights is not None and is_for(detector, settings.weights, running)
    return LoadOptions(
        device=choose_device(settings.device),
        precision=settings.precision,
        prompt=settings.prompt,
        weights=settings.weights if given else None,
        head=settings.head,
        crops=settings.crops,
    )


def choose_detectors(
    settings: AnalysisSettings, store: Store
) -> tuple[tuple[str, ...], tuple[DetectorRun, ...]]:
    """The names of the detectors to run, and the record of the whole-frame one that was passed over."""
    if not settings.whole_frame or WHOLE_FRAME in settings.detectors:
        return settings.detectors, ()
    needed = detector_module(WHOLE_FRAME).weights_needed(load_options(settings, WHOLE_FRAME))
    missing = [name for name in needed if store.present(name) is None]
    taken, passed_over = (STAND_IN, WHOLE_FRAME) if missing else (WHOLE_FRAME, STAND_IN)
    reason = (
        f"its weights are not on this machine; `forensics weights fetch {' '.join(missing)}` brings them"
        if missing
        else f"it stands in where the weights of {WHOLE_FRAME} are missing, and they are here"
    )
    skipped = DetectorRun.without_finding(passed_over, Scope.FRAME, Status.SKIPPED, reason)
    return tuple(dict.fromkeys((*settings.detectors, taken))), (skipped,)


def fetch_weights(
    settings: AnalysisSettings, store: Store, *, progress: Progress = no_progress
) -> tuple[WeightFile, ...]:
    """Bring every weight these settings need into the store.

    Raises WeightsError when one is damaged, and MissingWeightsError naming all that cannot be had.
    """
    chosen, _ = choose_detectors(settings, store)
    names = [
        name
        for detector in chosen
        for name in detector_module(detector).weights_needed(load_options(settings, detector))
    ]
    names += [*weights_needed(settings.tracking_embedder), *detector_weights(settings.face_detector)]
    return store.fetch_all(tuple(dict.fromkeys(names)), progress=progress)


def load_models(settings: AnalysisSettings, store: Store, *, announce: Announce = say_nothing) -> Models:
    """Load the face components and the detectors.

    Raises UsageFault for unknown names, WeightsError when a weight is missing or damaged. A detector
    whose optional package is absent is a failure of that detector alone.
    """
    device = choose_device(settings.device)
    chosen, skipped = choose_detectors(settings, store)
    modules = {name: detector_module(name) for name in chosen}
    announce("face detector")
    face_detector = load_named_detector(settings.face_detector, store, device, settings=settings.detect)
    detectors: dict[str, Detector] = {}
    not_run = [*skipped]
    for name, module in modules.items():
        announce(name)
        try:
            detectors[name] = module.load(store, load_options(settings, name))
        except ImportError as error:
            LOGGER.warning("detector %s cannot be loaded: %s", name, error)
            reason = f"the package {error.name} is not installed"
            not_run.append(DetectorRun.without_finding(name, module.SCOPE, Status.FAILED, reason))
    wanted = [settings.tracking_embedder]
    wanted += [detector.embedder for detector in detectors.values() if detector.embedder is not None]
    embedders, files = [], []
    for name in dict.fromkeys(wanted):
        announce(f"identity encoder {name}")
        embedders.append(load_named_embedder(name, store, device))
        weights = [store.fetch(weight) for weight in weights_needed(name)]
        files += [_model_file(weight, f"identity encoder {name}") for weight in weights]
    files += _face_detector_files(face_detector, store)
    for name, detector in detectors.items():
        files += [_model_file(weight, f"detector {name}") for weight in detector.weights]
    front = FrontHalf(face_detector, embedders, settings.quality, device)
    return Models(front, detectors, tuple(not_run), tuple(files), device)


def load_named_detector(
    name: str, store: Store, device: torch.device, *, settings: DetectSettings = DEFAULT_DETECT
) -> FaceDetector:
    """The face detector `name` with its weights from `store`. Raises FaceError, WeightsError."""
    paths = {weight: store.fetch(weight).path for weight in detector_weights(name)}
    return load_detector(name, device=device, settings=settings, model_paths=paths)


def load_named_embedder(name: str, store: Store, device: torch.device) -> IdentityEmbedder:
    """The identity encoder `name` with its weights from `store`. Raises FaceError, WeightsError."""
    paths = {weight: store.fetch(weight).path for weight in weights_needed(name)}
    return load_embedder(name, paths, device=device)


def load_dense_landmarks(store: Store) -> DenseLandmarks:
    """dlib's 68 landmarks with their weights from `store`. Raises FaceError, WeightsError."""
    return load_landmarks(store.fetch(LANDMARKS_WEIGHT).path)


def _model_file(weight: WeightFile, used_by: str) -> ModelFile:
    return ModelFile(
        name=weight.name,
        sha256=weight.sha256,
        licence=weight.licence,
        commercial_use=weight.commercial_use,
        pinned=weight.pinned,
        used_by=used_by,
    )


def _face_detector_files(detector: FaceDetector, store: Store) -> list[ModelFile]:
    """Fetched weights as they are; what ships inside the detector's package by its own digests."""
    used_by = f"face detector {detector.name}"
    if names := detector_weights(detector.name):
        return [_model_file(store.fetch(name), used_by) for name in names]
    return [ModelFile(name, sha256, "MIT", True, "sha256", used_by) for name, sha256 in detector.files()]
