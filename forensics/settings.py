"""The settings of an analysis: all that a user may choose and that a report must record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import torch

from face.detect import DetectSettings, detector_names
from face.embed import embedder_names
from face.manual import ManualFace
from face.quality import QualityLimits
from forensics.aggregate import DEFAULT_MIN_FRAMES
from forensics.code_heads import HeadKind
from forensics.detector import Detector, Precision, WithOptions
from forensics.errors import UsageFault
from forensics.face2text import PromptMode
from forensics.frame_crops import CropLayout
from forensics.report.facts import SettingsFacts, storable
from video.backends import BACKENDS, DEFAULT_BACKEND
from video.reader import DEFAULT_LIMITS, DEFAULT_SAMPLING, Limits
from video.sampling import Sampling

DEFAULT_DETECTORS = ("repdfd",)
# Batch size changes the last bits of floats, so it is a setting with a fixed default, never adapted.
DEFAULT_CHUNK_FRAMES = 16
LEFT_TO_DETECTORS = ("prompt", "weights", "head")


@dataclass(frozen=True)
class AnalysisSettings:
    """How a video is analysed. Equal settings, weights, device and versions give equal reports."""

    sampling: Sampling = DEFAULT_SAMPLING
    limits: Limits = DEFAULT_LIMITS
    backend: str = DEFAULT_BACKEND
    face_detector: str = "mtcnn"
    detect: DetectSettings = field(default_factory=lambda: DetectSettings(keep_smaller=True))
    quality: QualityLimits = field(default_factory=QualityLimits)
    manual_faces: tuple[ManualFace, ...] = ()
    tracking_embedder: str = "dlib"
    detectors: tuple[str, ...] = DEFAULT_DETECTORS
    prompt: PromptMode | None = None
    weights: str | None = None
    head: HeadKind | None = None
    crops: CropLayout = CropLayout.CENTRE
    precision: Precision = Precision.FP32
    device: str = "auto"
    min_frames: int = DEFAULT_MIN_FRAMES
    whole_frame: bool = False
    pictures: bool = True
    chunk_frames: int = DEFAULT_CHUNK_FRAMES

    def __post_init__(self) -> None:
        if not self.detectors:
            raise UsageFault("no detector was chosen; `forensics detectors` lists them")
        _check_known("face detector", self.face_detector, detector_names())
        _check_known("identity encoder", self.tracking_embedder, embedder_names())
        _check_known("video backend", self.backend, BACKENDS)
        if self.min_frames < 1 or self.chunk_frames < 1:
            raise UsageFault("the least number of frames and the chunk size must be at least 1")

    @classmethod
    def from_facts(cls, facts: SettingsFacts) -> AnalysisSettings:
        """The settings that a report records. Raises UsageFault for names this version does not know."""
        sampling = Sampling(facts.sampling, facts.sampling_amount, facts.start_seconds, facts.end_seconds)
        own = {item.name: getattr(facts, item.name) for item in fields(cls) if item.name != "sampling"}
        return cls(sampling=sampling, **own)

    def settled(self, detectors: Iterable[Detector]) -> AnalysisSettings:
        """These settings with what was left to the loaded detectors filled in, for the report."""
        settled = self
        for detector in detectors:
            if isinstance(detector, WithOptions):
                chosen = {name: getattr(detector.options, name) for name in LEFT_TO_DETECTORS}
                open_still = {name: value for name, value in chosen.items() if getattr(settled, name) is None}
                settled = replace(settled, **open_still)
        return settled

    def facts(self) -> SettingsFacts:
        """The settings as the report records them."""
        same = {item.name: getattr(self, item.name) for item in fields(self)}
        own = {
            "sampling": self.sampling.mode,
            "sampling_amount": self.sampling.amount,
            "start_seconds": self.sampling.start_seconds,
            "end_seconds": self.sampling.end_seconds,
            "weights": None if self.weights is None else storable(Path(self.weights).absolute().name),
            "device": choose_device(self.device).type,
        }
        return SettingsFacts(**(same | own))


def _check_known(what: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise UsageFault(f"there is no {what} {name!r}; choose from {', '.join(names)}")


def choose_device(name: str) -> torch.device:
    """The torch device of `auto`, `cpu`, `cuda` or `cuda:N`. Raises UsageFault where there is none such."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise UsageFault(f"device {name!r} is not known; choose auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageFault(f"device {name!r} is not here; `forensics doctor` lists the devices")
    return device
