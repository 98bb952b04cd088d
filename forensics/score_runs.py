"""Runs of high scores inside the pieces of a series, by hysteresis, and the smoothing before it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from forensics.score_series import ScoreSeries
from forensics.segment_settings import SegmentSettings


def smoothing_reach(series: ScoreSeries, settings: SegmentSettings) -> int:
    """How many scores to either side the running median takes in; at least one."""
    step = series.step_seconds
    return 1 if step == 0 else max(1, int(settings.smoothing_seconds / step / 2))


def smoothed(series: ScoreSeries, reach: int) -> npt.NDArray[np.float64]:
    """[N] median of each score and `reach` others on either side, within its piece. At a piece's ends the
    scores go on as in a mirror, so that the very first and last count no more than any other."""
    smooth = series.score.copy()
    for number in np.unique(series.piece):
        own = series.piece == number
        smooth[own] = median_filter(series.score[own], size=2 * reach + 1, mode="mirror")
    return smooth


def long_runs(
    values: npt.NDArray[np.float64],
    series: ScoreSeries,
    *,
    enter: float,
    stay: float,
    settings: SegmentSettings,
) -> list[slice]:
    """The longest runs of `values` [N] at `stay` or above inside one piece that reach `enter` somewhere and
    are as long as the settings ask. `values` belong to the scores of the series."""
    kept = values >= stay
    borders = np.flatnonzero((kept[1:] != kept[:-1]) | (series.piece[1:] != series.piece[:-1])) + 1
    return [
        slice(start, stop)
        for start, stop in pairwise([0, *borders.tolist(), len(values)])
        if stop - start >= settings.min_scored
        and series.seconds[stop - 1] - series.seconds[start] >= settings.min_seconds
        and kept[start]
        and values[start:stop].max() >= enter
    ]


def covered(runs: Sequence[slice], count: int) -> npt.NDArray[np.bool_]:
    """[count]: which scores lie in one of the runs."""
    inside = np.zeros(count, bool)
    for run in runs:
        inside[run] = True
    return inside
