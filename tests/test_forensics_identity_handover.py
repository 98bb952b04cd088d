"""Faces that take another's place, on constructed people."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from forensics.identity_drift import FACES_BESIDE_CHANGE
from forensics.identity_handover import Handover, handovers
from forensics.sampled_frames import SampledFrames

HERE, THERE = (0.0, 0.0, 100.0, 100.0), (300.0, 0.0, 400.0, 100.0)
# (frame, track, angle of the identity in degrees, box)
Face = tuple[int, int, float, tuple[float, float, float, float]]


def row(track: int, angle: float, frames: range, box: tuple[float, float, float, float] = HERE) -> list[Face]:
    return [(frame, track, angle, box) for frame in frames]


def find(
    faces: list[Face],
    *,
    cuts: tuple[int, ...] = (),
    usable: npt.NDArray[np.bool_] | None = None,
    order: npt.NDArray[np.int64] | None = None,
    step_seconds: float = 0.25,
) -> tuple[Handover, ...]:
    """Changes among faces of a video, every frame of which is looked at, its shots parted at `cuts`."""
    order = np.arange(len(faces)) if order is None else order
    frame, track = np.array([face[0] for face in faces]), np.array([face[1] for face in faces])
    angle = np.radians([face[2] for face in faces])
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    given = (
        frame,
        track,
        np.array([face[3] for face in faces], np.float32),
        vectors,
        np.ones(len(faces), bool) if usable is None else usable,
    )
    every = np.arange(frame.max() + 1)
    sampled = SampledFrames(every, every * step_seconds, np.searchsorted(np.array(cuts), every, side="right"))
    return handovers(*(of[order] for of in given), sampled=sampled, same_person_similarity=0.92)


def test_another_face_at_the_same_place_is_a_change() -> None:
    (change,) = find(row(0, 0, range(8)) + row(1, 60, range(8, 16)))
    assert (change.seconds, change.frame_index) == (2.0, 8)
    assert (change.track_before, change.track_after) == (0, 1)
    assert change.similarity == pytest.approx(0.5)


def test_a_face_pasted_for_a_while_makes_two_changes() -> None:
    found = find(row(0, 0, range(8)) + row(1, 60, range(8, 14)) + row(0, 0, range(14, 20)))
    assert [(change.frame_index, change.track_before, change.track_after) for change in found] == [
        (8, 0, 1),
        (14, 1, 0),
    ]


def test_a_track_split_in_one_person_is_no_change() -> None:
    assert find(row(0, 0, range(8)) + row(1, 20, range(8, 16))) == ()


def test_a_cut_and_a_long_absence_are_no_change() -> None:
    assert find(row(0, 0, range(8)) + row(1, 60, range(8, 16)), cuts=(8,)) == ()
    assert find(row(0, 0, range(8)) + row(1, 60, range(17, 25))) == ()
    assert len(find(row(0, 0, range(8)) + row(1, 60, range(15, 23)))) == 1


def test_frames_that_lie_far_apart_are_neighbours_all_the_same() -> None:
    faces = row(0, 0, range(8)) + row(1, 60, range(8, 16))
    assert len(find(faces, step_seconds=3.75)) == 1
    assert find(row(0, 0, range(8)) + row(1, 60, range(9, 17)), step_seconds=3.75) == ()


def test_someone_who_comes_elsewhere_or_stays_in_sight_changes_nobody() -> None:
    assert find(row(0, 0, range(8)) + row(1, 60, range(8, 16), THERE)) == ()
    assert find(row(0, 0, range(16)) + row(1, 60, range(8, 16))) == ()
    moved = row(0, 0, range(8)) + row(0, 0, range(8, 16), THERE) + row(1, 60, range(8, 16))
    assert find(moved) == ()


def test_a_change_needs_a_few_usable_faces_on_both_sides() -> None:
    few = FACES_BESIDE_CHANGE
    faces = row(0, 0, range(few)) + row(1, 60, range(few, 2 * few))
    assert len(find(faces)) == 1
    for poor in (0, 2 * few - 1):
        assert find(faces, usable=np.arange(2 * few) != poor) == ()


def test_the_order_of_arrival_does_not_matter() -> None:
    faces = row(0, 0, range(8)) + row(1, 60, range(8, 14)) + row(0, 5, range(14, 20))
    faces += row(2, 150, range(20), THERE)
    expected = find(faces)
    assert len(expected) == 2
    rng = np.random.default_rng(0)
    for _ in range(10):
        assert find(faces, order=rng.permutation(len(faces))) == expected


def test_no_faces_have_no_change_and_arrays_must_fit() -> None:
    nothing = np.zeros(0, np.int64)
    empty = (nothing, nothing, np.zeros((0, 4)), np.zeros((0, 2)), np.zeros(0, bool))
    sampled = SampledFrames(nothing, np.zeros(0), nothing)
    assert handovers(*empty, sampled=sampled, same_person_similarity=0.92) == ()
    with pytest.raises(ValueError, match="different lengths"):
        handovers(np.zeros(1, np.int64), *empty[1:], sampled=sampled, same_person_similarity=0.92)
