"""What a face detector is, its settings, and loading one by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import torch

from face.errors import FaceError
from face.types import FaceDetections

# Name -> module; a module is imported only when its detector is loaded.
_MODULES = {"mtcnn": "face.mtcnn"}
DETECTORS = tuple(_MODULES)


@dataclass(frozen=True)
class DetectSettings:
    """How faces are searched. All lengths are pixels of the frame as it was decoded.

    `longest_side_pixels`: larger frames are shrunk to it for the search only; boxes are given in full
    resolution. `min_face_pixels`: faces whose longer box side is smaller are dropped. `min_confidence`:
    faces the detector is less sure of are dropped, [0,1].
    """

    # 640 finds the faces of 1080p footage that are large enough to score, at a fifth of the time.
    longest_side_pixels: int = 640
    # Below 40 px an identity or a manipulation cue is guesswork.
    min_face_pixels: int = 40
    min_confidence: float = 0.9

    def __post_init__(self) -> None:
        if self.longest_side_pixels < 1 or self.min_face_pixels < 1 or not 0 <= self.min_confidence <= 1:
            raise ValueError(f"not usable to search faces: {self}")


class FaceDetector(Protocol):
    """Finds faces. `weight_files` are the files it read, for their hashes in the report."""

    name: str
    weight_files: tuple[Path, ...]

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        """The faces in `frames` [T,H,W,3] RGB."""
        ...


def load_detector(
    name: str = "mtcnn",
    *,
    device: torch.device,
    settings: DetectSettings | None = None,
    model_paths: Mapping[str, Path] | None = None,
) -> FaceDetector:
    """The detector called `name`. `model_paths` gives the file of each weight in `detector_weights(name)`.

    Raises FaceError for an unknown name, a missing package, or a weight file that is absent or wrong.
    """
    module = import_module(_module_name(name))
    settings = settings or DetectSettings()
    return cast(FaceDetector, module.load(model_paths or {}, device=device, settings=settings))


def detector_weights(name: str) -> tuple[str, ...]:
    """The names in the weights registry that `load_detector(name)` needs in `model_paths`."""
    _module_name(name)
    return _WEIGHTS.get(name, ())


_WEIGHTS: dict[str, tuple[str, ...]] = {}


def _module_name(name: str) -> str:
    if name not in _MODULES:
        raise FaceError(f"no face detector is named {name!r}; there are: {', '.join(DETECTORS)}")
    return _MODULES[name]
