"""Work in smaller parts where a device's memory does not hold it at once, and the record of that."""

from __future__ import annotations

import ctypes
import logging
import os
import traceback
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from forensics.report.facts import MemoryShortage

LOGGER = logging.getLogger(__name__)
# Without a name it is what this process is linked with; Windows has no such thing.
_C_LIBRARY = ctypes.CDLL(None) if os.name == "posix" else None
OUT_OF_MEMORY = (torch.OutOfMemoryError, MemoryError)

# So many chunks apart, what is free but held is given back: it costs milliseconds.
CHUNKS_BETWEEN_RETURNS = 32

T = TypeVar("T")


class PartSizes:
    """How many frames of one video each kind of work takes at once: all, until memory runs out, then half.

    What did not fit is not tried again: the rest of the video keeps to the smaller number.
    """

    def __init__(self) -> None:
        self._most: dict[str, int] = {}
        self._shortages: list[MemoryShortage] = []

    @property
    def shortages(self) -> tuple[MemoryShortage, ...]:
        """What did not fit, in the order in which it happened."""
        return tuple(self._shortages)

    def fits(self, what: str, frames: int) -> bool:
        """Whether so many frames are still taken at once."""
        return frames <= self._most.get(what, frames)

    def in_parts(self, what: str, frames: int, work: Callable[[int, int], T]) -> Iterator[T]:
        """Yield `work(first, last)` over consecutive parts of `frames` frames, of all of them if they fit.

        `work` must be repeatable after it ran out of memory. Where a single frame is too much, its error
        is raised.
        """
        first = 0
        while first < frames:
            last = min(frames, first + self._most.get(what, frames))
            done = _attempt(work, first, last)
            if not done:
                self._halve(what, last - first)
                continue
            yield from done
            first = last

    def _halve(self, what: str, frames: int) -> None:
        fewer = (frames + 1) // 2
        self._most[what] = fewer
        shortage = MemoryShortage(what, frames, fewer)
        self._shortages.append(shortage)
        LOGGER.warning("%s", shortage)
        torch.cuda.empty_cache()


def _attempt(work: Callable[[int, int], T], first: int, last: int) -> list[T]:
    """The result alone, or nothing where memory ran out; by then all that had been computed is let go."""
    try:
        return [work(first, last)]
    except OUT_OF_MEMORY as error:
        if last - first <= 1:
            raise
        # The error may outlive this, in the result of a worker, and its frames with it.
        traceback.clear_frames(error.__traceback__)
        return []


def return_free_memory() -> None:
    """Give the system back what is free on the C library's heaps, where that library can (glibc).

    Small things that are kept lie between large ones that are not, and hold the memory of these: an hour of
    small frames held some 190 MB that nobody used.
    """
    trim = getattr(_C_LIBRARY, "malloc_trim", None)
    if trim is not None:
        trim(0)
