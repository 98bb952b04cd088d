"""Where whole-frame detectors look: the middle of a frame, or a grid of crops over all of it."""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np

# Along the longer and the shorter side of a frame; more crops cost time and overlap nothing new in 1080p.
MOST_CROPS = (4, 3)


class CropLayout(StrEnum):
    """Which crops of a frame are looked at. The values are those of `--crops`."""

    CENTRE = "centre"
    GRID = "grid"


def crop_corners(height: int, width: int, *, side: int, layout: CropLayout) -> tuple[tuple[int, int], ...]:
    """The (top, left) corners of `side` px crops in a frame of at least that size.

    CENTRE is torchvision's CenterCrop. GRID covers the frame from edge to edge with as few evenly spread
    crops as that takes, but no more than `MOST_CROPS`: the gaps of a larger frame are not looked at.
    """
    if min(height, width) < side:
        raise ValueError(f"no {side} px crop fits into a frame of {width} x {height}")
    if layout is CropLayout.CENTRE:
        return ((_middle(height, side), _middle(width, side)),)
    along, across = MOST_CROPS
    most_rows, most_columns = (along, across) if height > width else (across, along)
    rows, columns = _spread(height, side, most_rows), _spread(width, side, most_columns)
    return tuple((top, left) for top in rows for left in columns)


def _middle(length: int, side: int) -> int:
    # Half pixels go to the even neighbour, as in torchvision.
    return round((length - side) / 2)


def _spread(length: int, side: int, most: int) -> list[int]:
    count = min(math.ceil(length / side), most)
    return [int(start) for start in np.linspace(0, length - side, count).round()]
