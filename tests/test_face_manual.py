"""Faces that the user points out."""

from __future__ import annotations

import numpy as np
import pytest

from face.errors import FaceError
from face.manual import ManualFace, ManualFaces, parse_manual_face
from face.types import FaceDetections

Box = tuple[float, float, float, float]

SIZE = {"frame_height": 400, "frame_width": 600}


def detected(*boxes: tuple[int, float, float, float, float]) -> FaceDetections:
    rows = np.array(boxes, np.float32).reshape(-1, 5)
    return FaceDetections(
        rows[:, 1:],
        np.zeros((len(rows), 5, 2), np.float32),
        np.full(len(rows), 0.95, np.float32),
        rows[:, 0].astype(np.int64),
    )


def test_a_face_is_written_as_left_top_width_height_at_seconds() -> None:
    assert parse_manual_face("320,80,120,150@12.5") == ManualFace((320, 80, 440, 230), 12.5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2,3@4",
        "1,2,3,4",
        "1,2,3,4@",
        "a,2,3,4@5",
        "1,2,0,4@5",
        "1,2,3,4@-1",
        "1,2,3,nan@1",
        "1,2,3,4@5@6",
    ],
)
def test_what_is_no_face_is_an_error_that_quotes_it(text: str) -> None:
    with pytest.raises(FaceError, match="is no face"):
        parse_manual_face(text)


def test_a_face_joins_the_first_frame_at_or_after_its_time_across_chunks() -> None:
    faces = ManualFaces([ManualFace((10, 20, 110, 140), 1.1), ManualFace((0, 0, 50, 50), 9.0)])
    first, _ = faces.add(detected((0, 300, 100, 400, 220)), np.array([0.0, 0.5, 1.0]), **SIZE)
    assert first.frame.tolist() == [0]
    second, pointed_out = faces.add(detected((0, 300, 100, 400, 220)), np.array([1.5, 2.0]), **SIZE)
    assert second.frame.tolist() == [0, 0]
    assert second.boxes_xyxy[0].tolist() == [10, 20, 110, 140]
    assert second.confidence[0] == 1
    assert pointed_out.tolist() == [True, False]
    assert [face.seconds for face in faces.unused] == [9.0]


def test_landmarks_lie_where_a_frontal_face_has_them() -> None:
    faces = ManualFaces([ManualFace((100, 200, 200, 320), 0.0)])
    found, _ = faces.add(FaceDetections.empty(), np.array([0.0]), **SIZE)
    left_eye, right_eye, nose, left_mouth, right_mouth = found.landmarks[0]
    assert 100 < left_eye[0] < nose[0] < right_eye[0] < 200
    assert 200 < left_eye[1] == right_eye[1] < nose[1] < left_mouth[1] == right_mouth[1] < 320
    assert nose[0] == 150
    assert left_eye[0] + right_eye[0] == left_mouth[0] + right_mouth[0] == pytest.approx(300)


def test_a_face_that_the_detector_found_itself_is_not_doubled() -> None:
    faces = ManualFaces([ManualFace((300, 100, 395, 215), 0.0)])
    detections = detected((0, 10, 20, 90, 100), (0, 300, 100, 400, 220))
    found, pointed_out = faces.add(detections, np.array([0.0]), **SIZE)
    assert found.confidence.tolist() == [pytest.approx(0.95)] * 2
    assert pointed_out.tolist() == [False, True]
    assert not faces.unused


def test_detections_of_frames_without_the_user_s_faces_are_unchanged() -> None:
    detections = detected((0, 300, 100, 400, 220), (2, 10, 20, 90, 100), (2, 200, 20, 290, 100))
    found, pointed_out = ManualFaces([]).add(detections, np.array([0.0, 0.25, 0.5]), **SIZE)
    assert np.array_equal(found.boxes_xyxy, detections.boxes_xyxy)
    assert found.frame.tolist() == [0, 2, 2]
    assert not pointed_out.any()


@pytest.mark.parametrize(
    ("box", "cause"),
    [
        ((600, 10, 700, 90), "by more than half outside the picture of 600 x 400"),
        ((560, 10, 660, 90), "by more than half outside the picture"),
        ((-60, -10, 20, 90), "by more than half outside the picture"),
        ((0, 0, 100_000, 100_000), "larger than the picture of 600 x 400"),
        ((0, 100, 601, 130), "larger than the picture"),
    ],
)
def test_a_face_that_is_not_in_the_picture_is_an_error(box: Box, cause: str) -> None:
    with pytest.raises(FaceError, match=cause):
        ManualFaces([ManualFace(box, 0.0)]).add(FaceDetections.empty(), np.array([0.0]), **SIZE)


def test_a_face_may_reach_over_the_edge() -> None:
    faces = ManualFaces([ManualFace((-40, -10, 60, 110), 0.0)])
    found, _ = faces.add(FaceDetections.empty(), np.array([0.0]), **SIZE)
    assert found.boxes_xyxy.tolist() == [[-40, -10, 60, 110]]
