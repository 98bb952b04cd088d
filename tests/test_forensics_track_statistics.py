"""Statistics of a track on constructed sequences with known answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from forensics.sampled_frames import SampledFrames
from forensics.score_series import score_series
from forensics.segments import find_segments
from forensics.track_statistics import TREND_MAX_FRAMES, TrackStatistics, robust_slope
from forensics.track_statistics import track_statistics as statistics_of


def frames(seconds: npt.ArrayLike) -> SampledFrames:
    """Frames looked at, at 24 a second of the clip, all in one shot."""
    times = np.unique(np.asarray(seconds, np.float64))
    return SampledFrames(np.round(times * 24).astype(np.int64), times, np.zeros(len(times), np.int64))


def track_statistics(
    seconds: npt.NDArray[np.float64], score: npt.NDArray[np.float64], *, cue: float
) -> TrackStatistics | None:
    """Statistics of scores in frames at these times, no others being looked at."""
    index = np.round(seconds * 24).astype(np.int64)
    return statistics_of(score_series(index, score, frames(seconds)), cue=cue)


def test_every_figure_of_a_small_track() -> None:
    seconds = np.arange(6.0)
    score = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 50.0])
    assert track_statistics(seconds, score, cue=2.0) == TrackStatistics(
        mean=10.0, median=2.5, trend_per_second=1.0, share_over_cue=4 / 6, longest_run_seconds=3.0
    )


def test_the_trend_is_the_median_of_all_pairwise_slopes() -> None:
    rng = np.random.default_rng(0)
    seconds, score = np.sort(rng.uniform(0, 20, 31)), rng.normal(size=31)
    slopes = [(score[j] - score[i]) / (seconds[j] - seconds[i]) for j in range(31) for i in range(j)]
    assert robust_slope(seconds, score) == pytest.approx(float(np.median(slopes)))


def test_one_wild_frame_does_not_tilt_the_trend() -> None:
    score = -0.5 * np.arange(5.0)
    score[4] = 80
    assert track_statistics(np.arange(5.0), score, cue=0) is not None
    assert robust_slope(np.arange(5.0), score) == pytest.approx(-0.5)


def test_a_long_track_has_the_trend_of_its_whole_length() -> None:
    count = 30 * TREND_MAX_FRAMES + 7
    seconds = np.arange(count) / 25
    assert robust_slope(seconds, 3 - 0.01 * seconds) == pytest.approx(-0.01)


@pytest.mark.parametrize("seconds", [[0.0], [0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 1.0, 2.0, 2.0, 3.0]])
def test_too_few_times_have_no_trend(seconds: list[float]) -> None:
    found = track_statistics(np.array(seconds), np.zeros(len(seconds)), cue=0)
    assert found is not None
    assert found.trend_per_second is None


def test_without_a_finite_score_there_are_no_statistics() -> None:
    assert track_statistics(np.zeros(0), np.zeros(0), cue=0) is None
    assert track_statistics(np.arange(3.0), np.array([np.nan, np.inf, -np.inf]), cue=0) is None


@pytest.mark.parametrize(
    ("score", "seconds"),
    [
        ([-1, -1, -1, -1, -1], 0.0),
        ([-1, 1, -1, 1, -1], 0.0),
        ([-1, 1, 1, -1, 1], 1.0),
        ([1, 1, 1, 1, 1], 4.0),
        ([1, -1, 1, 1, 1], 2.0),
        ([1, np.nan, 1, -1, -1], 2.0),
        ([0, 0, -1, np.nan, 0], 1.0),
    ],
)
def test_the_longest_run_is_between_frames_below_the_threshold(score: list[float], seconds: float) -> None:
    found = track_statistics(np.arange(5.0), np.array(score, np.float64), cue=0)
    assert found is not None
    assert found.longest_run_seconds == seconds


def test_a_long_gap_ends_a_run() -> None:
    seconds = np.array([0.0, 1.0, 2.0, 4.5, 5.5])
    looked_at = frames([0, 1, 2, 3, 4, 4.5, 5.5])
    series = score_series(np.round(seconds * 24).astype(np.int64), np.ones(5), looked_at)
    found = statistics_of(series, cue=0)
    assert found is not None
    assert found.longest_run_seconds == 2.0


@pytest.mark.parametrize("step", [0.25, 1.0, 1.5, 3.75, 60.0])
def test_the_longest_run_agrees_with_the_segments_however_far_apart_frames_lie(step: float) -> None:
    # As `--frames 8` of half a minute: every score over the threshold is one run and one segment.
    index = np.round(np.arange(8) * step * 24).astype(np.int64)
    sampled = SampledFrames(index, index / 24, np.zeros(8, np.int64))
    series = score_series(index, np.full(8, 3.0), sampled)
    (part,) = find_segments(series, cue=1, clear=0)
    found = statistics_of(series, cue=1)
    assert found is not None
    assert (found.share_over_cue, found.longest_run_seconds) == (1.0, part.last_seconds - part.first_seconds)
    assert found.longest_run_seconds == 7 * step


def test_the_order_of_arrival_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        count = int(rng.integers(1, 60))
        seconds = rng.permutation(200)[:count] / 4
        score = rng.normal(size=count) * 10.0 ** rng.integers(-6, 6, count)
        score[rng.random(count) < 0.2] = np.nan
        expected = track_statistics(seconds, score, cue=0.1)
        for _ in range(3):
            mixed = rng.permutation(count)
            assert track_statistics(seconds[mixed], score[mixed], cue=0.1) == expected
