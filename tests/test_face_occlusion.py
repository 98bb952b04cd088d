"""Which of two overlapping boxes is before the other, on constructed boxes."""

from __future__ import annotations

import numpy as np
import pytest

from face.occlusion import NEARER_SIZE_RATIO, covered_ratio
from face.types import FaceDetections

FACE = [0.0, 0.0, 100.0, 100.0]


def faces(
    boxes: list[list[float]], confidence: list[float] | None = None, frame: list[int] | None = None
) -> FaceDetections:
    count = len(boxes)
    return FaceDetections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.zeros((count, 5, 2), np.float32),
        np.array([0.9] * count if confidence is None else confidence, np.float32),
        np.array([0] * count if frame is None else frame, np.int64),
    )


def test_a_larger_face_covers_a_smaller_one_whatever_the_detector_thinks() -> None:
    small, large = [60.0, 0.0, 160.0, 100.0], [100.0, 0.0, 300.0, 200.0]
    np.testing.assert_allclose(covered_ratio(faces([small, large], [0.99, 0.6])), [0.6, 0])
    np.testing.assert_allclose(covered_ratio(faces([large, small], [0.6, 0.99])), [0, 0.6])


@pytest.mark.parametrize(("confidence", "shares"), [([0.9, 0.8], [0, 0.25]), ([0.8, 0.9], [0.25, 0])])
def test_of_two_faces_of_one_size_the_surer_one_is_before(
    confidence: list[float], shares: list[float]
) -> None:
    assert covered_ratio(faces([FACE, [75.0, 0.0, 175.0, 100.0]], confidence)).tolist() == shares


def test_size_decides_from_the_ratio_on() -> None:
    side = 100 * NEARER_SIZE_RATIO
    alike, larger = [50.0, 0.0, 50 + side, side], [50.0, 0.0, 51 + side, side + 1]
    assert covered_ratio(faces([FACE, alike], [0.9, 0.8]))[0] == 0
    assert covered_ratio(faces([FACE, larger], [0.9, 0.8]))[0] == pytest.approx(0.5)


def test_equal_faces_hide_neither() -> None:
    assert covered_ratio(faces([FACE, [50.0, 0.0, 150.0, 100.0]])).tolist() == [0, 0]


def test_the_greatest_share_of_several_counts() -> None:
    before = [[-150.0, 0.0, 20.0, 170.0], [60.0, 0.0, 230.0, 170.0]]
    assert covered_ratio(faces([FACE, *before]))[0] == pytest.approx(0.4)


def test_faces_of_other_frames_and_other_places_hide_nobody() -> None:
    large = [50.0, 0.0, 250.0, 200.0]
    assert covered_ratio(faces([FACE, large], frame=[0, 1])).tolist() == [0, 0]
    assert covered_ratio(faces([FACE, [100.0, 0.0, 300.0, 200.0]])).tolist() == [0, 0]
    assert covered_ratio(faces([[5.0, 5.0, 5.0, 5.0], large])).tolist() == [0, 0]
    assert covered_ratio(FaceDetections.empty()).shape == (0,)


def test_the_order_of_faces_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        count = int(rng.integers(2, 12))
        corner = rng.uniform(0, 200, (count, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(20, 150, (count, 2))], axis=1)
        confidence, frame = rng.uniform(0.5, 1, count), rng.integers(0, 2, count)
        share = covered_ratio(faces(boxes.tolist(), confidence.tolist(), frame.tolist()))
        mixed = rng.permutation(count)
        again = covered_ratio(faces(boxes[mixed].tolist(), confidence[mixed].tolist(), frame[mixed].tolist()))
        assert again.tolist() == share[mixed].tolist()
