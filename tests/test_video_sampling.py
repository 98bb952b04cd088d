"""Which frames a sampling keeps, on made-up times."""

from __future__ import annotations

from fractions import Fraction

import pytest

from video.sampling import Sampling, Timed


def kept(
    sampling: Sampling, times: list[Fraction | float | int], duration: Fraction | None = None
) -> list[int]:
    frames = [Timed(index, Fraction(str(time)), None) for index, time in enumerate(times)]
    return [frame.index for frame in sampling.select(frames, duration)]


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

    assert len(list(Sampling.all(end_seconds=3).select(frames(), None))) == 3  # type: ignore[arg-type]
    assert asked == [0, 1, 2, 3]


def test_spread_keeps_the_centres_of_equal_spans() -> None:
    # Four spans of 2.5 s: centres at 1.25, 3.75, 6.25, 8.75 s.
    chosen = kept(Sampling.spread(4), regular(250), Fraction(10))
    assert [float(regular(250)[index]) for index in chosen] == [1.24, 3.76, 6.24, 8.76]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 100])
def test_spread_never_gives_more_than_asked(count: int) -> None:
    chosen = kept(Sampling.spread(count), regular(20), Fraction(20, 25))
    assert len(chosen) == min(count, 20)
    assert chosen == sorted(set(chosen))


def test_spread_of_a_window_starts_and_ends_with_it() -> None:
    chosen = kept(Sampling.spread(2, start_seconds=4, end_seconds=8), list(range(10)), Fraction(10))
    assert chosen == [5, 7]


@pytest.mark.parametrize("duration", [Fraction(0), Fraction(1, 25), Fraction(100)])
def test_spread_of_one_frame_gives_that_frame(duration: Fraction) -> None:
    assert kept(Sampling.spread(4), [3], duration) == [0]


def test_spread_over_a_duration_declared_too_long_gives_fewer_frames() -> None:
    chosen = kept(Sampling.spread(4), regular(25), Fraction(2))
    assert chosen == [6, 19]


def test_spread_refuses_an_unknown_duration() -> None:
    with pytest.raises(ValueError, match="duration"):
        kept(Sampling.spread(4), [0, 1], None)


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
