"""What the scores of one track come to: level, trend, share over the threshold, longest suspicious run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import theilslopes

from forensics.score_series import ScoreSeries

# Of the slopes between five frames an outlier touches four of ten; of fewer frames it touches half or more,
# and one frame decides.
TREND_MIN_FRAMES = 5
# The slopes between all pairs are held in memory. Longer series are thinned to medians of equal runs.
TREND_MAX_FRAMES = 1000


@dataclass(frozen=True)
class TrackStatistics:
    """Statistics over the scored faces of a track, in units of the score.

    `trend_per_second` is `None` with too few frames for one. `longest_run_seconds` runs from the first to the
    last frame of the longest row of scores at the threshold or above, so a single such frame has 0.
    """

    mean: float
    median: float
    trend_per_second: float | None
    share_over_cue: float
    longest_run_seconds: float


def track_statistics(series: ScoreSeries, *, cue: float) -> TrackStatistics | None:
    """Statistics of a track's scores; `None` without any.

    Abstentions do not end a run; the breaks of the series do, as they end segments.
    """
    if len(series) == 0:
        return None
    over = series.score >= cue
    return TrackStatistics(
        # Sorted, so that the rounding of the sum is that of `aggregate.find_in_track`.
        mean=float(np.sort(series.score).mean()),
        median=float(np.median(series.score)),
        trend_per_second=robust_slope(series.seconds, series.score),
        share_over_cue=float(over.mean()),
        longest_run_seconds=_longest_run(series, over),
    )


def robust_slope(seconds: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> float | None:
    """The Theil-Sen slope of `values` [N], per second, at times [N] in order; `None` with too few of them.

    Sen, "Estimates of the regression coefficient based on Kendall's tau" (JASA, 1968).
    """
    if len(seconds) > TREND_MAX_FRAMES:
        parts = [np.array_split(of, TREND_MAX_FRAMES) for of in (seconds, values)]
        seconds, values = (np.array([np.median(part) for part in of]) for of in parts)
    if len(np.unique(seconds)) < TREND_MIN_FRAMES:
        return None
    return float(theilslopes(values, seconds).slope)


def _longest_run(series: ScoreSeries, over: npt.NDArray[np.bool_]) -> float:
    """Seconds of the longest row of frames over the threshold, 0 without any."""
    # A frame that is not over the threshold begins a new number and is then left out.
    run = (series.piece + np.cumsum(~over))[over]
    inside = series.seconds[over]
    return max((float(np.ptp(inside[run == number])) for number in np.unique(run)), default=0.0)
