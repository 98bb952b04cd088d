"""The outline of a face, from five landmarks, and the regions of it that a manipulation replaces."""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from face.align import estimate_similarity
from face.landmarks import POINTS, five_of

Points = npt.NDArray[np.float64]

# Where the five landmarks of a frontal face lie, in a frame whose origin is their centre and whose unit is
# their root mean square distance from it: left eye, right eye, nose, left and right mouth corner.
FIVE_POINTS = np.array([(-0.758, -0.873), (0.758, -0.873), (0.0, -0.007), (-0.628, 0.877), (0.628, 0.877)])

# The left half of the 68-point outline in that frame: jaw points 0 to 8 (ear to chin), then brow points 17
# to 21. Columns: x, y, shift of x for each unit the nose lies right of the centre (turned head), shift of
# y for each unit it lies low (bowed head). Least squares on 685 hand-annotated YouTube Faces frames and
# their mirror images against the five points MTCNN finds there; mean error 0.14 eye distances.
_LEFT_OUTLINE = np.array(
    [
        (-1.80, -0.74, -2.35, -1.32),
        (-1.78, -0.27, -2.17, -1.27),
        (-1.71, 0.17, -2.10, -1.28),
        (-1.62, 0.58, -2.07, -1.29),
        (-1.47, 1.05, -1.93, -1.23),
        (-1.21, 1.43, -1.58, -1.02),
        (-0.93, 1.68, -1.07, -0.75),
        (-0.56, 1.89, -0.46, -0.44),
        (0.00, 2.03, -0.29, -0.32),
        (-1.37, -1.22, -0.63, -0.36),
        (-1.16, -1.36, -0.18, -0.07),
        (-0.90, -1.42, 0.11, 0.09),
        (-0.65, -1.39, 0.28, 0.17),
        (-0.44, -1.34, 0.36, 0.22),
    ]
)
_JAW_POINTS = 9
_MIRROR = np.array([-1.0, 1.0, 1.0, 1.0])
# The fit saw no face turned or bowed further than this; beyond it the outline would run away.
_POSE_LIMIT = 0.6

JAW = slice(0, 17)
BROWS = slice(17, 27)
OUTLINE_POINTS = 27
# The hairline lies about this much of the brow-to-chin height above the brows.
FOREHEAD_RATIO = 0.22
# An autoencoder swap replaces a patch inside the outline: its jaw lies this far on the way from the centre.
INNER_RATIO = 0.8


class Region(StrEnum):
    """The part of a face that is replaced."""

    FACE = "face"
    BROWS_TO_CHIN = "brows_to_chin"
    INNER = "inner"
    MOUTH = "mouth"
    EYES_NOSE = "eyes_nose"


def move(points: Points, matrix: Points) -> Points:
    """[N,2] points carried by a 2x3 matrix."""
    moved: Points = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def face_outline(landmarks: npt.NDArray[np.floating]) -> Points:
    """[27,2] float64 pixels: jaw from the left ear over the chin to the right one, then both brows.

    `landmarks` is [5,2], whose outline is estimated, or dense, [68,2] and more in the usual 68-point order,
    whose first 27 are taken as they are. Raises ValueError for another shape.
    """
    points = np.asarray(landmarks, np.float64)
    if points.ndim == 2 and points.shape[1] == 2 and len(points) >= POINTS:
        return points[:OUTLINE_POINTS]
    if points.shape != (5, 2):
        raise ValueError(f"landmarks must be [5,2] or [68,2] and more, not {list(points.shape)}")
    to_frame = estimate_similarity(points[None], FIVE_POINTS)[0]
    nose = move(points, to_frame)[2]
    centre_height = FIVE_POINTS[[0, 1, 3, 4], 1].mean()
    turned = np.clip(nose[0], -_POSE_LIMIT, _POSE_LIMIT)
    bowed = np.clip(nose[1] - (FIVE_POINTS[2, 1] - centre_height), -_POSE_LIMIT, _POSE_LIMIT)
    right = (_LEFT_OUTLINE * _MIRROR)[::-1]
    rows = np.concatenate(
        [
            _LEFT_OUTLINE[:_JAW_POINTS],
            right[len(right) - _JAW_POINTS + 1 :],
            _LEFT_OUTLINE[_JAW_POINTS:],
            right[: len(right) - _JAW_POINTS],
        ]
    )
    outline = np.column_stack([rows[:, 0] + turned * rows[:, 2], rows[:, 1] + bowed * rows[:, 3]])
    return move(outline, estimate_similarity(FIVE_POINTS[None], points)[0])


def five_points(landmarks: npt.NDArray[np.floating]) -> Points:
    """[5,2] float64: the five landmarks themselves, or those of dense ones in the 68-point order."""
    points = np.asarray(landmarks, np.float64)
    return five_of(points) if len(points) >= POINTS else points


def region_points(landmarks: npt.NDArray[np.floating], region: Region) -> Points:
    """[K,2] float64 pixels whose convex hull is the region."""
    outline = face_outline(landmarks)
    jaw, brows = outline[JAW], outline[BROWS]
    centre = outline.mean(axis=0)
    up = brows.mean(axis=0) - jaw[8]
    if region is Region.FACE:
        return np.concatenate([jaw, brows + FOREHEAD_RATIO * up])
    if region is Region.BROWS_TO_CHIN:
        return outline
    inner = centre + INNER_RATIO * (jaw - centre)
    if region is Region.INNER:
        return np.concatenate([inner[2:15], brows])
    if region is Region.MOUTH:
        return np.concatenate([inner[3:14], jaw[5:12], (0.9 * centre + 0.1 * jaw[8])[None]])
    return np.concatenate([inner[1:3], inner[14:16], brows, (0.6 * centre + 0.4 * jaw[8])[None]])


def region_mask(
    landmarks: npt.NDArray[np.floating], region: Region, shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """[H,W] float32, 1 inside the region and 0 outside, for a picture of `shape` (height, width)."""
    mask = np.zeros(shape, np.float32)
    hull = cv2.convexHull(region_points(landmarks, region).round().astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1.0)
    return mask
