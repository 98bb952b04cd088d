"""Collecting single frames into batches of one size."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from video.frames import FrameBatch


class Batcher:
    """Takes frames one by one and gives a batch when it is full or the frame size changes."""

    def __init__(self, size: int, time_base: Fraction) -> None:
        if size < 1:
            raise ValueError(f"a batch holds at least 1 frame, not {size}")
        self._size = size
        self._time_base = time_base
        self._frames: list[npt.NDArray[np.uint8]] = []
        self._index: list[int] = []
        self._pts: list[int] = []
        self._shot: list[int] = []

    def add(self, frame: npt.NDArray[np.uint8], index: int, pts: int, shot: int) -> Iterator[FrameBatch]:
        """Take one [H,W,3] frame; gives the batch that it completes or closes, if any."""
        if self._frames and self._frames[0].shape != frame.shape:
            yield from self.rest()
        self._frames.append(frame)
        self._index.append(index)
        self._pts.append(pts)
        self._shot.append(shot)
        if len(self._frames) == self._size:
            yield from self.rest()

    def rest(self) -> Iterator[FrameBatch]:
        """The frames not yet given, if any."""
        if not self._frames:
            return
        data = np.stack(self._frames)
        index, pts, shot = (np.array(each, np.int64) for each in (self._index, self._pts, self._shot))
        self._frames, self._index, self._pts, self._shot = [], [], [], []
        yield FrameBatch(data, index, pts, self._time_base, shot)
