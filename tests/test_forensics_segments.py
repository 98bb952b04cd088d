"""Segments on constructed sequences with known answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pytest

from forensics.sampled_frames import SampledFrames
from forensics.score_series import score_series
from forensics.segment_settings import DEFAULT_SETTINGS, SegmentSettings
from forensics.segments import Segment, SegmentKind, find_segments

CUE, CLEAR = 1.3, 0.3
OVER, OUT = SegmentKind.OVER_THRESHOLD, SegmentKind.STANDS_OUT


def find(
    score: npt.ArrayLike,
    *,
    seconds: npt.ArrayLike | None = None,
    looked_at: npt.ArrayLike | None = None,
    cuts: npt.ArrayLike = (),
    components: Mapping[str, npt.ArrayLike] = MappingProxyType({}),
    settings: SegmentSettings = DEFAULT_SETTINGS,
) -> tuple[Segment, ...]:
    """Segments of scores at four frames a second of a clip with 24, or at the times given.

    `components` are as many values as the scores each. `looked_at` are the times of all sampled frames, if
    more than those of the scores; shots begin at `cuts`.
    """
    values = np.asarray(score, np.float64)
    times = np.arange(len(values)) / 4 if seconds is None else np.asarray(seconds, np.float64)
    sampled = frames(times if looked_at is None else looked_at, cuts)
    series, *others = (
        score_series(numbers(times), np.asarray(of, np.float64), sampled)
        for of in (values, *components.values())
    )
    parts = dict(zip(components, others, strict=True))
    return find_segments(series, cue=CUE, clear=CLEAR, components=parts, settings=settings)


def numbers(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.round(seconds * 24).astype(np.int64)


def frames(seconds: npt.ArrayLike, cuts: npt.ArrayLike = ()) -> SampledFrames:
    times = np.sort(np.asarray(seconds, np.float64))
    return SampledFrames(numbers(times), times, np.searchsorted(np.asarray(cuts), times, side="right"))


def spans(segments: tuple[Segment, ...]) -> list[tuple[SegmentKind, float, float]]:
    return [(part.kind, part.first_seconds, part.last_seconds) for part in segments]


def steady(level: float, count: int, seed: int = 0) -> npt.NDArray[np.float64]:
    return level + np.random.default_rng(seed).normal(0, 0.3, count)


def test_a_part_over_the_threshold_is_found_with_its_frames_and_scores() -> None:
    assert find([-2] * 10 + [2, 3, 4, 3, 2, 2] + [-2] * 10) == (
        Segment(OVER, 2.5, 3.75, 60, 90, scored=6, mean_score=pytest.approx(16 / 6), peak_score=4.0),
    )


def test_a_whole_track_over_the_threshold_is_one_segment() -> None:
    (part,) = find(steady(2.5, 80))
    assert (part.kind, part.first_seconds, part.last_seconds, part.scored) == (OVER, 0.0, 19.75, 80)


def test_the_thresholds_themselves_count() -> None:
    lifted = 2 * CUE - CLEAR
    assert spans(find([-2.0] * 8 + [lifted] * 4 + [CLEAR] * 4 + [-2.0] * 12)) == [(OVER, 2.0, 3.75)]
    below = np.nextafter(CUE, 0)
    assert spans(find([-0.1] * 8 + [below] * 4 + [-0.1] * 12)) == []
    under = np.nextafter(CLEAR, 0)
    assert spans(find([-0.1] * 8 + [CUE] * 4 + [under] * 4 + [-0.1] * 8)) == [(OVER, 2.0, 2.75)]


def test_between_the_thresholds_a_segment_goes_on_but_none_begins() -> None:
    middle = [0.8] * 6
    assert spans(find([-0.1] * 8 + middle + [3.0] * 4 + middle + [-0.1] * 8)) == [(OVER, 2.0, 5.75)]
    assert spans(find([-0.1] * 8 + middle + [-0.1] * 8)) == []


def test_a_part_whose_mean_stays_below_the_cue_is_not_over_the_threshold() -> None:
    middle = [0.8] * 6
    kinds = [kind for kind, _, _ in spans(find([-0.1] * 8 + middle + [1.2] * 2 + middle + [-0.1] * 8))]
    assert OVER not in kinds


@pytest.mark.parametrize("at", [0, 7, 15])
def test_one_frame_does_not_make_a_segment(at: int) -> None:
    score = np.full(16, -1.0)
    score[at] = 9.0
    assert find(score) == ()


@pytest.mark.parametrize("at", [0, 7, 15])
def test_one_frame_does_not_break_a_segment(at: int) -> None:
    score = np.full(16, 2.0)
    score[at] = -9.0
    assert spans(find(score)) == [(OVER, 0.0, 3.75)]


def test_at_full_frame_rate_a_flash_of_some_frames_neither_makes_nor_breaks_a_segment() -> None:
    times = np.arange(100) / 24
    flash = (times >= 2) & (times < 2.2)
    assert find(np.where(flash, 9.0, -1.0), seconds=times) == ()
    assert spans(find(np.where(flash, -9.0, 2.0), seconds=times)) == [(OVER, 0.0, 99 / 24)]


def test_a_segment_has_a_least_length_and_a_least_number_of_scores() -> None:
    short = [-1.0] * 8 + [2.0] * 3 + [-1.0] * 8
    assert find(short) == ()
    assert len(find(short, settings=SegmentSettings(min_seconds=0.5))) == 1
    assert find(short, settings=SegmentSettings(min_seconds=0.5, min_scored=4)) == ()


def test_missing_detections_and_abstentions_do_not_end_a_segment() -> None:
    score = np.array([-1.0] * 8 + [2.0] * 12 + [-1.0] * 8)
    score[[10, 11, 12, 13]] = np.nan
    score[15] = np.inf
    (part,) = find(score)
    assert (part.first_seconds, part.last_seconds, part.scored, part.mean_score) == (2.0, 4.75, 7, 2.0)
    seen = np.r_[0:11, 14:28]
    (part,) = find(score[seen], seconds=seen / 4, looked_at=np.arange(28) / 4)
    assert (part.first_seconds, part.last_seconds) == (2.0, 4.75)


@pytest.mark.parametrize(("away", "parts"), [(2.0, 1), (2.25, 2)])
def test_a_gap_longer_than_the_limit_ends_a_segment(away: float, parts: int) -> None:
    times = np.r_[np.arange(8) / 4, 1.75 + away + np.arange(8) / 4]
    filled = np.r_[times, 1.75 + np.arange(1, round(away * 4)) / 4]
    assert len(find(np.full(16, 2.0), seconds=times, looked_at=filled)) == parts
    # The same time without a score because the detector abstained.
    score = np.r_[np.full(16, 2.0), np.full(len(filled) - 16, np.nan)]
    assert len(find(score, seconds=filled)) == parts


def test_a_cutaway_ends_a_segment_however_short_it_is() -> None:
    # The face in two shots, something else in one between them for less than the longest gap.
    seen = np.r_[np.arange(8), np.arange(15, 23)] / 4
    every = np.arange(23) / 4
    score = np.full(16, 2.0)
    assert spans(find(score, seconds=seen, looked_at=every, cuts=[2.0, 3.75])) == [
        (OVER, 0.0, 1.75),
        (OVER, 3.75, 5.5),
    ]
    # The same absence inside one shot is a missing detection.
    assert spans(find(score, seconds=seen, looked_at=every)) == [(OVER, 0.0, 5.5)]


def test_a_cutaway_that_no_frame_was_taken_from_ends_a_segment_too() -> None:
    seconds = np.arange(16) / 4
    assert len(find(np.full(16, 2.0), seconds=seconds, cuts=[1.8, 1.9])) == 2


def test_a_cut_from_a_face_to_the_same_face_does_not_end_a_segment() -> None:
    assert spans(find([2.0] * 16, cuts=[2.0])) == [(OVER, 0.0, 3.75)]
    # Nor where the face is there in the frames beside the cut, too blurred to score.
    score = np.full(16, 2.0)
    score[[7, 8, 9]] = np.nan
    assert spans(find(score, cuts=[2.0])) == [(OVER, 0.0, 3.75)]


def test_what_is_smoothed_is_never_across_a_cutaway() -> None:
    # One score over the threshold before the cutaway joins no others from behind it.
    score = np.r_[[-1.0] * 7, 9.0, [2.0] * 6]
    seen = np.r_[np.arange(8), np.arange(10, 16)] / 4
    found = spans(find(score, seconds=seen, looked_at=np.arange(16) / 4, cuts=[2.0, 2.5]))
    assert found == [(OVER, 2.5, 3.75)]


def test_frames_sampled_far_apart_are_neighbours_all_the_same() -> None:
    assert spans(find([2.0] * 6, seconds=np.arange(6) * 30.0)) == [(OVER, 0.0, 150.0)]


def test_a_part_far_above_the_rest_of_the_face_stands_out() -> None:
    score = np.r_[steady(-2.9, 16), steady(-0.5, 12, 1), steady(-2.7, 12, 2)]
    (part,) = find(score)
    assert (part.kind, part.first_seconds, part.last_seconds) == (OUT, 4.0, 6.75)
    assert part.mean_score == pytest.approx(score[16:28].mean())


def test_a_part_says_what_it_stands_out_of() -> None:
    (part,) = find([-4.0] * 20 + [-1.0] * 6 + [-3.0] * 20)
    assert (part.mean_score, part.rest_score, part.component) == (-1.0, -3.5, None)
    over, out = find([-4.0] * 20 + [2.0] * 6 + [-4.0] * 20 + [-1.0] * 6)
    assert (over.rest_score, out.rest_score) == (None, -4.0)


# A face that one prompt takes for generated all the time, and another for fake in a part of it.
DOMINATED = [0.8] * 40
FAKE_IN_PART = [-3.0] * 16 + [-0.5] * 12 + [-3.0] * 12


def test_a_part_that_stands_out_in_one_component_alone_is_found_by_that() -> None:
    assert find(DOMINATED) == ()
    (part,) = find(DOMINATED, components={"fake": FAKE_IN_PART, "generated": DOMINATED})
    assert part == Segment(OUT, 4.0, 6.75, 96, 162, 12, -0.5, -0.5, rest_score=-3.0, component="fake")


def test_where_the_score_has_a_part_its_components_have_none() -> None:
    for level, kind in ((0.2, OUT), (2.0, OVER)):
        score = [-3.0] * 20 + [level] * 8 + [-3.0] * 12
        (part,) = find(score, components={"fake": FAKE_IN_PART})
        assert (part.kind, part.component, part.first_seconds) == (kind, None, 5.0)
    elsewhere = [-3.0] * 34 + [2.0] * 6
    assert [part.component for part in find(elsewhere, components={"fake": FAKE_IN_PART})] == ["fake", None]


def test_of_overlapping_parts_of_two_components_the_one_that_stands_out_furthest_is_kept() -> None:
    further = [-4.0] * 18 + [-0.5] * 12 + [-4.0] * 10
    for parts in ({"a": FAKE_IN_PART, "b": further}, {"b": further, "a": FAKE_IN_PART}):
        (part,) = find(DOMINATED, components=parts)
        assert (part.component, part.first_seconds, part.rest_score) == ("b", 4.5, -4.0)
    apart = [-4.0] * 2 + [-0.5] * 8 + [-4.0] * 30
    found = find(DOMINATED, components={"a": FAKE_IN_PART, "b": apart})
    assert [(part.component, part.first_seconds) for part in found] == [("b", 0.5), ("a", 4.0)]


@pytest.mark.parametrize(("level", "count"), [(-1.5, 1), (-1.75, 0)])
def test_a_component_far_below_real_has_no_part(level: float, count: int) -> None:
    low = [-6.0] * 16 + [level] * 12 + [-6.0] * 12
    settings = SegmentSettings(min_component=-1.5)
    assert len(find(DOMINATED, components={"generated": low}, settings=settings)) == count


def test_a_component_far_below_real_does_not_take_the_place_of_another_s_part() -> None:
    low = [-10.0] * 16 + [-4.0] * 12 + [-10.0] * 12
    (part,) = find(DOMINATED, components={"generated": low, "fake": FAKE_IN_PART})
    assert part.component == "fake"


def test_noise_slow_change_and_small_steps_do_not_stand_out() -> None:
    assert find(steady(-2.0, 400)) == ()
    assert find(np.r_[steady(-2.9, 16), steady(-2.0, 12, 1), steady(-2.9, 12, 2)]) == ()
    assert find(-2 + 0.9 * np.sin(np.arange(160) / 20)) == ()


def test_how_far_a_part_must_lie_above_grows_with_the_spread_of_the_rest() -> None:
    calm = np.r_[np.tile([-3.0, -3.1], 10), [-1.3] * 6, np.tile([-3.0, -3.1], 10)]
    assert spans(find(calm)) == [(OUT, 5.0, 6.25)]
    restless = np.r_[np.tile([-2.2, -3.8], 10), [-1.3] * 6, np.tile([-2.2, -3.8], 10)]
    assert find(restless) == ()


def test_a_large_part_does_not_hide_in_the_spread_it_makes() -> None:
    score = np.r_[steady(-3.0, 12), steady(-1.0, 16, 1), steady(-3.0, 12, 2)]
    assert spans(find(score)) == [(OUT, 3.0, 6.75)]


def test_what_is_half_of_the_track_or_more_stands_out_from_nothing() -> None:
    less = [-4.0] * 22 + [-1.0] * 18
    more = [-4.0] * 18 + [-1.0] * 22
    assert spans(find(less)) == [(OUT, 5.5, 9.75)]
    assert find(more) == ()


def test_nothing_stands_out_inside_or_through_a_part_over_the_threshold() -> None:
    score = [-4.0] * 30 + [-1.0] * 6 + [2.0] * 6 + [-1.0] * 6 + [-4.0] * 30
    assert spans(find(score)) == [(OUT, 7.5, 8.75), (OVER, 9.0, 10.25), (OUT, 10.5, 11.75)]


def test_segments_come_in_order_of_time() -> None:
    score = [-4.0] * 20 + [2.0] * 6 + [-4.0] * 20 + [-1.0] * 6 + [-4.0] * 20
    assert [part.kind for part in find(score)] == [OVER, OUT]


def test_the_order_of_arrival_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        count = int(rng.integers(1, 80))
        score = np.cumsum(rng.normal(0, 0.8, count)) - 1.0
        score[rng.random(count) < 0.1] = np.nan
        index = np.cumsum(rng.integers(1, 20, count))
        sampled = SampledFrames(index, index / 24, np.cumsum(rng.random(count) < 0.05))
        expected = find_segments(score_series(index, score, sampled), cue=CUE, clear=CLEAR)
        for _ in range(3):
            mixed = rng.permutation(count)
            again = score_series(index[mixed], score[mixed], sampled)
            assert find_segments(again, cue=CUE, clear=CLEAR) == expected


@pytest.mark.parametrize("score", [[], [5.0], [5.0, 5.0], [np.nan] * 9])
def test_too_little_to_see_has_no_segment(score: list[float]) -> None:
    assert find(score) == ()


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="must not exceed"):
        find_segments(score_series(np.array([0, 24]), np.zeros(2), frames([0, 1])), cue=0, clear=1)


@pytest.mark.parametrize(
    "change",
    [
        {"min_seconds": float("nan")},
        {"smoothing_seconds": -1},
        {"min_excess": 0},
        {"min_excess_deviations": -1},
        {"min_scored": 0},
        {"max_share": 0.6},
        {"min_component": float("nan")},
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(SegmentSettings(), **change)  # type: ignore[arg-type]
