"""Which frames a sampling keeps, on made-up times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

import pytest

from video.frames import Timed
from video.sampling import Sampling
from video.spread import ShotSpan, shares, shot_spans


def kept(sampling: Sampling, times: list[Fraction | float | int], cuts: Sequence[int] = ()) -> list[int]:
    """The numbers of the frames chosen; a new shot begins at each number in `cuts`."""
    frames = [
        Timed(index, Fraction(str(time)), None, bisect_right(cuts, index)) for index, time in enumerate(times)
    ]
    return [frame.index for frame in sampling.select(frames, shot_spans(sampling.window(frames)))]


def regular(count: int, rate: int = 25, start: Fraction = Fraction(0)) -> list[Fraction | float | int]:
    return [start + Fraction(index, rate) for index in range(count)]


def test_all_keeps_every_frame() -> None:
    assert kept(Sampling.all(), regular(5)) == [0, 1, 2, 3, 4]


def test_every_counts_from_the_first_frame_of_the_window() -> None:
    assert kept(Sampling.every(3), regular(8)) == [0, 3, 6]
    assert kept(Sampling.every(3, start_seconds=0.04), regular(8)) == [1, 4, 7]


def test_fps_keeps_the_frames_nearest_to_the_ticks() -> None:
    # Ticks at 0, 0.25, 0.5, 0.75 s; frames every 0.04 s: 0.24 is nearest to 0.25; 0.5 lies between 0.48
    # and 0.52, where the earlier wins; 0.76 is nearest to 0.75.
    assert kept(Sampling.fps(4), regular(25)) == [0, 6, 12, 19]


def test_fps_counts_from_the_first_frame_whatever_its_time() -> None:
    for start in (Fraction(-7, 3), Fraction(36000), Fraction(1, 90000)):
        assert kept(Sampling.fps(4), regular(25, start=start)) == [0, 6, 12, 19]


def test_fps_at_the_frame_rate_keeps_every_frame_despite_rounded_times() -> None:
    for rate in (24, 30, 60):
        milliseconds = [Fraction(round(Fraction(1000 * index, rate)), 1000) for index in range(100)]
        assert kept(Sampling.fps(rate), list(milliseconds)) == list(range(100))


def test_fps_never_repeats_a_frame_of_a_slow_video() -> None:
    assert kept(Sampling.fps(10), [0, 1, 5, 6]) == [0, 1, 2, 3]


def test_fps_is_even_in_time_where_frames_are_not() -> None:
    # Ten frames a second, then a hundred: the ticks stay half a second apart.
    times = [Fraction(index, 10) for index in range(10)] + [1 + Fraction(index, 100) for index in range(100)]
    chosen = kept(Sampling.fps(2), list(times))
    assert [times[index] for index in chosen] == [0, Fraction(1, 2), 1, Fraction(3, 2)]


def test_fps_takes_decimals_as_written() -> None:
    assert Sampling.fps(29.97).amount == Fraction(2997, 100)


def test_a_gap_of_years_costs_nothing() -> None:
    assert kept(Sampling.fps(1000), [0, 10**12, 10**12 + 1]) == [0, 1, 2]


def test_window_includes_its_start_and_excludes_its_end() -> None:
    assert kept(Sampling.all(start_seconds=1, end_seconds=3), [0, 1, 2, 3, 4]) == [1, 2]


def test_window_is_on_the_clock_of_the_file() -> None:
    assert kept(Sampling.all(start_seconds=101), [100, 101, 102]) == [1, 2]
    assert kept(Sampling.fps(4, start_seconds=0.99), regular(50))[0] == 25


def test_frames_past_the_end_are_not_asked_for() -> None:
    asked = []

    def frames() -> object:
        for index in range(100):
            asked.append(index)
            yield Timed(index, Fraction(index), None)

    assert len(list(Sampling.all(end_seconds=3).select(frames()))) == 3  # type: ignore[arg-type]
    assert asked == [0, 1, 2, 3]


def test_spread_keeps_the_centres_of_equal_spans() -> None:
    # Four spans of 2.5 s: centres at 1.25, 3.75, 6.25, 8.75 s.
    chosen = kept(Sampling.spread(4), regular(250))
    assert [float(regular(250)[index]) for index in chosen] == [1.24, 3.76, 6.24, 8.76]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 100])
@pytest.mark.parametrize("cuts", [[], [1], [5, 6, 12], list(range(1, 20))])
def test_spread_gives_as_many_as_asked_for_and_there_are(count: int, cuts: list[int]) -> None:
    chosen = kept(Sampling.spread(count), regular(20), cuts)
    assert len(chosen) == min(count, 20)
    assert chosen == sorted(set(chosen))


def test_spread_of_a_window_starts_and_ends_with_it() -> None:
    assert kept(Sampling.spread(2, start_seconds=4, end_seconds=8), list(range(10))) == [5, 7]


def test_spread_of_one_frame_gives_that_frame() -> None:
    assert kept(Sampling.spread(4), [3]) == [0]


def test_spread_gives_shots_frames_in_proportion_to_their_length() -> None:
    # Shots of 100, 60 and 40 frames: 5, 3 and 2 of ten frames, at the centres of spans of 20 frames.
    chosen = kept(Sampling.spread(10), regular(200), [100, 160])
    assert chosen == [10, 30, 50, 70, 90, 110, 130, 150, 170, 190]
    # Five frames: 2.5, 1.5 and 1 by proportion, of which the second half goes to the earlier shot.
    assert kept(Sampling.spread(5), regular(200), [100, 160]) == [17, 50, 83, 130, 180]


def test_spread_gives_short_shots_a_frame_each() -> None:
    assert kept(Sampling.spread(4), regular(100), [97, 98]) == [24, 73, 97, 99]


def test_spread_over_more_shots_than_frames_prefers_long_ones() -> None:
    assert kept(Sampling.spread(2), regular(100), [30, 35, 60]) == [15, 80]
    assert kept(Sampling.spread(1), regular(100), [30, 35, 60]) == [80]


def test_spread_does_not_ask_a_shot_for_more_frames_than_it_has() -> None:
    # One second of a still picture, then a quarter of a second in 25 frames.
    times = [0, 0.5, *(1 + Fraction(index, 100) for index in range(25))]
    assert len(kept(Sampling.spread(12), times, [2])) == 12


def test_spread_leaves_shots_outside_the_window_alone() -> None:
    chosen = kept(Sampling.spread(3, start_seconds=1, end_seconds=3), regular(100), [20, 50, 90])
    # Frames 25 to 49 and 50 to 74: two frames for the earlier of two equal shots.
    assert chosen == [31, 44, 62]


def test_spread_stays_inside_a_shot_whose_last_frame_stays() -> None:
    # In time, the second shot's first frame is the nearest to the middle of what shows the first shot.
    assert kept(Sampling.spread(2), [0, 0.04, 1.0, 1.04], [2]) == [1, 3]


def test_a_time_that_runs_backwards_does_not_stop_the_spread() -> None:
    assert kept(Sampling.spread(2), [0, 1, 2, 0.5]) == [0]


def test_spread_refuses_shots_of_unknown_length() -> None:
    with pytest.raises(ValueError, match="spans"):
        Sampling.spread(4).select([])


def test_shares_add_up_and_follow_the_lengths() -> None:
    # Webster's method on a textbook case: 53, 24 and 23 per cent of 7 seats.
    spans = [ShotSpan(number, 1000, Fraction(votes)) for number, votes in enumerate((53_000, 24_000, 23_000))]
    assert shares(spans, 7) == {0: 3, 1: 2, 2: 2}
    assert shares([], 7) == {}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sampling.fps(0),
        lambda: Sampling.every(-1),
        lambda: Sampling.spread(0),
        lambda: Sampling.all(start_seconds=2, end_seconds=2),
    ],
)
def test_senseless_samplings_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"above 0|empty"):
        make()  # type: ignore[operator]
