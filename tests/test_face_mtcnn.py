"""MTCNN finds the faces of known pictures, at any size, and nothing where there is none."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from facenet_pytorch import MTCNN
from skimage.data import astronaut

from face import mtcnn
from face.detect import DetectSettings, FaceDetector, detector_names, load_detector
from face.errors import FaceError
from face.types import FaceDetections

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return load_detector("mtcnn", device=CPU)


def six_faces() -> npt.NDArray[np.uint8]:
    package = importlib.util.find_spec("insightface")
    assert package is not None
    assert package.origin is not None
    picture = cv2.imread(str(Path(package.origin).parent / "data" / "images" / "t1.jpg"))
    return np.ascontiguousarray(picture[:, :, ::-1]).astype(np.uint8)


def check_astronaut(found: FaceDetections, *, scale: float = 1.0, tolerance: float = 4.0) -> None:
    assert len(found) == 1
    x0, y0, x1, y1 = found.boxes_xyxy[0] / scale
    np.testing.assert_allclose([x0, y0, x1, y1], [180, 61, 268, 172], atol=2 * tolerance)
    # The pupils, the nose tip and the mouth corners, as read off the picture.
    seen = [[205, 101], [247, 103], [225, 129], [202, 140], [245, 141]]
    np.testing.assert_allclose(found.landmarks[0] / scale, seen, atol=tolerance)


def test_portrait_has_one_face_with_landmarks_in_order(detector: FaceDetector) -> None:
    found = detector.detect(astronaut()[None])
    check_astronaut(found)
    assert found.confidence[0] > 0.99


def test_boxes_of_a_shrunk_search_are_in_full_resolution(detector: FaceDetector) -> None:
    large = cv2.resize(astronaut(), None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    check_astronaut(detector.detect(large[None]), scale=3)


def test_picture_of_six_has_six(detector: FaceDetector) -> None:
    found = detector.detect(six_faces()[None])
    assert len(found) == 6
    assert (np.diff(found.confidence) <= 0).all()
    left_eye, right_eye, left_mouth, right_mouth = (found.landmarks[:, i, 0] for i in (0, 1, 3, 4))
    assert (left_eye < right_eye).all()
    assert (left_mouth < right_mouth).all()


def test_order_is_by_frame_then_confidence_over_batches(detector: FaceDetector) -> None:
    picture = cv2.resize(six_faces(), (640, 443), interpolation=cv2.INTER_AREA).astype(np.uint8)
    blank = np.zeros_like(picture)
    count = 5 * mtcnn.FRAMES_PER_BATCH["cpu"] + 2
    frames = np.stack([blank, picture, *[blank] * (count - 3), picture])
    found = detector.detect(frames)
    assert found.frame.tolist() == [1] * 6 + [count - 1] * 6
    for frame in (1, count - 1):
        assert (np.diff(found.confidence[found.frame == frame]) <= 0).all()
    again = detector.detect(frames)
    np.testing.assert_array_equal(found.boxes_xyxy, again.boxes_xyxy)


def test_faces_are_those_of_facenet_pytorch_itself() -> None:
    picture = cv2.resize(six_faces(), (640, 443), interpolation=cv2.INTER_AREA).astype(np.uint8)
    theirs = MTCNN(min_face_size=40, select_largest=False, device=CPU)
    boxes, confidence, landmarks = (
        each.astype(np.float32) for each in theirs.detect(picture, landmarks=True)
    )
    large = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) >= 40
    found = load_detector(device=CPU, settings=DetectSettings(min_confidence=0.0)).detect(picture[None])
    assert len(found) == large.sum() >= 6
    np.testing.assert_allclose(found.boxes_xyxy, boxes[large], atol=1e-3)
    np.testing.assert_allclose(found.landmarks, landmarks[large], atol=1e-3)
    np.testing.assert_allclose(found.confidence, confidence[large], atol=1e-5)


@pytest.mark.parametrize(
    "shape",
    [(0, 64, 64, 3), (1, 1, 1, 3), (2, 19, 19, 3), (1, 40, 40, 3), (3, 90, 120, 3), (1, 5, 900, 3)],
)
def test_blank_tiny_and_no_frames_have_no_face(detector: FaceDetector, shape: tuple[int, ...]) -> None:
    assert len(detector.detect(np.zeros(shape, np.uint8))) == 0
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert len(detector.detect(noise)) == 0


@pytest.mark.parametrize(("smallest", "faces"), [(100, 1), (150, 0)])
def test_faces_under_the_smallest_size_are_left_out(smallest: int, faces: int) -> None:
    """The astronaut's box is 111 pixels high."""
    strict = load_detector(device=CPU, settings=DetectSettings(min_face_pixels=smallest))
    assert len(strict.detect(astronaut()[None])) == faces


def test_smallest_face_is_found_in_a_large_frame(detector: FaceDetector) -> None:
    """48 pixels in a frame that is searched at a third of its size."""
    small = cv2.resize(astronaut()[20:220, 120:320], (86, 86), interpolation=cv2.INTER_AREA)
    frame = np.full((1080, 1920, 3), 90, np.uint8)
    frame[500:586, 900:986] = small
    found = detector.detect(frame[None])
    assert len(found) == 1
    assert 40 <= np.ptp(found.boxes_xyxy[0, 1::2]) <= 60


def shrunk_astronaut(height: float) -> npt.NDArray[np.uint8]:
    """The astronaut in grey, with a box of that height in pixels."""
    small = cv2.resize(
        astronaut()[20:220, 120:320], None, fx=height / 111, fy=height / 111, interpolation=cv2.INTER_AREA
    )
    frame = np.full((240, 320, 3), 90, np.uint8)
    frame[60 : 60 + small.shape[0], 100 : 100 + small.shape[1]] = small
    return frame


def test_smaller_faces_are_kept_where_they_are_asked_for(detector: FaceDetector) -> None:
    frame = shrunk_astronaut(34)
    assert len(detector.detect(frame[None])) == 0
    patient = load_detector(device=CPU, settings=DetectSettings(keep_smaller=True))
    (box,) = patient.detect(frame[None]).boxes_xyxy
    assert 28 <= box[3] - box[1] < 40
    assert len(patient.detect(shrunk_astronaut(15)[None])) == 0


def test_keeping_smaller_faces_changes_nothing_about_the_others(detector: FaceDetector) -> None:
    patient = load_detector(device=CPU, settings=DetectSettings(keep_smaller=True))
    for frame in (astronaut(), six_faces()):
        one, other = detector.detect(frame[None]), patient.detect(frame[None])
        large = (other.boxes_xyxy[:, 2:] - other.boxes_xyxy[:, :2]).max(1) >= 40
        np.testing.assert_array_equal(one.boxes_xyxy, other.boxes_xyxy[large])
        np.testing.assert_array_equal(one.landmarks, other.landmarks[large])


def test_confidence_limit_is_kept() -> None:
    everything = load_detector(device=CPU, settings=DetectSettings(min_confidence=0.0))
    most = float(everything.detect(six_faces()[None]).confidence[2])
    strict = load_detector(device=CPU, settings=DetectSettings(min_confidence=most))
    assert len(strict.detect(six_faces()[None])) == 3


@pytest.mark.parametrize("frames", [np.zeros((64, 64, 3), np.uint8), np.zeros((1, 64, 64, 3), np.float32)])
def test_other_shapes_and_dtypes_are_refused(detector: FaceDetector, frames: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="uint8"):
        detector.detect(frames)


def test_changed_model_file_is_refused_before_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "facenet_pytorch"
    (package / "data").mkdir(parents=True)
    for name, _ in mtcnn.MODEL_FILES:
        (package / "data" / name).write_bytes(b"not the network")
    spec = importlib.util.spec_from_file_location("facenet_pytorch", package / "__init__.py")
    monkeypatch.setattr(mtcnn, "find_spec", lambda name: spec)
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("it was loaded"))
    with pytest.raises(FaceError, match=r"pnet\.pt: sha256"):
        load_detector(device=CPU)


def test_files_name_the_three_networks(detector: FaceDetector) -> None:
    assert [name for name, _ in detector.files()] == ["pnet.pt", "rnet.pt", "onet.pt"]
    assert all(len(sha256) == 64 for _, sha256 in detector.files())


def test_unknown_detector_is_an_error_that_lists_the_known() -> None:
    assert detector_names()[0] == "mtcnn"
    with pytest.raises(FaceError, match="mtcnn"):
        load_detector("retina", device=CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_finds_what_the_cpu_finds(detector: FaceDetector) -> None:
    on_gpu = load_detector(device=torch.device("cuda")).detect(six_faces()[None])
    on_cpu = detector.detect(six_faces()[None])
    # Confidences may swap places by their last bits, so faces are matched by position.
    by_x = [np.argsort(found.boxes_xyxy[:, 0]) for found in (on_gpu, on_cpu)]
    np.testing.assert_allclose(on_gpu.boxes_xyxy[by_x[0]], on_cpu.boxes_xyxy[by_x[1]], atol=2)
