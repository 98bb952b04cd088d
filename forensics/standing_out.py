"""Parts of a track that lie far above the rest of the same face's scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from forensics.score_runs import covered, long_runs
from forensics.score_series import ScoreSeries
from forensics.segment_settings import SegmentSettings

# The median absolute deviation of normally distributed values, in standard deviations.
MAD_OF_NORMAL = 0.6745

# Searches for parts that stand out: one by the steps between neighbours, one by the spread of the rest it
# left, one to settle.
SEARCH_ROUNDS = 3


def standing_out(
    series: ScoreSeries,
    smooth: npt.NDArray[np.float64],
    free: npt.NDArray[np.bool_],
    *,
    reach: int,
    settings: SegmentSettings,
) -> list[slice]:
    """The parts of the `free` [N] scores that lie far above the other free ones, searched in several rounds.

    `smooth` [N] are the scores smoothed over `reach` others on either side. Each round's level and spread are
    of what the round before left over. A part that stands out widens the spread of all scores but not that
    of the steps between near frames, which serves the first round.
    """
    rest = series.score[free]
    if len(rest) <= reach:
        return []
    candidates = np.where(free, smooth, -np.inf)
    spread = _robust_deviation(rest[reach:] - rest[:-reach]) / np.sqrt(2)
    out: list[slice] = []
    for _ in range(SEARCH_ROUNDS):
        level = float(np.median(rest))
        excess = max(settings.min_excess, settings.min_excess_deviations * spread)
        enter, stay = level + excess, level + excess / 2
        out = long_runs(candidates, series, enter=enter, stay=stay, settings=settings)
        rest = series.score[free & ~covered(out, len(series))]
        if len(rest) < (1 - settings.max_share) * free.sum():
            return []
        spread = _robust_deviation(rest)
    return out


def _robust_deviation(values: npt.NDArray[np.float64]) -> float:
    """The standard deviation of normally distributed values by their median absolute deviation."""
    return float(np.median(np.abs(values - np.median(values)))) / MAD_OF_NORMAL
