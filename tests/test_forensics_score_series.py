"""Which scores follow one another without a break, on constructed tracks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from forensics.sampled_frames import SampledFrames
from forensics.score_series import score_series


def sampled(count: int, *, step_seconds: float = 0.25, cuts: tuple[int, ...] = ()) -> SampledFrames:
    """Every sixth frame of a video; shots begin at the places `cuts`."""
    place = np.arange(count)
    shot = np.searchsorted(np.array(cuts), place, side="right")
    return SampledFrames(place * 6, place * step_seconds, shot)


def pieces(places: npt.ArrayLike, frames: SampledFrames) -> list[int]:
    index = frames.frame_index[np.asarray(places)]
    return score_series(index, np.ones(len(index)), frames).piece.tolist()


def test_a_series_holds_the_finite_scores_in_order_with_their_times() -> None:
    frames = sampled(6)
    series = score_series(np.array([24, 0, 18, 6]), np.array([5.0, 1.0, np.nan, np.inf]), frames)
    assert series.frame_index.tolist() == [0, 24]
    assert series.seconds.tolist() == [0.0, 1.0]
    assert series.score.tolist() == [1.0, 5.0]
    assert (len(series), series.step_seconds) == (2, 0.25)


def test_two_seconds_without_a_score_are_no_break_and_more_are_one() -> None:
    assert pieces([0, 8], sampled(20)) == [0, 0]
    assert pieces([0, 9, 10], sampled(20)) == [0, 1, 1]


def test_of_frames_further_apart_than_that_only_the_next_follows() -> None:
    frames = sampled(5, step_seconds=3.75)
    assert pieces([0, 1, 2, 4], frames) == [0, 0, 0, 1]


def test_steps_that_differ_are_judged_where_they_are() -> None:
    # A long shot between short ones, each with its own step.
    seconds = np.array([0, 0.5, 1, 1.5, 2, 12, 22, 32, 32.5, 33])
    frames = SampledFrames(np.arange(10), seconds, np.zeros(10, np.int64))
    assert pieces(range(10), frames) == [0] * 10
    assert pieces([0, 4, 6, 7], frames) == [0, 0, 1, 1]


def test_another_picture_between_two_shots_is_a_break_and_a_cut_alone_is_none() -> None:
    assert pieces([0, 1, 4, 5], sampled(6, cuts=(2, 4))) == [0, 0, 1, 1]
    assert pieces([0, 1, 2, 3], sampled(6, cuts=(2, 4))) == [0, 0, 0, 0]
    assert pieces([0, 1, 4, 5], sampled(6)) == [0, 0, 0, 0]


def test_frames_without_a_face_at_a_cut_are_a_break() -> None:
    # Whether the face left before the cut or came after it: it was out of the picture.
    assert pieces([0, 1, 3], sampled(4, cuts=(2,))) == [0, 0, 1]
    assert pieces([0, 2, 3], sampled(4, cuts=(2,))) == [0, 1, 1]


def test_a_face_that_was_seen_but_not_scored_bridges_a_cut() -> None:
    frames = sampled(6, cuts=(3,))
    score = np.array([1.0, 1.0, np.nan, np.nan, 1.0, 1.0])
    assert score_series(frames.frame_index, score, frames).piece.tolist() == [0, 0, 0, 0]


def test_what_does_not_fit_is_refused() -> None:
    frames = sampled(3)
    with pytest.raises(ValueError, match="3 scores"):
        score_series(np.zeros(2, np.int64), np.zeros(3), frames)
    for number in (3, 18):
        with pytest.raises(ValueError, match="looked at"):
            score_series(np.array([number]), np.zeros(1), frames)
    with pytest.raises(ValueError, match="different lengths"):
        SampledFrames(np.arange(3), np.zeros(2), np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="order"):
        SampledFrames(np.array([0, 2, 1]), np.zeros(3), np.zeros(3, np.int64))


def test_one_frame_and_none_have_no_step() -> None:
    assert sampled(1).step_seconds == sampled(0).step_seconds == 0.0
    assert pieces([0], sampled(1)) == [0]
    assert pieces(np.zeros(0, int), sampled(1)) == []
