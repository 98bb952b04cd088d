"""Where whole-frame detectors look: the middle of a frame, or a grid of crops that covers all of it."""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np


class CropLayout(StrEnum):
    """Which crops of a frame are looked at. The values are those of `--crops`."""

    CENTRE = "centre"
    GRID = "grid"


def crop_corners(height: int, width: int, *, side: int, layout: CropLayout) -> tuple[tuple[int, int], ...]:
    """The (top, left) corners of `side` px crops in a frame of at least that size.

    CENTRE is torchvision's CenterCrop. GRID covers every pixel of the frame with as few evenly spread crops
    as that takes: 45 of 224 px for 1080p. What they overlap counts more than once.
    """
    if min(height, width) < side:
        raise ValueError(f"no {side} px crop fits into a frame of {width} x {height}")
    if layout is CropLayout.CENTRE:
        return ((_middle(height, side), _middle(width, side)),)
    return tuple((top, left) for top in _spread(height, side) for left in _spread(width, side))


def _middle(length: int, side: int) -> int:
    # Half pixels go to the even neighbour, as in torchvision.
    return round((length - side) / 2)


def _spread(length: int, side: int) -> list[int]:
    return [int(start) for start in np.linspace(0, length - side, math.ceil(length / side)).round()]
