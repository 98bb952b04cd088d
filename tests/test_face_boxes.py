"""Intersection over union on boxes with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from face.boxes import overlap

SQUARE = [0.0, 0.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (SQUARE, 1.0),
        ([5.0, 0.0, 15.0, 10.0], 50 / 150),
        ([2.0, 2.0, 6.0, 6.0], 16 / 100),
        ([10.0, 0.0, 20.0, 10.0], 0.0),
        # Apart both ways: two negative sides are no area.
        ([20.0, 20.0, 30.0, 30.0], 0.0),
        ([3.0, 3.0, 3.0, 3.0], 0.0),
    ],
)
def test_what_two_boxes_share(other: list[float], expected: float) -> None:
    assert overlap(np.array([SQUARE]), np.array([other])) == pytest.approx(expected)
    assert overlap(np.array([other]), np.array([SQUARE])) == pytest.approx(expected)


def test_boxes_without_area_share_nothing_even_with_themselves() -> None:
    point = np.array([[3.0, 3.0, 3.0, 3.0]], np.float32)
    assert overlap(point, point).tolist() == [[0.0]]


def test_every_box_is_held_against_every_other() -> None:
    one, other = np.array([SQUARE, [5.0, 0.0, 15.0, 10.0]], np.float32), np.array([SQUARE] * 3, np.float32)
    assert overlap(one, other).shape == (2, 3)
    assert overlap(np.zeros((0, 4), np.float32), other).shape == (0, 3)
