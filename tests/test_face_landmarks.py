"""Dense landmarks: the square they are looked for in, and when they are not believed; dlib is stood in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from skimage.data import astronaut

from face.errors import FaceError
from face.landmarks import LANDMARKS_WEIGHT, DenseLandmarks, five_of, load
from face.types import FaceDetections
from weights.registry import DEFAULT

FIVE = np.array([(205.0, 101.7), (246.8, 103.7), (224.7, 129.0), (201.7, 139.2), (245.3, 141.9)])


def detection(five: npt.NDArray[np.float64] = FIVE) -> FaceDetections:
    box = np.array([[181.1, 62.2, 267.7, 172.1]], np.float32)
    return FaceDetections(box, five[None].astype(np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))


def dense(five: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """68 points whose eyes, nose and mouth corners are those five."""
    points = np.zeros((68, 2))
    points[36:42], points[42:48] = five[0], five[1]
    points[30], points[48], points[54] = five[2], five[3], five[4]
    return points


class Predictor:
    """Gives the same points for whatever square it is asked about, and remembers it."""

    def __init__(self, points: npt.NDArray[np.float64]) -> None:
        self.points = points
        self.square: tuple[int, ...] = ()

    def __call__(self, image: npt.NDArray[np.uint8], square: tuple[int, ...]) -> Any:
        assert image.dtype == np.uint8
        self.square = square
        return SimpleNamespace(parts=lambda: [SimpleNamespace(x=x, y=y) for x, y in self.points])


def rectangle(*corners: int) -> tuple[int, ...]:
    return corners


def test_points_that_agree_with_the_five_are_given_as_they_are() -> None:
    predictor = Predictor(dense(FIVE))
    found = DenseLandmarks(predictor, rectangle).find(astronaut(), detection())
    assert found is not None
    assert np.array_equal(found, predictor.points)
    assert five_of(found) == pytest.approx(FIVE)
    left, top, right, bottom = predictor.square
    assert abs((right - left) - (bottom - top)) <= 1
    # The square is that of a frontal face detector: from the brows to the chin, all five well inside.
    inside = ((left + 10, top + 10) < FIVE) & ((right - 10, bottom - 10) > FIVE)
    assert inside.all()
    assert 1.5 * np.ptp(FIVE[:, 0]) < right - left < 3.5 * np.ptp(FIVE[:, 0])


def test_points_that_contradict_the_five_are_none() -> None:
    astray = DenseLandmarks(Predictor(dense(FIVE + np.array([30.0, 0.0]))), rectangle)
    assert astray.find(astronaut(), detection()) is None
    near = DenseLandmarks(Predictor(dense(FIVE + np.array([3.0, 0.0]))), rectangle)
    assert near.find(astronaut(), detection()) is not None


def test_one_face_at_a_time() -> None:
    with pytest.raises(ValueError, match="one face"):
        DenseLandmarks(Predictor(dense(FIVE)), rectangle).find(astronaut(), FaceDetections.empty())


def test_a_file_that_is_no_predictor_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "points.dat").write_bytes(b"nothing")
    with pytest.raises(FaceError, match=r"points\.dat: dlib cannot load it .*fetch the weight again"):
        load(tmp_path / "points.dat")


def test_the_weight_says_that_it_is_not_for_commercial_use() -> None:
    spec = DEFAULT.get(LANDMARKS_WEIGHT)
    assert not spec.commercial_use
    assert "300-W" in spec.licence
