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

    def add(self, frame: npt.NDArray[np.uint8], index: int, pts: int) -> Iterator[FrameBatch]:
        """Take one [H,W,3] frame; gives the batch that it completes or closes, if any."""
        if self._frames and self._frames[0].shape != frame.shape:
            yield from self.rest()
        self._frames.append(frame)
        self._index.append(index)
        self._pts.append(pts)
        if len(self._frames) == self._size:
            yield from self.rest()

    def rest(self) -> Iterator[FrameBatch]:
        """The frames not yet given, if any."""
        if not self._frames:
            return
        data, index, pts = np.stack(self._frames), np.array(self._index), np.array(self._pts)
        self._frames, self._index, self._pts = [], [], []
        yield FrameBatch(data, index.astype(np.int64), pts.astype(np.int64), self._time_base)
