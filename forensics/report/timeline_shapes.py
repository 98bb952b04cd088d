"""The shapes of a report's timeline, and the scale of its values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from forensics.report.words import MARKS

# Time runs from 0 to WIDTH across every panel; the page stretches it to whatever room there is.
WIDTH = 10_000.0
HEIGHT = 150.0
_MAX_VALUE_TICKS = 5


@dataclass(frozen=True)
class Point:
    """One value on a line: `value` is `None` where the detector abstained for `reason`."""

    frame_index: int
    seconds: float
    value: float | None
    reason: str | None


@dataclass(frozen=True)
class Line:
    """One person's (or the picture's) values over time, with the paths that draw them."""

    name: str
    track: int | None
    points: tuple[Point, ...]
    path: str
    dots: str
    silent: str


@dataclass(frozen=True)
class Band:
    """A segment as a box across the panel, with the component of the score that it stands out in, if one."""

    name: str
    track: int | None
    kind: str
    component: str | None
    left: float
    width: float


@dataclass(frozen=True)
class Level:
    """A horizontal line with its label: a threshold or a tick."""

    y: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One chart of the timeline: `low` and `high` are the values at its bottom and top."""

    title: str
    unit: str
    low: float
    high: float
    ticks: tuple[Level, ...]
    thresholds: tuple[Level, ...]
    lines: tuple[Line, ...]
    bands: tuple[Band, ...]
    faceless: str
    note: str = ""


@dataclass(frozen=True)
class Timeline:
    """All panels over the same span of time; `cuts` are shot boundaries between 0 and the width.

    `faceless` are frames that were looked at and show no face, `(frame_index, seconds)`.
    """

    first_seconds: float
    last_seconds: float
    ticks: tuple[tuple[float, str], ...]
    cuts: tuple[float, ...]
    faceless: tuple[tuple[int, float], ...]
    panels: tuple[Panel, ...]

    @property
    def has_whole_frame(self) -> bool:
        """Whether a line is that of whole frames."""
        return any(line.track is None for panel in self.panels for line in panel.lines)

    @property
    def marks(self) -> tuple[str, ...]:
        """The kinds of marks that are drawn, in the order of `words.MARKS`, their key."""
        drawn = {band.kind for panel in self.panels for band in panel.bands}
        drawn |= {"threshold" for panel in self.panels if panel.thresholds}
        drawn |= {"silent" for panel in self.panels for line in panel.lines if line.silent}
        drawn |= {"faceless" for panel in self.panels if panel.faceless}
        drawn |= {"cut" for _ in self.cuts}
        return tuple(kind for kind in MARKS if kind in drawn)


def value_range(values: Iterable[float | None], limits: Iterable[float]) -> tuple[float, float]:
    """The values at the bottom and the top of a panel that shows all of these."""
    known = [value for value in values if value is not None] + list(limits) or [0.0]
    low, high = min(known), max(known)
    margin = max((high - low) * 0.08, 0.05)
    return low - margin, high + margin


def levels(low: float, high: float, *, highest: float = np.inf) -> tuple[Level, ...]:
    """Round values between `low` and `high` for the axis, none above `highest`."""
    raw = (high - low) / _MAX_VALUE_TICKS
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    values = (np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step).round(6)
    return tuple(
        Level(height_of(float(value), low, high), f"{float(value) + 0.0:g}")
        for value in values
        if value <= highest
    )


def height_of(value: float, low: float, high: float) -> float:
    """How far below the top of a panel from `low` to `high` a value lies."""
    return round((high - value) / (high - low) * HEIGHT, 1)
