"""Suspicious parts of a track: where its scores pass the threshold or lie far above the others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forensics.score_runs import covered, long_runs, smoothed, smoothing_reach
from forensics.score_series import ScoreSeries
from forensics.segment_settings import DEFAULT_SETTINGS, SegmentSettings
from forensics.standing_out import standing_out


class SegmentKind(StrEnum):
    """Why a part is pointed out. The values are the codes of reports."""

    OVER_THRESHOLD = "over_threshold"
    STANDS_OUT = "stands_out"


@dataclass(frozen=True)
class Segment:
    """A part of a track, from its first to its last frame, both included.

    `scored` counts the frames with a score; `mean_score` and `peak_score` are of those, not smoothed.
    """

    kind: SegmentKind
    first_seconds: float
    last_seconds: float
    first_index: int
    last_index: int
    scored: int
    mean_score: float
    peak_score: float


def find_segments(
    series: ScoreSeries, *, cue: float, clear: float, settings: SegmentSettings = DEFAULT_SETTINGS
) -> tuple[Segment, ...]:
    """The suspicious parts of one track in order of time; none overlaps another or goes on across a break.

    OVER_THRESHOLD: the smoothed score reaches `cue` and stays at `clear` or above, with a mean of `cue` or
    more.
    STANDS_OUT: outside of those, it reaches `min_excess` above the rest of the track and stays above half of
    that. Raises ValueError for a `clear` above `cue`.
    """
    if not clear <= cue:
        raise ValueError(f"clear {clear} must not exceed cue {cue}")
    reach = smoothing_reach(series, settings)
    smooth = smoothed(series, reach)
    runs = long_runs(smooth, series, enter=cue, stay=clear, settings=settings)
    # Staying between the two thresholds prolongs a part, it does not make one.
    over = [run for run in runs if series.score[run].mean() >= cue]
    free = ~covered(over, len(series))
    found = [(run, SegmentKind.OVER_THRESHOLD) for run in over]
    out = standing_out(series, smooth, free, reach=reach, settings=settings)
    found += [(run, SegmentKind.STANDS_OUT) for run in out]
    return tuple(_segment(series, run, kind) for run, kind in sorted(found, key=lambda pair: pair[0].start))


def _segment(series: ScoreSeries, run: slice, kind: SegmentKind) -> Segment:
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
    )
