"""The clip that is timed where none is given: portraits on a moving background, of any size and length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, sqrt
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from video.write import write_video

# In pixels; the longest is that of 8K.
LEAST_SIDE, MOST_SIDE = 64, 7680
# Ordinary compression of footage that was published.
_CRF = 23
# A portrait fills so much of its place; the rest is what it moves in.
_PLACE_RATIO = 0.9
# What lies behind: blobs of about this share of the picture's height, under fine grain that has to be coded.
_BLOB_RATIO = 0.05
_GRAIN_LEVELS = 4.0
_SEED = 11

Frame = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ClipPlan:
    """The size, length and number of faces of a clip to be made."""

    width: int = 1920
    height: int = 1080
    seconds: int = 60
    faces: int = 1
    frames_per_second: int = 25

    def __post_init__(self) -> None:
        sides = (self.width, self.height)
        if min(sides) < LEAST_SIDE or max(sides) > MOST_SIDE or min(self.seconds, self.frames_per_second) < 1:
            asked = f"{self.width}x{self.height} for {self.seconds} s"
            raise ValueError(
                f"a clip has sides of {LEAST_SIDE} to {MOST_SIDE} pixels and lasts a second, not {asked}"
            )
        if self.faces < 0:
            raise ValueError(f"a clip cannot show {self.faces} faces")


def make_clip(path: Path, plan: ClipPlan) -> None:
    """Write the planned clip to `path`: the same bytes each time with the same versions.

    The portrait is NASA's of Eileen Collins, public domain, as shipped by scikit-image.
    """
    write_video(path, _frames(plan), frame_rate=Fraction(plan.frames_per_second), crf=_CRF)


def _frames(plan: ClipPlan) -> Iterator[Frame]:
    """Every portrait circles slowly in its place while the background passes behind."""
    places = _places(plan)
    background = _background(plan)
    portrait = (
        _portrait(round(min(places[0][2:]) * _PLACE_RATIO)) if places else np.zeros((0, 0, 3), np.uint8)
    )
    side = len(portrait)
    count = plan.seconds * plan.frames_per_second
    for number in range(count):
        frame = np.roll(background, number % plan.width, axis=1)
        for order, (left, top, width, height) in enumerate(places):
            # A turn takes four seconds; each portrait is at another point of it.
            phase = 2 * np.pi * (number / (4 * plan.frames_per_second) + order / len(places))
            x = left + round((width - side) * (1 + np.cos(phase)) / 2)
            y = top + round((height - side) * (1 + np.sin(phase)) / 2)
            frame[y : y + side, x : x + side] = portrait
        yield frame


def _places(plan: ClipPlan) -> list[tuple[int, int, int, int]]:
    """Left, top, width and height of each portrait's place in a grid."""
    if not plan.faces:
        return []
    columns = min(plan.faces, max(1, ceil(sqrt(plan.faces * plan.width / plan.height))))
    rows = ceil(plan.faces / columns)
    width, height = plan.width // columns, plan.height // rows
    return [(width * (n % columns), height * (n // columns), width, height) for n in range(plan.faces)]


def _portrait(side: int) -> Frame:
    from skimage.data import astronaut

    return np.asarray(cv2.resize(astronaut(), (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _background(plan: ClipPlan) -> Frame:
    rng = np.random.default_rng(_SEED)
    blobs = max(2, round(1 / _BLOB_RATIO))
    small = rng.integers(40, 200, (blobs, blobs * plan.width // plan.height + 1, 3)).astype(np.float32)
    smooth = cv2.resize(small, (plan.width, plan.height), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, _GRAIN_LEVELS, (plan.height, plan.width, 1))
    return np.clip(smooth + grain, 0, 255).astype(np.uint8)
