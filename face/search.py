"""What all face detectors share: the size at which frames are searched, and which faces are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from face.detect import DetectSettings
from face.types import FaceDetections
from weights.streams import sha256_of


class FrameByFrame(ABC):
    """A face detector of one model file that searches every frame by itself."""

    def __init__(self, path: Path) -> None:
        self._file = (path.name, sha256_of(path))

    def files(self) -> tuple[tuple[str, str], ...]:
        """(file name, sha256) of the network."""
        return (self._file,)

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        """The faces in [T,H,W,3] uint8 RGB frames, boxes and landmarks in their pixels.

        Raises ValueError for other shapes or dtypes.
        """
        check_frames(frames)
        if not frames.size:
            return FaceDetections.empty()
        return joined([self._search(frame, position) for position, frame in enumerate(frames)])

    @abstractmethod
    def _search(self, frame: npt.NDArray[np.uint8], position: int) -> FaceDetections:
        """The faces in one [H,W,3] frame, which is at `position` of those given."""


def check_frames(frames: npt.NDArray[np.uint8]) -> None:
    """Raise ValueError unless `frames` are [T,H,W,3] uint8."""
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
        raise ValueError(f"frames must be [T,H,W,3] uint8, not {list(frames.shape)} {frames.dtype}")


def shrunk(frame: npt.NDArray[np.uint8], longest_side_pixels: int) -> npt.NDArray[np.uint8]:
    """[h,w,3]: the frame at the size to search, averaged over areas so that fine texture does not alias.

    A frame that is small enough comes back as it is.
    """
    height, width = frame.shape[:2]
    scale = longest_side_pixels / max(height, width, 1)
    if scale >= 1:
        return frame
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def kept(
    boxes_xyxy: npt.NDArray[np.floating],
    landmarks: npt.NDArray[np.floating],
    confidence: npt.NDArray[np.floating],
    *,
    frame: int,
    settings: DetectSettings,
    min_confidence: float,
) -> FaceDetections:
    """The faces of one frame that are large and sure enough, the surest first.

    Boxes [N,4] and landmarks [N,5,2] are in pixels of the full frame; `min_confidence` is the detector's
    own limit, which `settings` may replace.
    """
    boxes = boxes_xyxy.astype(np.float32).reshape(-1, 4)
    sure = np.clip(confidence.astype(np.float32), 0.0, 1.0)
    least = min_confidence if settings.min_confidence is None else settings.min_confidence
    longer_side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0)
    keep = np.flatnonzero((longer_side >= settings.kept_from_pixels) & (sure >= least))
    # Position breaks ties, so that equal confidences cannot change the order between runs.
    keep = keep[np.lexsort((boxes[keep, 1], boxes[keep, 0], -sure[keep]))]
    return FaceDetections(
        boxes_xyxy=boxes[keep],
        landmarks=landmarks.astype(np.float32).reshape(-1, 5, 2)[keep],
        confidence=sure[keep],
        frame=np.full(len(keep), frame, np.int64),
    )


def joined(parts: Sequence[FaceDetections]) -> FaceDetections:
    """The faces of consecutive frames as one."""
    parts = [FaceDetections.empty(), *parts]
    return FaceDetections(
        boxes_xyxy=np.concatenate([part.boxes_xyxy for part in parts]),
        landmarks=np.concatenate([part.landmarks for part in parts]),
        confidence=np.concatenate([part.confidence for part in parts]),
        frame=np.concatenate([part.frame for part in parts]),
    )
