"""Which pictures of faces are kept during a pass, and how many."""

from __future__ import annotations

import base64
from fractions import Fraction

import cv2
import numpy as np
import torch
from stubs import ANY_QUALITY, CPU, OneFace, OneIdentity

from face.manual import ManualFaces
from face.track import Tracker, Tracks, TrackSettings
from forensics.evidence import Evidence, FrontHalf
from forensics.report.pictures import EXTREMES, MAX_OVER_TIME, MIN_OVER_TIME, PICTURE_SPEC, PictureKeeper
from forensics.report.rows import FacePicture
from forensics.scores import FrameScores, ScoreKind, abstain_where_not_finite
from video.frames import FrameBatch

SETTINGS = TrackSettings(same_person_similarity=0.9)


def evidence(first: int, count: int) -> Evidence:
    """Frames whose grey is their number, each with one face."""
    index = np.arange(first, first + count, dtype=np.int64)
    data = np.ascontiguousarray(
        np.broadcast_to((index % 256).astype(np.uint8)[:, None, None, None], (count, 64, 80, 3))
    )
    front = FrontHalf(OneFace(), [OneIdentity()], ANY_QUALITY, CPU)
    return front.gather(
        FrameBatch(data, index, index * 40, Fraction(1, 1000)), Tracker(SETTINGS), ManualFaces(())
    )


def scores_of(seen: Evidence, values: list[float]) -> dict[str, FrameScores]:
    score, reasons = abstain_where_not_finite(np.array(values), (None,) * len(values))
    return {"a": FrameScores("a", ScoreKind.LOGIT, score, None, seen.frame_index, seen.track, reasons)}


def one_person(ids: int = 1) -> Tracks:
    return Tracks((), np.zeros(ids, np.int64))


def kept(values: list[float], *, chunk: int = 16) -> tuple[FacePicture, ...]:
    keeper = PictureKeeper("a")
    for first in range(0, len(values), chunk):
        part = values[first : first + chunk]
        seen = evidence(first, len(part))
        keeper.add(seen, scores_of(seen, part))
    return keeper.pictures(one_person())


def test_a_short_track_keeps_every_face_once() -> None:
    pictures = kept([0.0, 3.0, 1.0])
    assert [picture.frame_index for picture in pictures] == [0, 1, 2]
    assert {picture.track for picture in pictures} == {0}


def test_a_picture_shows_the_face_of_its_frame() -> None:
    for picture in kept([0.0, 1.0, 2.0]):
        data = np.frombuffer(base64.b64decode(picture.jpeg_base64), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert image.shape == (PICTURE_SPEC.size, PICTURE_SPEC.size, 3)
        assert np.median(image) == picture.frame_index


def test_a_long_track_keeps_few_over_its_whole_time() -> None:
    frames = [picture.frame_index for picture in kept([0.0] * 1000)]
    assert len(frames) <= MAX_OVER_TIME + 2 * EXTREMES
    assert frames == sorted(set(frames))
    assert max(np.diff([0, *frames, 999])) < 2 * 1000 / MAX_OVER_TIME + 64


def test_the_highest_and_lowest_scores_are_among_them_wherever_they_are() -> None:
    values = [0.0] * 500
    for place, score in {37: 9.0, 123: 8.0, 311: 7.0, 41: -9.0, 222: -8.0, 401: -7.0}.items():
        values[place] = score
    assert {37, 123, 311, 41, 222, 401} <= {picture.frame_index for picture in kept(values)}


def test_how_the_video_is_cut_into_chunks_makes_no_difference() -> None:
    values = np.random.default_rng(0).normal(size=200).tolist()
    assert kept(values, chunk=16) == kept(values, chunk=7)


def test_faces_without_a_score_are_shown_but_never_as_an_extreme() -> None:
    values = [float("nan")] * 100
    values[50] = 1.0
    assert 50 in {picture.frame_index for picture in kept(values)}


def test_many_people_share_the_room() -> None:
    keeper = PictureKeeper("a")
    people = 300
    for _ in range(8):
        seen = evidence(0, people)
        each = Evidence(
            seen.frames, seen.batch, seen.detections, seen.quality, np.arange(people), seen.identities
        )
        keeper.add(each, scores_of(each, [0.0] * people))
    pictures = keeper.pictures(Tracks((), np.arange(people)))
    shares = np.bincount([picture.track for picture in pictures])
    assert len(shares) == people
    assert shares.max() <= MIN_OVER_TIME + 2 * EXTREMES


def test_no_faces_no_pictures() -> None:
    keeper = PictureKeeper(None)
    front = FrontHalf(OneFace(found=False), [OneIdentity()], ANY_QUALITY, torch.device("cpu"))
    batch = FrameBatch(np.zeros((2, 64, 80, 3), np.uint8), np.arange(2), np.arange(2), Fraction(1, 10))
    keeper.add(front.gather(batch, Tracker(SETTINGS), ManualFaces(())), {})
    assert keeper.pictures(Tracks((), np.empty(0, np.int64))) == ()
