"""Identity over time on constructed people: vectors with known angles between them."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import numpy.typing as npt
import pytest

from forensics.identity_drift import (
    FACES_BESIDE_CHANGE,
    IdentitySeries,
    identity_series,
    robust_identity,
)
from forensics.sampled_frames import SampledFrames

Vectors = npt.NDArray[np.float64]
SAME = 0.92
DIMENSION = 16


def person(angle_degrees: float, count: int, *, noise: float = 0.0, seed: int = 0) -> Vectors:
    """[count,16] unit vectors of one person at an angle from the first axis, with noise around it."""
    angle = np.radians(angle_degrees)
    vectors = np.zeros((count, DIMENSION))
    vectors[:, 0], vectors[:, 1] = np.cos(angle), np.sin(angle)
    vectors += np.random.default_rng(seed).normal(0, noise, vectors.shape)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def looked_at(times: npt.NDArray[np.float64], shot: npt.NDArray[np.int64]) -> SampledFrames:
    """The frames of a clip with 24 a second at `times`, and four a second between them in the shot before."""
    between = np.setdiff1d(np.arange(0, times.max(initial=0), 0.25), times)
    before = np.searchsorted(times, between) - 1
    seconds, shots = np.r_[times, between], np.r_[shot, shot[before]]
    order = np.argsort(seconds)
    return SampledFrames(np.round(seconds[order] * 24).astype(np.int64), seconds[order], shots[order])


def series(
    vectors: Vectors,
    *,
    seconds: npt.ArrayLike | None = None,
    shot: npt.ArrayLike | None = None,
    usable: npt.ArrayLike | None = None,
) -> IdentitySeries:
    count = len(vectors)
    times = np.arange(count) / 4 if seconds is None else np.asarray(seconds, np.float64)
    return identity_series(
        np.round(times * 24).astype(np.int64),
        vectors,
        np.ones(count, bool) if usable is None else np.asarray(usable, bool),
        sampled=looked_at(
            times, np.asarray(shot, np.int64) if shot is not None else np.zeros(count, np.int64)
        ),
        track=3,
        same_person_similarity=SAME,
    )


def test_a_steady_person_has_no_drift_no_flicker_and_no_change() -> None:
    found = series(person(20, 30))
    assert found.track == 3
    assert found.drift_per_second == pytest.approx(0, abs=1e-12)
    assert found.flicker == pytest.approx(0, abs=1e-12)
    assert found.changes == ()
    np.testing.assert_allclose(found.similarity_to_own, 1)
    np.testing.assert_allclose(found.similarity_to_previous[1:], 1)
    assert np.isnan(found.similarity_to_previous[0])


def test_cosines_are_those_of_the_angles() -> None:
    vectors = np.concatenate([person(angle, 1) for angle in (0, 0, 0, 10, 0)])
    found = series(vectors)
    tilted = np.cos(np.radians(10))
    np.testing.assert_allclose(found.similarity_to_own, [1, 1, 1, tilted, 1])
    np.testing.assert_allclose(found.similarity_to_previous, [np.nan, 1, 1, tilted, tilted])


def test_faces_of_someone_else_do_not_carry_the_identity_away() -> None:
    vectors = np.concatenate([person(0, 7), person(90, 6)])
    own = robust_identity(vectors)
    np.testing.assert_allclose(own, person(0, 1)[0], atol=1e-12)
    assert robust_identity(np.zeros((0, 4))).tolist() == [0, 0, 0, 0]


def test_flicker_is_the_median_step_between_neighbours() -> None:
    vectors = np.concatenate([person(angle, 1) for angle in [0, 6] * 10])
    assert series(vectors).flicker == pytest.approx(2 * np.sin(np.radians(3)))
    # One face of someone else is no flicker.
    vectors[9] = person(90, 1)[0]
    assert series(vectors).flicker == pytest.approx(2 * np.sin(np.radians(3)))


def test_drift_is_the_slope_away_from_the_first_quarter() -> None:
    angles = np.r_[np.zeros(10), np.linspace(1, 30, 30)]
    vectors = np.concatenate([person(angle, 1) for angle in angles])
    cosines = np.cos(np.radians(angles[10:]))
    slopes = [(cosines[j] - cosines[i]) * 4 / (j - i) for j in range(30) for i in range(j)]
    assert series(vectors).drift_per_second == pytest.approx(float(np.median(slopes)))
    assert series(person(0, 40, noise=0.05)).drift_per_second == pytest.approx(0, abs=0.002)


def test_a_sudden_other_person_is_a_change() -> None:
    vectors = np.concatenate([person(0, 12, noise=0.02), person(40, 12, noise=0.02, seed=1)])
    (change,) = series(vectors).changes
    assert (change.seconds, change.frame_index) == (3.0, 72)
    assert change.similarity_before == pytest.approx(1, abs=0.02)
    assert change.similarity_after == pytest.approx(np.cos(np.radians(40)), abs=0.03)


def test_a_person_who_comes_and_goes_makes_two_changes() -> None:
    vectors = np.concatenate([person(0, 10), person(40, 10), person(0, 10)])
    assert [change.seconds for change in series(vectors).changes] == [2.5, 5.0]


def test_one_odd_face_on_the_border_leaves_one_change() -> None:
    odd = person(70, 1)
    vectors = np.concatenate([person(0, 10), odd, person(40, 10)])
    (change,) = series(vectors).changes
    assert change.seconds == 2.5


@pytest.mark.parametrize("odd", [1, 2])
def test_odd_faces_alone_are_no_change(odd: int) -> None:
    vectors = person(0, 20)
    vectors[9 : 9 + odd] = person(50, odd)
    assert series(vectors).changes == ()


def test_a_head_that_turns_is_no_change() -> None:
    vectors = np.concatenate([person(angle, 1) for angle in np.r_[[0] * 8, 10, 20, 30, 40, [50] * 8]])
    assert series(vectors).changes == ()


def test_a_cut_or_a_long_absence_is_no_change_and_no_neighbourhood() -> None:
    vectors = np.concatenate([person(0, 10), person(40, 10)])
    cut = series(vectors, shot=[0] * 10 + [1] * 10)
    assert cut.changes == ()
    assert np.isnan(cut.similarity_to_previous[10])
    assert cut.flicker == pytest.approx(0, abs=1e-12)
    brief = series(vectors, seconds=np.r_[np.arange(10), 17 + np.arange(10)] / 4)
    assert [change.seconds for change in brief.changes] == [4.25]
    away = series(vectors, seconds=np.r_[np.arange(10) / 4, 5 + np.arange(10) / 4])
    assert away.changes == ()
    assert np.isnan(away.similarity_to_previous[10])


def test_identities_sampled_far_apart_are_neighbours_all_the_same() -> None:
    # As `--frames 16` of a minute.
    vectors = np.concatenate([person(0, 8), person(40, 8)])
    seconds = np.arange(16) * 3.75
    sampled = SampledFrames(np.arange(16) * 90, seconds, np.zeros(16, np.int64))
    found = identity_series(
        sampled.frame_index, vectors, np.ones(16, bool), sampled=sampled, track=0, same_person_similarity=SAME
    )
    assert found.flicker == pytest.approx(0, abs=1e-12)
    assert [change.seconds for change in found.changes] == [30.0]
    np.testing.assert_allclose(found.similarity_to_previous[1], 1)


def test_faces_that_are_not_usable_are_passed_over() -> None:
    vectors = person(0, 12)
    vectors[5] = person(80, 1)[0]
    usable = np.arange(12) != 5
    found = series(vectors, usable=usable)
    assert np.isnan(found.similarity_to_own[5])
    assert np.isnan(found.similarity_to_previous[5])
    assert found.similarity_to_previous[6] == pytest.approx(1)
    assert len(found.seconds) == 12


@pytest.mark.parametrize("count", [0, 1, FACES_BESIDE_CHANGE])
def test_too_few_faces_have_neither_drift_nor_flicker(count: int) -> None:
    found = series(person(0, count))
    assert (found.drift_per_second, found.flicker, found.changes) == (None, None, ())
    assert len(found.similarity_to_own) == count
    nothing = series(person(0, 8), usable=[False] * 8)
    assert (nothing.drift_per_second, nothing.flicker) == (None, None)
    assert np.isnan(nothing.similarity_to_own).all()


def test_the_order_of_arrival_does_not_matter() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        count = int(rng.integers(1, 50))
        middle = count // 2
        vectors = np.concatenate(
            [person(0, middle, noise=0.05, seed=1), person(45, count - middle, noise=0.05)]
        )
        index = np.cumsum(rng.integers(1, 9, count))
        shot = np.cumsum(rng.random(count) < 0.03)
        usable = rng.random(count) < 0.9
        given = (index, vectors, usable)
        sampled = SampledFrames(index, index / 24, shot)
        expected = identity_series(*given, sampled=sampled, track=0, same_person_similarity=SAME)
        mixed = rng.permutation(count)
        again = identity_series(
            *(of[mixed] for of in given), sampled=sampled, track=0, same_person_similarity=SAME
        )
        for one, other in zip(astuple(expected), astuple(again), strict=True):
            np.testing.assert_array_equal(one, other)


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        series(person(0, 4), usable=[True] * 3)
