"""Suspicious parts of a track: where its scores pass the threshold or lie far above the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from forensics.score_runs import covered, long_runs, smoothed, smoothing_reach
from forensics.score_series import ScoreSeries
from forensics.segment_settings import DEFAULT_SETTINGS, SegmentSettings
from forensics.standing_out import standing_out

_NO_COMPONENTS: Mapping[str, ScoreSeries] = MappingProxyType({})


class SegmentKind(StrEnum):
    """Why a part is pointed out. The values are the codes of reports."""

    OVER_THRESHOLD = "over_threshold"
    STANDS_OUT = "stands_out"


@dataclass(frozen=True)
class Segment:
    """A part of a track, from its first to its last frame, both included.

    `scored` counts the frames with a score; `mean_score` and `peak_score` are of those, not smoothed.
    `rest_score` is the mean of what a part that stands out stands out of. With a `component` it does so in
    that alone, and all three are of the component, not of the score.
    """

    kind: SegmentKind
    first_seconds: float
    last_seconds: float
    first_index: int
    last_index: int
    scored: int
    mean_score: float
    peak_score: float
    rest_score: float | None = None
    component: str | None = None


def find_segments(
    series: ScoreSeries,
    *,
    cue: float,
    clear: float,
    components: Mapping[str, ScoreSeries] = _NO_COMPONENTS,
    settings: SegmentSettings = DEFAULT_SETTINGS,
) -> tuple[Segment, ...]:
    """The suspicious parts of one track in order of time; none overlaps another or goes on across a break.

    OVER_THRESHOLD: the smoothed score reaches `cue` and stays at `clear` or above, with a mean of `cue` or
    more.
    STANDS_OUT: outside of those, it reaches `min_excess` above the rest of the track and stays above half of
    that. Where the score has no part, one of its `components` may have one by the same limits, at a mean of
    `min_component` or more; of parts that overlap, the one that stands out furthest. `components` are of the
    same frames as the score. Raises ValueError for a `clear` above `cue`.
    """
    if not clear <= cue:
        raise ValueError(f"clear {clear} must not exceed cue {cue}")
    reach = smoothing_reach(series, settings)
    smooth = smoothed(series, reach)
    runs = long_runs(smooth, series, enter=cue, stay=clear, settings=settings)
    # Staying between the two thresholds prolongs a part, it does not make one.
    over = [run for run in runs if series.score[run].mean() >= cue]
    free = ~covered(over, len(series))
    out = standing_out(series, smooth, free, reach=reach, settings=settings)
    rest = _mean_outside(series, [*over, *out])
    found = [_segment(series, run, SegmentKind.OVER_THRESHOLD) for run in over]
    found += [_segment(series, run, SegmentKind.STANDS_OUT, rest=rest) for run in out]
    found += _in_components(components, covered([*over, *out], len(series)), reach=reach, settings=settings)
    return tuple(sorted(found, key=lambda part: part.first_seconds))


def _in_components(
    components: Mapping[str, ScoreSeries],
    taken: npt.NDArray[np.bool_],
    *,
    reach: int,
    settings: SegmentSettings,
) -> list[Segment]:
    """The parts that stand out in a component where none of the scores is `taken` [N]."""
    found: list[tuple[float, slice, Segment]] = []
    for name, series in components.items():
        everywhere = np.ones(len(series), bool)
        out = standing_out(series, smoothed(series, reach), everywhere, reach=reach, settings=settings)
        rest = _mean_outside(series, out)
        for run in out:
            part = _segment(series, run, SegmentKind.STANDS_OUT, rest=rest, component=name)
            found.append((part.mean_score - rest, run, part))
    kept: list[Segment] = []
    taken = taken.copy()
    for _, run, part in sorted(found, key=lambda each: -each[0]):
        if part.mean_score >= settings.min_component and not taken[run].any():
            taken[run] = True
            kept.append(part)
    return kept


def _mean_outside(series: ScoreSeries, runs: Sequence[slice]) -> float:
    """NaN where nothing is outside: then nothing stands out of it."""
    rest = series.score[~covered(runs, len(series))]
    return float(rest.mean()) if len(rest) else np.nan


def _segment(
    series: ScoreSeries,
    run: slice,
    kind: SegmentKind,
    *,
    rest: float | None = None,
    component: str | None = None,
) -> Segment:
    seconds, frame_index, score = series.seconds[run], series.frame_index[run], series.score[run]
    return Segment(
        kind=kind,
        first_seconds=float(seconds[0]),
        last_seconds=float(seconds[-1]),
        first_index=int(frame_index[0]),
        last_index=int(frame_index[-1]),
        scored=len(score),
        mean_score=float(score.mean()),
        peak_score=float(score.max()),
        rest_score=rest,
        component=component,
    )
