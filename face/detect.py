"""What a face detector is, what it is asked for, and which ones there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from face.errors import FaceError, check_paths
from face.facts import DetectorFacts, FindingMeasured
from face.types import FaceDetections

# Of the smallest face searched for. Where a search stops that was not made for such sizes is chance; below
# this little is left of them.
KEPT_SHARE = 0.5


@dataclass(frozen=True)
class DetectSettings:
    """What is searched for. The values belong into the report: they decide which faces are seen at all."""

    # Larger frames are searched at this size: a talking head in 1080p is still found, at a ninth of the work.
    longest_side_pixels: int = 640
    # Longer box side, in pixels of the full frame. Smaller faces hold too little detail to judge.
    min_face_pixels: int = 40
    # Whether smaller faces that this search comes upon are kept as well, for a report to say that they are
    # there and too small. Nothing is searched more finely for it and larger faces are found as without. Of
    # 53 faces of LFW shrunk to 34, 30, 26 and 22 px MTCNN came upon 53, 52, 49 and 17 in small frames; of 25
    # shrunk to 38, 34 and 30 px in 1080p upon 17, 13 and 1.
    keep_smaller: bool = False
    # In the detector's own measure; `None` is the detector's own limit, `MIN_CONFIDENCE` in its file.
    min_confidence: float | None = None

    def __post_init__(self) -> None:
        if self.longest_side_pixels < 1 or self.min_face_pixels < 1:
            raise ValueError("the longest side and the smallest face must be at least one pixel")
        if self.min_confidence is not None and not 0.0 <= self.min_confidence <= 1.0:
            raise ValueError(f"min_confidence is a probability, not {self.min_confidence}")

    @property
    def kept_from_pixels(self) -> float:
        """The longer box side from which on a found face is kept."""
        return self.min_face_pixels * (KEPT_SHARE if self.keep_smaller else 1.0)


class FaceDetector(Protocol):
    """Finds the faces in decoded frames. `name` and `files()` say in the report what found them."""

    @property
    def name(self) -> str: ...

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        """The faces in [T,H,W,3] RGB frames, in pixels of these frames; none is not an error."""
        ...

    def files(self) -> tuple[tuple[str, str], ...]:
        """(file name, sha256) of each model file."""
        ...


@dataclass(frozen=True)
class _Entry:
    facts: DetectorFacts
    load: Callable[[Mapping[str, Path], torch.device, DetectSettings], FaceDetector]


def _load_mtcnn(paths: Mapping[str, Path], device: torch.device, settings: DetectSettings) -> FaceDetector:
    from face.mtcnn import load_mtcnn

    return load_mtcnn(device=device, settings=settings)


def _load_scrfd(paths: Mapping[str, Path], device: torch.device, settings: DetectSettings) -> FaceDetector:
    from face.scrfd import load_scrfd

    return load_scrfd(paths[_SCRFD_WEIGHT], device=device, settings=settings)


def _load_yunet(paths: Mapping[str, Path], device: torch.device, settings: DetectSettings) -> FaceDetector:
    from face.yunet import load_yunet

    return load_yunet(paths[_YUNET_WEIGHT], settings=settings)


_SCRFD_WEIGHT = "scrfd-10g"
_YUNET_WEIGHT = "yunet-2026may"
_MACHINE = "one thread of a shared 2-core x86-64"
# OpenCV's network runs with as many threads as there are cores.
_MACHINE_OPENCV = "two threads of a shared 2-core x86-64"
_GREY = "300 of LFW in grey, 350 px"
_AGES = "300 of UTKFace, 200 px"
_VIDEO_CROPS = "300 video crops of YouTube Faces"
_MTCNN = DetectorFacts(
    "mtcnn",
    "three cascaded networks (Zhang et al. 2016)",
    shipped_in="facenet-pytorch",
    licence="MIT",
    measurements=(
        FindingMeasured(_GREY, 0.993, 0.0, 17.0, _MACHINE),
        FindingMeasured(_AGES, 1.0, 0.0, 13.3, _MACHINE),
        FindingMeasured(_VIDEO_CROPS, 0.977, 0.023, 16.0, _MACHINE),
    ),
)
_SCRFD = DetectorFacts("scrfd", "SCRFD-10G (Guo et al. 2022)", weights=(_SCRFD_WEIGHT,))
_YUNET = DetectorFacts(
    "yunet",
    "OpenCV's YuNet, on the CPU (Wu et al. 2023)",
    weights=(_YUNET_WEIGHT,),
    measurements=(
        FindingMeasured(_GREY, 1.0, 0.0, 5.4, _MACHINE_OPENCV),
        FindingMeasured(_AGES, 1.0, 0.0, 2.5, _MACHINE_OPENCV),
        FindingMeasured(_VIDEO_CROPS, 0.990, 0.023, 2.2, _MACHINE_OPENCV),
    ),
)
_DETECTORS = {
    "mtcnn": _Entry(_MTCNN, _load_mtcnn),
    "scrfd": _Entry(_SCRFD, _load_scrfd),
    "yunet": _Entry(_YUNET, _load_yunet),
}
_NO_PATHS: Mapping[str, Path] = MappingProxyType({})


def detector_names() -> tuple[str, ...]:
    """The names that `load_detector` takes; imports none of their packages."""
    return tuple(_DETECTORS)


def detector_weights(name: str) -> tuple[str, ...]:
    """The names of the weights that a detector needs, beside what its package ships; FaceError for an
    unknown detector."""
    return _entry(name).facts.weights


def detector_facts(name: str) -> DetectorFacts:
    """What is known of a face detector without loading it; FaceError for an unknown one."""
    return _entry(name).facts


def load_detector(
    name: str = "mtcnn",
    *,
    device: torch.device,
    settings: DetectSettings = DetectSettings(),
    model_paths: Mapping[str, Path] = _NO_PATHS,
) -> FaceDetector:
    """A detector on `device`, from local weight files keyed as `detector_weights` names them.

    FaceError for an unknown name and for model files that are missing or cannot be used.
    """
    entry = _entry(name)
    check_paths(f"the face detector {name}", entry.facts.weights, model_paths)
    return entry.load(model_paths, device, settings)


def _entry(name: str) -> _Entry:
    if name not in _DETECTORS:
        raise FaceError(f"no face detector is called {name!r}; there are: {', '.join(_DETECTORS)}")
    return _DETECTORS[name]
