"""YuNet, OpenCV's small face detector, over chunks of frames, on the CPU.

Wu et al., "YuNet: A Tiny Millisecond-level Face Detector" (Machine Intelligence Research, 2023), run by
`cv2.FaceDetectorYN`.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from face.detect import DetectSettings
from face.errors import FaceError
from face.search import FrameByFrame, kept, shrunk
from face.types import FaceDetections

# On 84 frames of real and generated video it gave 0.86 and more to the 92 faces that MTCNN
# saw too, 0.72 to 0.86 to 11 more that were dark or cut off, and less to textures and to a few dark faces.
MIN_CONFIDENCE = 0.7
# Overlap from which on two finds are one face: OpenCV's default.
NMS_OVERLAP = 0.3
# Finds that enter the suppression of doubles: OpenCV's default, far more than a frame has faces.
MOST_CANDIDATES = 5000
# The network's coarsest step. A smaller picture is shown at this size, on black.
LEAST_SIDE_PIXELS = 32


class Yunet(FrameByFrame):
    """The network with the settings of the search; make one with `load_yunet`."""

    name = "yunet"

    def __init__(self, network: Any, settings: DetectSettings, path: Path) -> None:
        super().__init__(path)
        self._network = network
        self._settings = settings
        self._one_at_a_time = Lock()

    def _search(self, frame: npt.NDArray[np.uint8], position: int) -> FaceDetections:
        picture = shrunk(frame, self._settings.longest_side_pixels)
        height, width = picture.shape[:2]
        to_full = np.array([frame.shape[1] / width, frame.shape[0] / height])
        below, beside = (max(LEAST_SIDE_PIXELS - side, 0) for side in (height, width))
        bgr = cv2.copyMakeBorder(
            cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), 0, below, 0, beside, cv2.BORDER_CONSTANT
        )
        # The network keeps the size and what it computes in itself.
        with self._one_at_a_time:
            self._network.setInputSize((bgr.shape[1], bgr.shape[0]))
            _, found = self._network.detect(bgr)
        # A row: x, y, width, height, five landmarks from left to right as seen, confidence.
        rows = np.zeros((0, 15)) if found is None else np.asarray(found, np.float64)
        boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1) * np.tile(to_full, 2)
        return kept(
            boxes,
            rows[:, 4:14].reshape(-1, 5, 2) * to_full,
            rows[:, 14],
            frame=position,
            settings=self._settings,
            min_confidence=MIN_CONFIDENCE,
        )


def load_yunet(path: Path, *, settings: DetectSettings) -> Yunet:
    """The detector from OpenCV's onnx file; FaceError for a file that is not YuNet."""
    try:
        content = path.read_bytes()
        least = 0.0 if settings.min_confidence is not None else MIN_CONFIDENCE
        network = cv2.FaceDetectorYN.create(
            "onnx",
            np.frombuffer(content, np.uint8),
            np.zeros(0, np.uint8),
            (LEAST_SIDE_PIXELS,) * 2,
            least,
            NMS_OVERLAP,
            MOST_CANDIDATES,
        )
        network.detect(np.zeros((LEAST_SIDE_PIXELS, LEAST_SIDE_PIXELS, 3), np.uint8))
    except (OSError, cv2.error) as error:
        raise FaceError(f"{path}: OpenCV cannot use it as YuNet ({error}); fetch it again") from error
    return Yunet(network, settings, path)
