"""Suspicious parts of a track: where its scores pass the threshold or lie far above the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

# The median absolute deviation of normally distributed values, in standard deviations.
MAD_OF_NORMAL = 0.6745

# Searches for parts that stand out: one by the steps between neighbours, one by the spread of the rest it
# left, one to settle.
SEARCH_ROUNDS = 3


class SegmentKind(StrEnum):
    """Why a part is pointed out. The values are the codes of reports."""

    OVER_THRESHOLD = "over_threshold"
    STANDS_OUT = "stands_out"


@dataclass(frozen=True)
class SegmentSettings:
    """When a run of faces is a segment. Every limit counts at the limit itself."""

    # From the first to the last frame of a segment: at four frames a second, four in a row.
    min_seconds: float = 0.7
    # As for a finished track: fewer scores say more about those frames than about the part.
    min_scored: int = 3
    # Over so long without a score, nothing says that what was seen before went on. As long as a tracklet
    # goes on without a face.
    max_gap_seconds: float = 2.0
    # Where frames were sampled further apart than that, a neighbour is one within so many usual steps.
    max_gap_steps: float = 1.5
    # Scores are smoothed by a running median over this time and never fewer than three frames, so that a
    # single frame neither makes nor breaks a segment, however densely they were sampled.
    smoothing_seconds: float = 0.75
    # How far the scores of a part that stands out lie above those of the rest, at least: in units of the
    # score, which is in logits here, and in robust standard deviations of the rest. With these, 12 frames of
    # the 11 real `train` clips raised by 1.5, 2, 2.5 and 3 logits were found in 51, 67,
    # 85 and 94 % of 88 trials, and nothing in the clips as they are; change points found by `ruptures` and
    # held to the same limits found 41, 57, 77 and 91 %.
    min_excess: float = 1.5
    min_excess_deviations: float = 2.5
    # A part that stands out is a lesser part of the face's scores: of two halves, neither is the usual one.
    max_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("min_seconds", "max_gap_seconds", "smoothing_seconds"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} cannot be negative: {getattr(self, name)}")
        for name in ("min_excess", "min_excess_deviations"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.min_scored < 1 or self.max_gap_steps < 1:
            raise ValueError("min_scored and max_gap_steps must be at least 1")
        if not 0 < self.max_share <= 0.5:
            raise ValueError(f"max_share lies above 0 and up to 0.5, not at {self.max_share}")


DEFAULT_SETTINGS = SegmentSettings()


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
    seconds: npt.NDArray[np.float64],
    frame_index: npt.NDArray[np.int64],
    score: npt.NDArray[np.float64],
    *,
    cue: float,
    clear: float,
    settings: SegmentSettings = DEFAULT_SETTINGS,
) -> tuple[Segment, ...]:
    """The suspicious parts of one track in order of time; none overlaps another.

    `seconds`, `frame_index` and `score` [N] belong to the track's faces in any order; a score that is not
    finite is an abstention. OVER_THRESHOLD: the smoothed score reaches `cue` and stays at `clear` or above,
    with a mean of `cue` or more.
    STANDS_OUT: outside of those, it reaches `min_excess` above the rest of the track and stays above half of
    that. Raises ValueError for arrays of different lengths and for a `clear` above `cue`.
    """
    if not len(seconds) == len(frame_index) == len(score):
        raise ValueError(f"{len(seconds)} times, {len(frame_index)} frames and {len(score)} scores")
    if not clear <= cue:
        raise ValueError(f"clear {clear} must not exceed cue {cue}")
    order = np.lexsort((score, frame_index))
    step = float(np.median(np.diff(seconds[order]))) if len(order) > 1 else 0.0
    order = order[np.isfinite(score[order])]
    seconds, frame_index, score = seconds[order], frame_index[order], score[order]
    piece = pieces(seconds, max(settings.max_gap_seconds, settings.max_gap_steps * step))
    reach = 1 if step == 0 else max(1, int(settings.smoothing_seconds / step / 2))
    smooth = _smoothed(score, piece, reach)

    def runs(values: npt.NDArray[np.float64], enter: float, stay: float) -> list[slice]:
        return [
            run
            for run in _runs(values, piece, enter=enter, stay=stay)
            if run.stop - run.start >= settings.min_scored
            and seconds[run.stop - 1] - seconds[run.start] >= settings.min_seconds
        ]

    # Staying between the two thresholds prolongs a part, it does not make one.
    over = [run for run in runs(smooth, cue, clear) if score[run].mean() >= cue]
    free = ~_covered(over, len(score))
    out = _standing_out(score, np.where(free, smooth, -np.inf), free, reach, runs, settings)
    found = [(run, SegmentKind.OVER_THRESHOLD) for run in over]
    found += [(run, SegmentKind.STANDS_OUT) for run in out]
    return tuple(
        Segment(
            kind=kind,
            first_seconds=float(seconds[run.start]),
            last_seconds=float(seconds[run.stop - 1]),
            first_index=int(frame_index[run.start]),
            last_index=int(frame_index[run.stop - 1]),
            scored=run.stop - run.start,
            mean_score=float(score[run].mean()),
            peak_score=float(score[run].max()),
        )
        for run, kind in sorted(found, key=lambda pair: pair[0].start)
    )


def pieces(seconds: npt.NDArray[np.float64], max_gap_seconds: float) -> npt.NDArray[np.int64]:
    """[N] int64: for times in order, the number of the unbroken piece each belongs to, from 0."""
    return np.cumsum(np.diff(seconds, prepend=seconds[:1]) > max_gap_seconds).astype(np.int64)


def _smoothed(
    score: npt.NDArray[np.float64], piece: npt.NDArray[np.int64], reach: int
) -> npt.NDArray[np.float64]:
    """[N] median of each score and `reach` others on either side, within its piece. At a piece's ends the
    scores go on as in a mirror, so that the very first and last count no more than any other."""
    smooth = score.copy()
    for number in np.unique(piece):
        own = piece == number
        smooth[own] = median_filter(score[own], size=2 * reach + 1, mode="mirror")
    return smooth


def _runs(
    values: npt.NDArray[np.float64], piece: npt.NDArray[np.int64], *, enter: float, stay: float
) -> Iterator[slice]:
    """The longest runs of `values` [N] at `stay` or above inside one piece that reach `enter` somewhere."""
    kept = values >= stay
    borders = np.flatnonzero((kept[1:] != kept[:-1]) | (piece[1:] != piece[:-1])) + 1
    for start, stop in pairwise([0, *borders.tolist(), len(values)]):
        if start < stop and kept[start] and values[start:stop].max() >= enter:
            yield slice(start, stop)


def _covered(runs: list[slice], count: int) -> npt.NDArray[np.bool_]:
    """[count]: which scores lie in one of the runs."""
    covered = np.zeros(count, bool)
    for run in runs:
        covered[run] = True
    return covered


def _standing_out(
    score: npt.NDArray[np.float64],
    smooth: npt.NDArray[np.float64],
    free: npt.NDArray[np.bool_],
    reach: int,
    runs: Callable[[npt.NDArray[np.float64], float, float], list[slice]],
    settings: SegmentSettings,
) -> list[slice]:
    """The parts of the `free` scores that lie far above the other free ones, searched in several rounds.

    Each round's level and spread are of what the round before left over. A part that stands out widens the
    spread of all scores but not that of the steps between near frames, which serves the first round.
    """
    rest = score[free]
    if len(rest) <= reach:
        return []
    spread = _robust_deviation(rest[reach:] - rest[:-reach]) / np.sqrt(2)
    out: list[slice] = []
    for _ in range(SEARCH_ROUNDS):
        level = float(np.median(rest))
        excess = max(settings.min_excess, settings.min_excess_deviations * spread)
        out = runs(smooth, level + excess, level + excess / 2)
        rest = score[free & ~_covered(out, len(score))]
        if len(rest) < (1 - settings.max_share) * free.sum():
            return []
        spread = _robust_deviation(rest)
    return out


def _robust_deviation(values: npt.NDArray[np.float64]) -> float:
    """The standard deviation of normally distributed values by their median absolute deviation."""
    return float(np.median(np.abs(values - np.median(values)))) / MAD_OF_NORMAL
