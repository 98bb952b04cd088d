"""Display matrices and pixel shapes."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from video.geometry import Orientation, frame_orientation, orientation_from_matrix, square_pixel_size

CORNERS = np.arange(4, dtype=np.uint8).reshape(2, 2, 1).repeat(3, axis=2)


def matrix(a: float, b: float, c: float, d: float) -> bytes:
    fixed = [round(value * 65536) for value in (a, b, 0, c, d, 0, 0, 0, 0)]
    fixed[8] = 1 << 30
    return struct.pack("=9i", *fixed)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_pictures_go_where_the_matrix_sends_their_points(degrees: int, mirrored: bool) -> None:
    angle = math.radians(degrees)
    a, b, c, d = math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle)
    if mirrored:
        a, b = -a, -b
    orientation = orientation_from_matrix(matrix(a, b, c, d))
    assert orientation == Orientation(degrees, mirrored)
    shown = orientation.apply(CORNERS)[..., 0]
    # ISO 14496-12: the point (p, q), y downwards, goes to (a p + c q, b p + d q).
    for value, (p, q) in enumerate([(-1, -1), (1, -1), (-1, 1), (1, 1)]):
        x, y = a * p + c * q, b * p + d * q
        assert shown[round((y + 1) / 2), round((x + 1) / 2)] == value


def test_a_tilt_goes_to_the_nearest_right_angle_and_is_marked() -> None:
    angle = math.radians(80)
    tilted = matrix(math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle))
    assert orientation_from_matrix(tilted) == Orientation(90, exact=False)


def test_scaled_and_rounded_matrices_are_right_angles() -> None:
    assert orientation_from_matrix(matrix(0.00001, 2, -2, 0.00001)) == Orientation(90)


def test_a_frame_whose_side_data_cannot_be_listed_still_turns() -> None:
    class Frame(SimpleNamespace):
        @property
        def side_data(self) -> object:
            raise ValueError("31 is not a valid Type")

    # PyAV's angle counts anticlockwise.
    assert frame_orientation(Frame(rotation=-90)) == Orientation(90)  # type: ignore[arg-type]
    assert frame_orientation(Frame(rotation=0)) == Orientation()  # type: ignore[arg-type]


def test_other_angles_are_no_orientation() -> None:
    with pytest.raises(ValueError, match="not 45"):
        Orientation(45)


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        (None, (720, 576)),
        (Fraction(16, 15), (768, 576)),
        (Fraction(8, 9), (720, 648)),
        (Fraction(1, 10000), (720, 5760000)),
    ],
)
def test_squaring_pixels_enlarges_one_side(ratio: Fraction | None, size: tuple[int, int]) -> None:
    assert square_pixel_size(720, 576, ratio) == size
