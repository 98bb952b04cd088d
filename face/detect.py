"""What a face detector is, what it is asked for, and which ones there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from face.errors import FaceError
from face.types import FaceDetections


@dataclass(frozen=True)
class DetectSettings:
    """What is searched for. The values belong into the report: they decide which faces are seen at all."""

    # Larger frames are searched at this size: a talking head in 1080p is still found, at a ninth of the work.
    longest_side_pixels: int = 640
    # Longer box side, in pixels of the full frame. Smaller faces hold too little detail to judge.
    min_face_pixels: int = 40
    # MTCNN gave 99 % of 299 faces of LFW 0.96 and more; what it gave 0.7 to 0.85 in video was mostly texture.
    min_confidence: float = 0.9

    def __post_init__(self) -> None:
        if self.longest_side_pixels < 1 or self.min_face_pixels < 1:
            raise ValueError("the longest side and the smallest face must be at least one pixel")
        if not 0.0 <= self.min_confidence <= 1.0:
            raise ValueError(f"min_confidence is a probability, not {self.min_confidence}")


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


def _load_mtcnn(device: torch.device, settings: DetectSettings) -> FaceDetector:
    from face.mtcnn import load_mtcnn

    return load_mtcnn(device=device, settings=settings)


_LOADERS: dict[str, Callable[[torch.device, DetectSettings], FaceDetector]] = {"mtcnn": _load_mtcnn}


def detector_names() -> tuple[str, ...]:
    """The names that `load_detector` takes; imports none of their packages."""
    return tuple(_LOADERS)


def load_detector(
    name: str = "mtcnn", *, device: torch.device, settings: DetectSettings = DetectSettings()
) -> FaceDetector:
    """A detector on `device`; FaceError for an unknown name or for model files that cannot be used."""
    if name not in _LOADERS:
        raise FaceError(f"no face detector is called {name!r}; there are: {', '.join(_LOADERS)}")
    return _LOADERS[name](device, settings)
