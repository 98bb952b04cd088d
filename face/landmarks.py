"""Dense landmarks by dlib's shape predictor: 68 points in the order of iBUG 300-W.

Kazemi and Sullivan, "One millisecond face alignment with an ensemble of regression trees" (CVPR 2014). The
predictor was trained on 300-W, whose licence forbids commercial use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from face.errors import FaceError
from face.types import FaceDetections

LANDMARKS_WEIGHT = "dlib-landmarks-68"
POINTS = 68
# The square that the predictor expects, that of dlib's own detector, seen from the five landmarks: its side
# and how far its centre lies above theirs, in root mean square distances of the five from their centre.
# Medians over 51 photographs on which both detectors found one face; on these the points are on average 0.026
# eye distances from those in dlib's own square.
_SIDE_RATIO = 3.84
_ABOVE_RATIO = 0.19
# Where the two disagree by more than this, in the same unit, the predictor has lost the face: it was 0.09 on
# average and 0.17 at most on those photographs.
_MOST_DISAGREEMENT = 0.3


class DenseLandmarks:
    """Finds 68 points; make one with `load`."""

    def __init__(self, predictor: Any, rectangle: Any) -> None:
        self._predictor = predictor
        self._rectangle = rectangle

    def find(self, image: npt.NDArray[np.uint8], detection: FaceDetections) -> npt.NDArray[np.float64] | None:
        """[68,2] pixels of the one face in `image` [H,W,3] uint8 RGB, `None` where they contradict its five.

        Raises ValueError unless `detection` holds one face.
        """
        if len(detection) != 1:
            raise ValueError(f"landmarks are found of one face, not of {len(detection)}")
        five = detection.landmarks[0].astype(np.float64)
        centre = five.mean(axis=0)
        unit = float(np.sqrt(((five - centre) ** 2).sum(axis=1).mean()))
        up = five[:2].mean(axis=0) - five[3:].mean(axis=0)
        middle = centre + _ABOVE_RATIO * unit * up / max(float(np.linalg.norm(up)), 1e-6)
        low, high = middle - _SIDE_RATIO * unit / 2, middle + _SIDE_RATIO * unit / 2
        square = self._rectangle(*(int(value) for value in np.concatenate([low, high]).round()))
        shape = self._predictor(np.ascontiguousarray(image), square)
        points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
        apart = np.linalg.norm(five_of(points) - five, axis=1).mean()
        return points if apart <= _MOST_DISAGREEMENT * unit else None


def five_of(points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """[5,2] eyes, nose and mouth corners, left ones first, of [68,2] points in iBUG's order."""
    dense = np.asarray(points, np.float64)
    eyes = dense[36:42].mean(axis=0), dense[42:48].mean(axis=0)
    return np.stack([*eyes, dense[30], dense[48], dense[54]])


def load(path: Path) -> DenseLandmarks:
    """The predictor in `shape_predictor_68_face_landmarks.dat`; FaceError when it cannot be loaded."""
    try:
        import dlib
    except ImportError as error:
        raise FaceError(f"dlib cannot be imported ({error}): pip install dlib-bin") from error

    try:
        return DenseLandmarks(dlib.shape_predictor(str(path)), dlib.rectangle)
    except RuntimeError as error:
        raise FaceError(f"{path}: dlib cannot load it ({error}); fetch the weight again") from error
