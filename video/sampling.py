"""Which frames of a video are looked at: pure functions of frame number and exact presentation time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import groupby
from math import floor
from typing import TypeVar

from video.frames import Timed, VideoInfo
from video.nearest import nearest
from video.spread import ShotSpan, shares

T = TypeVar("T")


class SamplingMode(StrEnum):
    """How frames are chosen. The values appear in reports."""

    FPS = "fps"
    EVERY = "every"
    SPREAD = "spread"
    ALL = "all"


@dataclass(frozen=True)
class Sampling:
    """A choice of frames inside a window of time; make one with `fps`, `every`, `spread` or `all`.

    `amount` is frames a second, the step in frames, or the number of frames, by `mode`.
    The window keeps frames with `start_seconds <= t < end_seconds`, where t is the file's own
    presentation time, the clock that reports print; `None` leaves that side open.
    """

    mode: SamplingMode
    amount: Fraction
    start_seconds: Fraction | None = None
    end_seconds: Fraction | None = None

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError(f"sampling {self.mode.value} needs an amount above 0, not {self.amount}")
        if self.mode is not SamplingMode.FPS and self.amount.denominator != 1:
            raise ValueError(f"sampling {self.mode.value} needs a whole number, not {self.amount}")
        start, end = self.start_seconds, self.end_seconds
        if start is not None and end is not None and end <= start:
            raise ValueError(f"the window is empty: start {float(start)} s, end {float(end)} s")

    @classmethod
    def fps(
        cls,
        rate: float | Fraction,
        *,
        start_seconds: float | Fraction | None = None,
        end_seconds: float | Fraction | None = None,
    ) -> Sampling:
        """`rate` frames a second: the frames nearest to the ticks of that rate, each at most once.

        The ticks count from the first frame of the window, so that frame is always kept. Where frames
        are further apart than the ticks, every frame is kept: nothing is repeated.
        """
        return cls(SamplingMode.FPS, _exact(rate), _optional(start_seconds), _optional(end_seconds))

    @classmethod
    def every(
        cls,
        step: int,
        *,
        start_seconds: float | Fraction | None = None,
        end_seconds: float | Fraction | None = None,
    ) -> Sampling:
        """Every `step`-th frame, counted from the first frame of the window."""
        return cls(SamplingMode.EVERY, Fraction(step), _optional(start_seconds), _optional(end_seconds))

    @classmethod
    def spread(
        cls,
        count: int,
        *,
        start_seconds: float | Fraction | None = None,
        end_seconds: float | Fraction | None = None,
    ) -> Sampling:
        """At most `count` frames, over the shots in proportion to their length (`video.spread`).

        A shot's n frames are those nearest to the centres of n equal spans of it.
        """
        return cls(SamplingMode.SPREAD, Fraction(count), _optional(start_seconds), _optional(end_seconds))

    @classmethod
    def all(
        cls,
        *,
        start_seconds: float | Fraction | None = None,
        end_seconds: float | Fraction | None = None,
    ) -> Sampling:
        """Every frame of the window."""
        return cls(SamplingMode.ALL, Fraction(1), _optional(start_seconds), _optional(end_seconds))

    @property
    def needs_spans(self) -> bool:
        """Whether `select` must be told how long the shots are, which takes a pass over the video."""
        return self.mode is SamplingMode.SPREAD

    def expected_frames(self, info: VideoInfo) -> int | None:
        """About how many frames will be chosen, from what `info` declares; `None` if it says too little."""
        if self.mode is SamplingMode.SPREAD:
            return int(self.amount)
        duration = info.duration_seconds
        if duration is None or duration <= 0:
            return None
        start = float(self.start_seconds or 0)
        end = duration if self.end_seconds is None else min(duration, float(self.end_seconds))
        window = max(0.0, end - start)
        if self.mode is SamplingMode.FPS:
            return floor(window * float(self.amount)) + 1
        if info.frame_count is None:
            return None
        return max(1, round(info.frame_count * window / duration / float(self.amount)))

    def select(
        self, frames: Iterable[Timed[T]], spans: Sequence[ShotSpan] | None = None
    ) -> Iterator[Timed[T]]:
        """The chosen frames of `frames`, which come in presentation order; at most one is held back.

        `spans` are those of the shots inside the window; only `spread` reads them, and raises `ValueError`
        without. Frames past the end of the window are never asked for.
        """
        window = self.window(frames)
        if self.mode is SamplingMode.SPREAD:
            if spans is None:
                raise ValueError("spreading frames needs the spans of the shots")
            return _spread(window, spans, int(self.amount))
        if self.mode is SamplingMode.FPS:
            return nearest(window, 1 / self.amount)
        return _every(window, int(self.amount))

    def window(self, frames: Iterable[Timed[T]]) -> Iterator[Timed[T]]:
        """The frames of the window."""
        for frame in frames:
            if self.end_seconds is not None and frame.seconds >= self.end_seconds:
                return
            if self.start_seconds is None or frame.seconds >= self.start_seconds:
                yield frame


def _every(window: Iterator[Timed[T]], step: int) -> Iterator[Timed[T]]:
    for position, frame in enumerate(window):
        if position % step == 0:
            yield frame


def _spread(window: Iterator[Timed[T]], spans: Sequence[ShotSpan], count: int) -> Iterator[Timed[T]]:
    given = shares(spans, count)
    seconds = {span.shot: span.seconds for span in spans}
    for shot, frames in groupby(window, key=lambda frame: frame.shot):
        if given[shot]:
            step = seconds[shot] / given[shot]
            yield from nearest(frames, step, offset=step / 2, count=given[shot])


def _exact(value: float | Fraction) -> Fraction:
    # 29.97 is meant as the decimal it is written as, not as its nearest binary float.
    return value if isinstance(value, Fraction) else Fraction(str(value))


def _optional(value: float | Fraction | None) -> Fraction | None:
    return None if value is None else _exact(value)
