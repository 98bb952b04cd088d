"""The frames nearest to wanted times, found while frames pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import TypeVar

from video.frames import Timed

T = TypeVar("T")


@dataclass(frozen=True)
class _Grid:
    """Wanted times `base + k * step` for k from 0 to below `count` (`None`: without end)."""

    base: Fraction
    step: Fraction
    count: int | None

    def holds(self, position: int) -> bool:
        return self.count is None or position < self.count

    def first_after(self, seconds: Fraction) -> int:
        """The lowest k whose time is later than `seconds`; computed, as gaps in time may be huge."""
        if seconds < self.base:
            return 0
        if self.step == 0:
            return self.count or 0
        return floor((seconds - self.base) / self.step) + 1


def nearest(
    frames: Iterator[Timed[T]], step: Fraction, *, offset: Fraction = Fraction(0), count: int | None = None
) -> Iterator[Timed[T]]:
    """Each frame that is the nearest one to some wanted time; of two equally near, the earlier.

    The wanted times are `count` in number (`None`: without end), `step` apart, and begin `offset` after the
    first frame. The frame after the last is taken to lie one gap further on, so that times beyond the end of
    the video keep nothing.
    """
    grid: _Grid | None = None
    held: Timed[T] | None = None
    gap: Fraction | None = None
    due = 0
    for frame in frames:
        if grid is None or held is None:
            grid = _Grid(frame.seconds + offset, step, count)
        else:
            gap = frame.seconds - held.seconds
            passed = grid.first_after(held.seconds + gap / 2)
            if passed > due and grid.holds(due):
                yield held
            due = max(due, passed)
        held = frame
    if grid is None or held is None or not grid.holds(due):
        return
    if gap is None or grid.first_after(held.seconds + gap / 2) > due:
        yield held
