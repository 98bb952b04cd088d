"""Turning stored pictures upright: display matrices and pixels that are not square."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt

# The matrix of ISO 14496-12: nine native int32, of which the first two columns are 16.16 fixed point.
_MATRIX = struct.Struct("=9i")
RIGHT_ANGLE_DEGREES = 90
FULL_TURN_DEGREES = 360


@dataclass(frozen=True)
class Orientation:
    """How a stored picture is shown: mirrored left to right if `mirrored`, then turned clockwise.

    `exact` is false where the file asked for an angle between right angles; the nearest one is used.
    """

    clockwise_degrees: int = 0
    mirrored: bool = False
    exact: bool = True

    def __post_init__(self) -> None:
        if self.clockwise_degrees not in range(0, FULL_TURN_DEGREES, RIGHT_ANGLE_DEGREES):
            raise ValueError(f"pictures turn by 0, 90, 180 or 270 degrees, not {self.clockwise_degrees}")

    @property
    def swaps_sides(self) -> bool:
        """Whether width and height change places."""
        return self.clockwise_degrees % (2 * RIGHT_ANGLE_DEGREES) != 0

    def apply(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The [H,W,3] picture upright; a view where nothing is to be done."""
        if self.mirrored:
            picture = picture[:, ::-1]
        # numpy turns anticlockwise.
        return np.rot90(picture, -self.clockwise_degrees // RIGHT_ANGLE_DEGREES)


def orientation_from_matrix(matrix: bytes) -> Orientation:
    """The orientation that a display matrix (36 bytes, native int32) asks for.

    The matrix maps a stored point (p, q) to (a p + c q, b p + d q) with y downwards, so (a, b) is where
    the picture's right goes: atan2(b, a) is the clockwise angle, and a negative determinant a mirror.
    """
    a, b, _, c, d, *_ = _MATRIX.unpack(matrix)
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    angle = math.degrees(math.atan2(b, a))
    turns = round(angle / RIGHT_ANGLE_DEGREES)
    return Orientation(
        turns * RIGHT_ANGLE_DEGREES % FULL_TURN_DEGREES,
        mirrored,
        # Encoders round the fixed point entries; a tenth of a degree is no tilt anyone asked for.
        math.isclose(angle, turns * RIGHT_ANGLE_DEGREES, abs_tol=0.1),
    )


def side_data(frame: av.VideoFrame) -> list[tuple[str, bytes]]:
    """What travels with a frame beside its pixels, as kind and content; empty where PyAV cannot list it.

    Not for every frame: PyAV ties frame and list into a cycle, and a frame's memory, which Python's garbage
    collector does not see, then waits for its next round.
    """
    try:
        # PyAV's stubs describe this collection as a dictionary of motion vectors.
        entries: Any = frame.side_data
        return [(data.type.name, bytes(data)) for data in entries]
    except ValueError:
        # PyAV gives up on the whole list where FFmpeg knows a kind that it does not.
        return []


def frame_orientation(frame: av.VideoFrame) -> Orientation:
    """The orientation a decoded frame carries; upright where it carries none."""
    matrices = [data for kind, data in side_data(frame) if kind == "DISPLAYMATRIX"]
    if matrices:
        return orientation_from_matrix(matrices[0])
    # The angle alone comes another way, so a list that cannot be read costs only a mirror.
    degrees = -frame.rotation % FULL_TURN_DEGREES
    turns = round(degrees / RIGHT_ANGLE_DEGREES)
    return Orientation(
        turns * RIGHT_ANGLE_DEGREES % FULL_TURN_DEGREES, exact=degrees % RIGHT_ANGLE_DEGREES == 0
    )


def square_pixel_size(width: int, height: int, sample_aspect_ratio: Fraction | None) -> tuple[int, int]:
    """Width and height of the picture with square pixels: one side is enlarged, so nothing is lost."""
    ratio = sample_aspect_ratio or Fraction(1)
    if ratio >= 1:
        return max(1, round(width * ratio)), height
    return width, max(1, round(height / ratio))
