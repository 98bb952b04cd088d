"""Following faces over constructed sequences whose people are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from face.track import Tracker, Tracks, TrackSettings
from face.types import FaceDetections

SETTINGS = TrackSettings(same_person_similarity=0.92)
DIMENSION = 128


@dataclass(frozen=True)
class Face:
    """One face of a frame: who it is, where its left edge is, how it looks."""

    person: str
    left: float
    usable: bool = True
    vector: npt.NDArray[np.float64] | None = None
    size: float = 100.0


@dataclass(frozen=True)
class Result:
    """The final ids of each person's faces, in order of time, and the tracks."""

    ids: Mapping[str, list[int]]
    tracks: Tracks


def person_vector(name: str) -> npt.NDArray[np.float64]:
    """Unit vectors as dlib gives them: all share a direction, so that two people are near 0.85."""
    own = np.random.default_rng(list(name.encode())).normal(size=DIMENSION)
    common = np.ones(DIMENSION) / np.sqrt(DIMENSION)
    own -= common * (own @ common)
    return np.sqrt(0.85) * common + np.sqrt(0.15) * own / np.linalg.norm(own)


def alike(name: str, similarity: float, seed: int = 0) -> npt.NDArray[np.float64]:
    """A unit vector at the given cosine to that of a person."""
    base = person_vector(name)
    other = np.random.default_rng(seed).normal(size=DIMENSION)
    other -= base * (other @ base)
    return similarity * base + np.sqrt(1 - similarity**2) * other / np.linalg.norm(other)


def seen(face: Face, noise: np.random.Generator) -> npt.NDArray[np.float64]:
    """One view: at about 0.985 to the person's vector, as frames of one clip are."""
    base = person_vector(face.person) if face.vector is None else face.vector
    view = base + noise.normal(size=DIMENSION) * 0.175 / np.sqrt(DIMENSION)
    return np.asarray(view / np.linalg.norm(view))


def follow(
    frames: Sequence[Sequence[Face]],
    *,
    step_seconds: float = 0.25,
    chunk: int = 8,
    settings: TrackSettings = SETTINGS,
    cuts: Sequence[int] = (),
) -> Result:
    """Track the faces of `frames`; a new shot begins at each frame number in `cuts`."""
    tracker, noise = Tracker(settings), np.random.default_rng(1)
    vectors = [[seen(face, noise) for face in frame] for frame in frames]
    provisional = []
    for start in range(0, len(frames), chunk):
        part = frames[start : start + chunk]
        faces = [face for frame in part for face in frame]
        boxes = np.array(
            [[face.left, 50, face.left + face.size, 50 + face.size] for face in faces], np.float32
        ).reshape(-1, 4)
        count = len(faces)
        detections = FaceDetections(
            boxes,
            np.zeros((count, 5, 2), np.float32),
            np.ones(count, np.float32),
            np.repeat(np.arange(len(part)), [len(frame) for frame in part]).astype(np.int64),
        )
        unit = [vector for frame in vectors[start : start + chunk] for vector in frame]
        numbers = np.arange(start, start + len(part))
        provisional.append(
            tracker.update(
                detections,
                np.array(unit, np.float32).reshape(-1, DIMENSION),
                np.array([face.usable for face in faces], bool),
                numbers * 10,
                numbers * step_seconds,
                np.searchsorted(np.array(cuts, np.int64), numbers, side="right"),
            )
        )
    tracks = tracker.finish()
    final = tracks.resolve(np.concatenate(provisional) if provisional else np.zeros(0, np.int64))
    ids: dict[str, list[int]] = {}
    for face, number in zip([face for frame in frames for face in frame], final.tolist(), strict=True):
        ids.setdefault(face.person, []).append(number)
    return Result(ids, tracks)


def persons(result: Result) -> dict[str, set[int]]:
    return {person: set(ids) for person, ids in result.ids.items()}


def test_a_talking_head_is_one_track_with_its_times_and_its_mean_identity() -> None:
    result = follow([[], *[[Face("ann", 100 + 3 * i)] for i in range(12)]])
    (track,) = result.tracks.tracks
    assert (track.id, track.first_index, track.last_index, track.detections) == (0, 10, 120, 12)
    assert (track.first_seconds, track.last_seconds) == (0.25, 3.0)
    assert np.linalg.norm(track.identity) == pytest.approx(1, abs=1e-6)
    assert track.identity @ person_vector("ann") > 0.997
    assert track.identity.dtype == np.float32


def test_tracks_count_in_order_of_first_appearance() -> None:
    result = follow(
        [[Face("ann", 0)]] * 3 + [[Face("bob", 300), Face("ann", 0)]] * 3 + [[Face("cy", 600)]] * 3
    )
    assert persons(result) == {"ann": {0}, "bob": {1}, "cy": {2}}
    assert [track.id for track in result.tracks.tracks] == [0, 1, 2]


def test_people_who_cross_keep_their_tracks() -> None:
    frames = [[Face("ann", 40.0 * i), Face("bob", 380 - 40.0 * i)] for i in range(11)]
    assert persons(follow(frames)) == {"ann": {0}, "bob": {1}}


def test_lookalikes_who_cross_keep_their_tracks() -> None:
    twin = alike("ann", 0.99)
    frames = [[Face("ann", 40.0 * i), Face("twin", 380 - 40.0 * i, vector=twin)] for i in range(11)]
    assert persons(follow(frames)) == {"ann": {0}, "twin": {1}}


def test_a_short_miss_does_not_end_a_tracklet() -> None:
    settings = TrackSettings(same_person_similarity=0.92, strictness=0.999)
    # So strict a limit links nothing at the end: what bridges the gap is the place of poor faces.
    frames: list[list[Face]] = [[Face("ann", 0, usable=False)], [], [], [Face("ann", 10, usable=False)]]
    assert persons(follow(frames, settings=settings)) == {"ann": {0}}


def test_a_poor_face_is_followed_as_it_moves() -> None:
    frames = [[Face("ann", 40.0 * i, usable=False)] for i in range(12)]
    assert persons(follow(frames)) == {"ann": {0}}


def test_a_head_that_turns_slowly_is_one_track() -> None:
    front, side = person_vector("ann"), alike("ann", 0.8)
    ways = np.linspace(0, 1, 40)
    turn = [(1 - way) * front + way * side for way in ways]
    frames = [[Face("ann", 0, vector=view / np.linalg.norm(view))] for view in turn]
    assert persons(follow(frames)) == {"ann": {0}}


def test_a_place_is_forgotten_after_a_long_gap() -> None:
    frames: list[list[Face]] = [[Face("ann", 0, usable=False)], *[[]] * 9, [Face("ann", 0, usable=False)]]
    assert persons(follow(frames)) == {"ann": {0, 1}}


def test_a_cut_to_another_person_in_the_same_place_starts_a_track() -> None:
    frames = [[Face("ann", 100)]] * 5 + [[Face("bob", 100)]] * 5
    assert persons(follow(frames)) == {"ann": {0}, "bob": {1}}


def test_a_cut_to_a_person_as_alike_as_strangers_can_be_starts_a_track() -> None:
    stranger = alike("ann", 0.94)
    frames = [[Face("ann", 100)]] * 5 + [[Face("bob", 100, vector=stranger)]] * 5
    assert persons(follow(frames)) == {"ann": {0}, "bob": {1}}


def test_a_cut_to_a_poor_face_of_another_person_starts_a_track() -> None:
    frames = [[Face("ann", 100)]] * 5 + [[Face("bob", 100, usable=False)]] * 3
    assert persons(follow(frames)) == {"ann": {0}, "bob": {1}}


def test_place_alone_does_not_lead_across_a_cut() -> None:
    double = alike("ann", 0.95)
    frames = [[Face("ann", 100, usable=i < 4)] for i in range(6)]
    frames += [[Face("double", 100, usable=False, vector=double)] for _ in range(6)]
    assert persons(follow(frames)) == {"ann": {0}, "double": {0}}
    assert persons(follow(frames, cuts=[6])) == {"ann": {0}, "double": {1}}


def test_a_face_after_a_cut_is_joined_by_identity() -> None:
    frames = [[Face("ann", 100)] for _ in range(8)]
    result = follow(frames, cuts=[3, 4])
    assert persons(result) == {"ann": {0}}
    assert result.tracks.tracks[0].detections == 8


@pytest.mark.parametrize("chunk", [1, 6, 7])
def test_a_cut_splits_wherever_the_chunks_end(chunk: int) -> None:
    frames = [[Face("ann", 100, usable=False)] for _ in range(12)]
    assert follow(frames, cuts=[6], chunk=chunk).ids["ann"] == [0] * 6 + [1] * 6


def test_cutting_to_and_fro_gives_one_track_a_person() -> None:
    shots = [("ann", 100), ("bob", 120), ("ann", 300), ("bob", 90), ("ann", 500)]
    frames = [[Face(who, left)] for who, left in shots for _ in range(12)]
    assert persons(follow(frames)) == {"ann": {0}, "bob": {1}}


def test_who_leaves_and_returns_elsewhere_is_the_same_person() -> None:
    frames = [[Face("ann", 0), Face("bob", 300)]] * 4 + [[Face("bob", 300)]] * 40
    frames += [[Face("bob", 300), Face("ann", 700)]] * 4
    assert persons(follow(frames)) == {"ann": {0}, "bob": {1}}


@pytest.mark.parametrize("step_seconds", [1.0, 10.0])
def test_sparse_frames_are_joined_by_identity(step_seconds: float) -> None:
    places = np.random.default_rng(0).uniform(0, 1000, (32, 2))
    frames = [
        [Face("ann", float(a)), Face("bob", 2000 + float(b))][:: (-1) ** i] for i, (a, b) in enumerate(places)
    ]
    assert persons(follow(frames, step_seconds=step_seconds)) == {"ann": {0}, "bob": {1}}


def test_two_in_one_frame_are_never_one_person_however_alike() -> None:
    twins = [Face("one", 0, vector=person_vector("ann")), Face("two", 300, vector=person_vector("ann"))]
    result = follow([twins] * 6)
    assert persons(result) == {"one": {0}, "two": {1}}


def test_a_third_sight_joins_at_most_one_of_two_lookalikes() -> None:
    twins = [Face("one", 0, vector=person_vector("ann")), Face("two", 300, vector=person_vector("ann"))]
    frames: list[list[Face]] = (
        [twins] * 4 + [[]] * 12 + [[Face("later", 900, vector=person_vector("ann"))]] * 4
    )
    found = persons(follow(frames))
    assert found["one"] == {0}
    assert found["two"] == {1}
    assert found["later"] in ({0}, {1})


def test_poor_faces_leave_the_identity_alone() -> None:
    blur = alike("ann", 0.97)
    frames = [[Face("ann", 0)], [Face("ann", 0, usable=False, vector=blur)]] * 6
    result = follow(frames)
    (track,) = result.tracks.tracks
    assert track.detections == 12
    assert track.identity @ person_vector("ann") > 0.995


def test_small_faces_do_not_disturb_the_track_of_a_large_one() -> None:
    # Too small to score and as like the large face as can be: in its box, beside it, and where it is missed.
    large = [[Face("Ada", 10.0 * step)] if step % 5 != 4 else [] for step in range(20)]
    tiny = Face("Ada", 0, usable=False, size=35)
    mixed = [
        [*faces, replace(tiny, person="Bob", left=10.0 * step + 20), replace(tiny, person="Cy", left=400.0)]
        for step, faces in enumerate(large)
    ]
    vector = person_vector("Ada")
    mixed = [[face if face.usable else replace(face, vector=vector) for face in faces] for faces in mixed]
    alone, found = follow(large), follow(mixed)
    (track,) = alone.tracks.tracks
    beside = found.tracks.tracks[found.ids["Ada"][0]]
    assert len(set(found.ids["Ada"])) == 1
    for name in ("first_index", "last_index", "detections"):
        assert getattr(beside, name) == getattr(track, name)
    assert not {*found.ids["Bob"], *found.ids["Cy"]} & set(found.ids["Ada"])
    assert float(beside.identity @ vector) > 0.99


def test_tracks_of_poor_faces_are_not_joined_by_identity() -> None:
    frames: list[list[Face]] = [[Face("ann", 0, usable=False)], *[[]] * 20, [Face("ann", 0, usable=False)]]
    result = follow(frames)
    assert persons(result) == {"ann": {0, 1}}
    assert all(track.identity @ person_vector("ann") > 0.97 for track in result.tracks.tracks)


def test_a_face_seen_once_is_a_track() -> None:
    result = follow([[], [Face("ann", 0)], []])
    (track,) = result.tracks.tracks
    assert (track.first_index, track.last_index, track.detections) == (10, 10, 1)


def test_no_face_at_all_gives_no_track() -> None:
    result = follow([[], [], []])
    assert result.tracks.tracks == ()
    assert len(result.tracks.resolve(np.zeros(0, np.int64))) == 0
    assert Tracker(SETTINGS).finish().tracks == ()


def test_sixty_people_who_cross_are_sixty_tracks() -> None:
    frames = []
    for i in range(12):
        faces = [Face(f"p{n}", (150.0 * n + 97.0 * n * i) % 9000) for n in range(60)]
        frames.append(faces if i % 2 else faces[::-1])
    found = persons(follow(frames))
    assert all(len(ids) == 1 for ids in found.values())
    assert len(set.union(*found.values())) == 60


@pytest.mark.parametrize("chunk", [1, 3, 4, 7])
def test_how_a_video_is_cut_into_chunks_makes_no_difference(chunk: int) -> None:
    rng = np.random.default_rng(5)
    frames = []
    for _ in range(24):
        present = [name for name in ("ann", "bob", "cy", "dee") if rng.random() < 0.6]
        frames.append([Face(name, float(rng.uniform(0, 600)), bool(rng.random() < 0.7)) for name in present])
    whole, cut = follow(frames, chunk=24), follow(frames, chunk=chunk)
    assert cut.ids == whole.ids
    for one, other in zip(cut.tracks.tracks, whole.tracks.tracks, strict=True):
        assert one.detections == other.detections
        assert np.array_equal(one.identity, other.identity)


def test_embeddings_and_flags_must_match_the_faces() -> None:
    with pytest.raises(ValueError, match="0 faces come with 1 embeddings and 0 qualities"):
        Tracker(SETTINGS).update(
            FaceDetections.empty(),
            np.zeros((1, DIMENSION), np.float32),
            np.zeros(0, bool),
            np.zeros(1, np.int64),
            np.zeros(1),
            np.zeros(1, np.int64),
        )
    with pytest.raises(ValueError, match="1 frames with 1 times and 2 shots"):
        Tracker(SETTINGS).update(
            FaceDetections.empty(),
            np.zeros((0, DIMENSION), np.float32),
            np.zeros(0, bool),
            np.zeros(1, np.int64),
            np.zeros(1),
            np.zeros(2, np.int64),
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"same_person_similarity": 1.0},
        {"same_person_similarity": 0.9, "strictness": 1.0},
        {"same_person_similarity": 0.9, "min_overlap": 0.0},
        {"same_person_similarity": 0.9, "max_gap_seconds": -1.0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must lie|share|negative"):
        TrackSettings(**wrong)
