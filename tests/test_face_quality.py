"""Quality of faces against cv2 and a head turned by known angles."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from skimage.data import astronaut

from face.align import make_crops
from face.quality import QUALITY_SPEC, QualityLimits, assess, laplacian_variance, pose_from_landmarks
from face.types import CropSpec, FaceDetections, FaceQuality, QualityReason

BOX = [180.3, 60.7, 268.4, 172.2]
LANDMARKS = [[205.4, 101.5], [246.9, 103.1], [225.1, 129.2], [201.2, 139.6], [245.1, 141.1]]

DEFAULT_LIMITS = QualityLimits()


def one_face(box: list[float], landmarks: list[list[float]] = LANDMARKS) -> FaceDetections:
    return FaceDetections(
        np.array([box], np.float32),
        np.array([landmarks], np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
    )


def quality(
    picture: npt.NDArray[np.uint8], detection: FaceDetections, limits: QualityLimits = DEFAULT_LIMITS
) -> FaceQuality:
    crops = make_crops(torch.from_numpy(picture)[None], detection, QUALITY_SPEC)
    height, width = picture.shape[:2]
    return assess(detection, crops, frame_height=height, frame_width=width, limits=limits)


def head_landmarks(yaw: float, pitch: float, roll: float) -> npt.NDArray[np.float32]:
    """[1,5,2]: a head seen from afar, in the proportions of an adult's (millimetres, y down, z to the
    camera), turned by degrees: yaw to the right of the image, pitch up."""
    head = np.array([[-32, -35, 0], [32, -35, 0], [0, 0, 32], [-25, 35, 0], [25, 35, 0]], np.float64)
    a, b, c = np.radians([yaw, pitch, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    turned = head @ (about_z @ about_y @ about_x).T
    return (turned[None, :, :2] * 1.7 + [300, 200]).astype(np.float32)


def test_good_portrait_has_no_reasons() -> None:
    result = quality(astronaut(), one_face(BOX))
    assert result.reasons == ((),)
    assert result.size_pixels[0] == pytest.approx(111.5, abs=0.1)
    assert result.visible_ratio[0] == 1
    assert result.covered_ratio[0] == 0


def test_sharpness_is_the_variance_of_cv2s_laplacian() -> None:
    crop = make_crops(torch.from_numpy(astronaut())[None], one_face(BOX), QUALITY_SPEC).data
    grey = crop[0].permute(1, 2, 0).numpy().astype(np.float64) @ [0.299, 0.587, 0.114]
    expected = cv2.Laplacian(grey, cv2.CV_64F, ksize=1)[1:-1, 1:-1].var()
    ours = laplacian_variance(crop, np.ones((1, 112, 112), bool))
    assert ours[0] == pytest.approx(expected, rel=1e-4)


def test_blur_is_seen_and_named() -> None:
    sharp = quality(astronaut(), one_face(BOX))
    blurred = quality(cv2.GaussianBlur(astronaut(), (0, 0), 6).astype(np.uint8), one_face(BOX))
    assert blurred.sharpness[0] < sharp.sharpness[0] / 50
    assert blurred.reasons == ((QualityReason.BLURRED,),)


def test_black_outside_the_frame_is_not_sharpness() -> None:
    """A flat white frame has no edges, though the crop has one where the frame ends."""
    white = np.full((200, 200, 3), 255, np.uint8)
    for box in ([-30, 50, 70, 150], [150, 150, 210, 210], [60.5, 171.5, 77.5, 203.5]):
        assert quality(white, one_face(box)).sharpness[0] < 1e-3


@pytest.mark.parametrize("roll", [0, -25, 40])
@pytest.mark.parametrize("angle", [-60, -30, 0, 20, 45, 70])
def test_pose_is_read_from_five_points(angle: float, roll: float) -> None:
    yaw, pitch = pose_from_landmarks(head_landmarks(angle, 0, roll))
    assert yaw[0] == pytest.approx(angle, abs=8)
    assert pitch[0] == pytest.approx(0, abs=2)
    if abs(angle) <= 45:
        yaw, pitch = pose_from_landmarks(head_landmarks(0, angle, roll))
        assert pitch[0] == pytest.approx(angle, abs=8)
        assert yaw[0] == pytest.approx(0, abs=2)


def test_pose_of_coinciding_points_is_a_number() -> None:
    yaw, pitch = pose_from_landmarks(np.full((1, 5, 2), 3, np.float32))
    assert np.isfinite([yaw[0], pitch[0]]).all()


@pytest.mark.parametrize(("yaw", "reasons"), [(30, ()), (75, (QualityReason.EXTREME_POSE,))])
def test_profile_is_named(yaw: float, reasons: tuple[QualityReason, ...]) -> None:
    turned = one_face(BOX, head_landmarks(yaw, 0, 0)[0].tolist())
    assert quality(astronaut(), turned).reasons == (reasons,)


def test_small_and_cut_off_faces_are_named() -> None:
    assert QualityReason.TOO_SMALL in quality(astronaut(), one_face([200, 100, 230, 139])).reasons[0]
    cut = quality(astronaut(), one_face([-40, 50, 60, 150]))
    assert cut.visible_ratio[0] == pytest.approx(0.6)
    assert QualityReason.CUT_OFF in cut.reasons[0]
    corner = quality(astronaut(), one_face([-10, -10, 90, 90]))
    assert corner.visible_ratio[0] == pytest.approx(0.81)
    assert QualityReason.CUT_OFF not in corner.reasons[0]
    gone = quality(astronaut(), one_face([600, 600, 700, 700]))
    assert gone.visible_ratio[0] == 0
    assert gone.sharpness[0] == 0


def test_a_face_behind_a_nearer_one_is_named() -> None:
    boxes = [[100.0, 60.0, 220.0, 220.0], [180.3, 60.7, 268.4, 172.2]]
    two = FaceDetections(
        np.array(boxes, np.float32),
        np.array([LANDMARKS, LANDMARKS], np.float32),
        np.ones(2, np.float32),
        np.zeros(2, np.int64),
    )
    result = quality(astronaut(), two)
    hidden = (220 - 180.3) / (268.4 - 180.3)
    np.testing.assert_allclose(result.covered_ratio, [0, hidden], atol=1e-5)
    assert [QualityReason.OCCLUDED in reasons for reasons in result.reasons] == [False, True]
    patient = quality(astronaut(), two, QualityLimits(max_covered_ratio=0.5))
    assert not any(QualityReason.OCCLUDED in reasons for reasons in patient.reasons)


def test_limits_are_the_callers() -> None:
    assert quality(astronaut(), one_face(BOX), QualityLimits(min_size_pixels=200)).reasons == (
        (QualityReason.TOO_SMALL,),
    )


@pytest.mark.parametrize(("side", "reasons"), [(41, set()), (39, {QualityReason.TOO_SMALL})])
def test_a_pointed_out_face_is_held_to_the_default_limit_of_size(
    side: int, reasons: set[QualityReason]
) -> None:
    face = one_face([200, 100, 200 + side, 100 + side])
    crops = make_crops(torch.from_numpy(astronaut())[None], face, QUALITY_SPEC)
    found = assess(
        face,
        crops,
        frame_height=512,
        frame_width=512,
        limits=QualityLimits(min_size_pixels=200.0),
        pointed_out=np.array([True]),
    )
    assert set(found.reasons[0]) & {QualityReason.TOO_SMALL} == reasons


def test_no_faces_give_empty_quality() -> None:
    crops = make_crops(torch.from_numpy(astronaut())[None], FaceDetections.empty(), QUALITY_SPEC)
    result = assess(FaceDetections.empty(), crops, frame_height=512, frame_width=512)
    assert len(result) == 0
    assert result.sharpness.shape == result.yaw_degrees.shape == result.covered_ratio.shape == (0,)


def test_crops_by_another_spec_are_refused() -> None:
    crops = make_crops(torch.from_numpy(astronaut())[None], one_face(BOX), CropSpec(112, 1.3))
    with pytest.raises(ValueError, match="quality needs"):
        assess(one_face(BOX), crops, frame_height=512, frame_width=512)
