"""How K frames are spread over the shots of a video."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from video.frames import Timed


@dataclass(frozen=True)
class ShotSpan:
    """What lies of one shot in the window looked at: its number, how many frames, and how long they last.

    The last frame is taken to last as long as the one before it, a single frame for no time.
    """

    shot: int
    frames: int
    seconds: Fraction


def shot_spans(frames: Iterable[Timed[object]]) -> list[ShotSpan]:
    """The spans of the shots of `frames`, which come in presentation order with their shots' numbers."""
    spans = []
    for shot, group in groupby(frames, key=lambda frame: frame.shot):
        count, first, last, gap = 0, Fraction(0), Fraction(0), Fraction(0)
        for frame in group:
            if count:
                gap = frame.seconds - last
            else:
                first = frame.seconds
            last = frame.seconds
            count += 1
        # Times may run backwards in a damaged file.
        spans.append(ShotSpan(shot, count, max(Fraction(0), last - first + gap)))
    return spans


def shares(spans: Sequence[ShotSpan], count: int) -> dict[int, int]:
    """How many of `count` frames each shot gets, by its number.

    One each where `count` allows, the others in proportion to length by the method of Webster and
    Sainte-Lague (each next one goes where length / (2 n + 1) is largest, n being what a shot has; of equals,
    to the earlier shot). No shot gets more than it has frames.
    """
    base = 1 if count >= len(spans) else 0
    given = {span.shot: base for span in spans}
    waiting = [(-span.seconds / (2 * base + 1), span.shot, span) for span in spans if span.frames > base]
    heapq.heapify(waiting)
    for _ in range(count - base * len(spans)):
        if not waiting:
            break
        _, shot, span = waiting[0]
        given[shot] += 1
        if given[shot] < span.frames:
            heapq.heapreplace(waiting, (-span.seconds / (2 * given[shot] + 1), shot, span))
        else:
            heapq.heappop(waiting)
    return given
