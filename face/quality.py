"""Which faces are good enough to score: their size, sharpness, pose, visible and free share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from face.align import margin_squares
from face.occlusion import covered_ratio
from face.types import CropSpec, FaceCrops, FaceDetections, FaceQuality, QualityReason

# Sharpness is measured on the box itself and at one size, so that it compares across videos.
QUALITY_SPEC = CropSpec(size=112, margin_ratio=1.0)

# ITU-R BT.601, the grey of OpenCV and Pillow.
GREY_WEIGHTS = (0.299, 0.587, 0.114)

# The head as `pose_from_landmarks` sees it. The depth of the nose tip before the plane of eyes and mouth, in
# distances between the eyes and in distances from eyes to mouth, is that of the 68-point 3-D mean face which
# insightface ships (meanshape_68.pkl: 0.264 to 0.532 and to 0.555); how far down from the eyes to the mouth a
# frontal nose tip lies is that of the ArcFace template (0.49) and of dlib's mean face (0.53).
NOSE_DEPTH_BY_EYE_DISTANCE = 0.50
NOSE_DEPTH_BY_EYE_MOUTH_DISTANCE = 0.47
FRONTAL_NOSE_POSITION = 0.5
# Longer box side. Below this a detector's crop of 224 pixels is mostly interpolation.
MIN_SIZE_PIXELS = 40.0


@dataclass(frozen=True)
class QualityLimits:
    """The limits beyond which a face is not scored; they fail only what is clearly unusable."""

    min_size_pixels: float = MIN_SIZE_PIXELS
    # Variance of the Laplacian. It falls with the light as well: usable faces in dark DFDC clips have 6 and
    # more, usual ones 50 to 500, and faces that are visibly out of focus 5 and less.
    min_sharpness: float = 5.0
    # MTCNN's landmarks understate large turns: faces in profile read 45 to 65 degrees. Beyond this, half of
    # the face is hidden and no template fits.
    max_yaw_degrees: float = 55.0
    # Five landmarks give pitch only roughly, and a nodding speaker reaches 30 degrees.
    max_pitch_degrees: float = 50.0
    # Of the box inside the frame; with less, an eye or the mouth is missing.
    min_visible_ratio: float = 0.7
    # Of the box behind another face's: as much as may be cut off. Two heads side by side share a tenth.
    max_covered_ratio: float = 0.3


def assess(
    detections: FaceDetections,
    crops: FaceCrops,
    *,
    frame_height: int,
    frame_width: int,
    limits: QualityLimits = QualityLimits(),
    pointed_out: npt.NDArray[np.bool_] | None = None,
) -> FaceQuality:
    """Quality of N faces and the reasons, if any, not to score them.

    `crops` are those of `detections` by QUALITY_SPEC, from frames of the given size in pixels; ValueError for
    others. `pointed_out` [N] marks faces that the user wants scored: a limit of size above MIN_SIZE_PIXELS is
    there to leave others out, so it does not hold for them.
    """
    if crops.spec != QUALITY_SPEC or len(crops) != len(detections):
        raise ValueError(
            f"quality needs {len(detections)} crops by {QUALITY_SPEC}, not {len(crops)} by {crops.spec}"
        )
    boxes = detections.boxes_xyxy
    size = (boxes[:, 2:] - boxes[:, :2]).max(1, initial=0.0).astype(np.float32)
    inside = _crop_pixels_inside(detections, frame_height=frame_height, frame_width=frame_width)
    sharpness = laplacian_variance(crops.data, inside)
    yaw, pitch = pose_from_landmarks(detections.landmarks)
    visible = _visible_ratio(boxes, frame_height=frame_height, frame_width=frame_width)
    covered = covered_ratio(detections)
    min_size = np.full(len(detections), limits.min_size_pixels)
    if pointed_out is not None:
        min_size[pointed_out] = min(limits.min_size_pixels, MIN_SIZE_PIXELS)
    failed = {
        QualityReason.TOO_SMALL: size < min_size,
        QualityReason.BLURRED: sharpness < limits.min_sharpness,
        QualityReason.EXTREME_POSE: (np.abs(yaw) > limits.max_yaw_degrees)
        | (np.abs(pitch) > limits.max_pitch_degrees),
        QualityReason.CUT_OFF: visible < limits.min_visible_ratio,
        QualityReason.OCCLUDED: covered > limits.max_covered_ratio,
    }
    reasons = tuple(
        tuple(reason for reason, faces in failed.items() if faces[i]) for i in range(len(detections))
    )
    return FaceQuality(size, sharpness, yaw, pitch, visible, covered, reasons)


def laplacian_variance(crops: torch.Tensor, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """[N] variance of the Laplacian of [N,3,S,S] uint8 crops on 0..255 grey, over the pixels marked in the
    [N,S,S] mask; low means blurred. The kernel is that of `cv2.Laplacian` with ksize 1; pixels without all
    four neighbours in the mask do not count, and a face without any has 0.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study" (2000).
    """
    weights = torch.tensor(GREY_WEIGHTS, device=crops.device).view(1, 3, 1, 1)
    grey = (crops.float() * weights).sum(1).double()
    centre = grey[:, 1:-1, 1:-1]
    response = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * centre
    valid = inside[:, :-2, 1:-1] & inside[:, 2:, 1:-1] & inside[:, 1:-1, :-2] & inside[:, 1:-1, 2:]
    weight = torch.from_numpy(valid & inside[:, 1:-1, 1:-1]).to(crops.device, torch.float64)
    count = weight.sum((1, 2)).clamp(min=1)
    mean = (response * weight).sum((1, 2)) / count
    variance = ((response - mean[:, None, None]) ** 2 * weight).sum((1, 2)) / count
    return np.asarray(variance.cpu().numpy(), np.float32)


def pose_from_landmarks(
    landmarks: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """[N] yaw and [N] pitch in degrees of [N,5,2] landmarks: rough, from a head of average proportions.

    Seen from afar, eyes and mouth corners lie in a plane and the nose tip at a depth d before it. "Down" is
    the direction from between the eyes to between the mouth corners, so the head's roll does not count.
    Turned by yaw, the nose tip leaves the middle line by d sin(yaw) while the distance e between the eyes
    shrinks to e cos(yaw); turned by pitch, the nose moves along that line by d sin(pitch) while its length
    shrinks by cos(pitch). Positive yaw looks to the right of the image, positive pitch up. A long or flat
    nose, or a head filmed from close by, is off by ten degrees and more.
    """
    points = landmarks.astype(np.float64)
    eyes, nose, mouth = points[:, 0:2].mean(1), points[:, 2], points[:, 3:5].mean(1)
    length = np.linalg.norm(mouth - eyes, axis=1)
    # Where eyes and mouth coincide there is no direction; straight down then stands in for it.
    known = length > 0
    safe_length = np.where(known, length, 1.0)
    down = np.where(known[:, None], (mouth - eyes) / safe_length[:, None], [0.0, 1.0])
    right = np.stack([down[:, 1], -down[:, 0]], axis=1)
    aside = ((nose - eyes) * right).sum(1)
    eye_distance = ((points[:, 1] - points[:, 0]) * right).sum(1)
    yaw = np.arctan2(aside, eye_distance * NOSE_DEPTH_BY_EYE_DISTANCE)
    above = FRONTAL_NOSE_POSITION * length - ((nose - eyes) * down).sum(1)
    pitch = np.arctan2(above, length * NOSE_DEPTH_BY_EYE_MOUTH_DISTANCE)
    return np.degrees(yaw).astype(np.float32), np.degrees(pitch).astype(np.float32)


def _visible_ratio(
    boxes: npt.NDArray[np.float32], *, frame_height: int, frame_width: int
) -> npt.NDArray[np.float32]:
    """[N] share of each box that lies inside the frame; 0 for a box without area."""
    limits = np.array([frame_width, frame_height], np.float32)
    seen = np.clip(boxes[:, 2:], 0, limits) - np.clip(boxes[:, :2], 0, limits)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    share = np.divide(seen.prod(1), area, out=np.zeros_like(area), where=area > 0)
    clipped: npt.NDArray[np.float32] = np.clip(share, 0, 1).astype(np.float32)
    return clipped


def _crop_pixels_inside(
    detections: FaceDetections, *, frame_height: int, frame_width: int
) -> npt.NDArray[np.bool_]:
    """[N,S,S]: which pixels of the crops show the frame, at least a pixel away from the black outside."""
    left, top, side = margin_squares(detections.boxes_xyxy, QUALITY_SPEC.margin_ratio).T[:, :, None]
    step = side / QUALITY_SPEC.size
    centre = (np.arange(QUALITY_SPEC.size) + 0.5) * step
    # An antialiased pixel reaches one step, and at least one source pixel, to each side.
    reach = np.maximum(step, 1.0)
    columns = (left + centre >= reach) & (left + centre <= frame_width - reach)
    rows = (top + centre >= reach) & (top + centre <= frame_height - reach)
    return np.asarray(rows[:, :, None] & columns[:, None, :], np.bool_)
