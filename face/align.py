"""The one alignment and the one margin crop of the project: detections in frames -> face crops."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate

from face.errors import FaceError
from face.types import Alignment, CropSpec, FaceCrops, FaceDetections

# Left eye, right eye, nose, mouth corners in the 112 px crop of ArcFace (insightface, face_align.py).
ARCFACE_TEMPLATE: npt.NDArray[np.float64] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
ARCFACE_SIDE = 112

# The same points in dlib's 150 px chip with padding 0.25: 25 + 100 * m for a point m of dlib's published
# mean face shape (get_face_chip_details). An eye is the mean of its six points, the nose is the tip
# (point 30), the mouth corners are points 48 and 54. Probing dlib 20.0's own function with moved points
# gave the same shape to 2e-6.
DLIB_TEMPLATE: npt.NDArray[np.float64] = np.array(
    [[47.5492, 46.5990], [100.4761, 46.5990], [74.0127, 76.5625], [50.4149, 103.0233], [97.6104, 103.0233]]
)
DLIB_SIDE = 150

_TEMPLATES = {
    Alignment.ARCFACE: ARCFACE_TEMPLATE / ARCFACE_SIDE,
    Alignment.DLIB: DLIB_TEMPLATE / DLIB_SIDE,
}
# Samples along one side of a crop's pixel are as many as frame pixels it covers, up to this: a face that
# needs more is over 16 times larger than its crop, where memory matters more than the last aliasing.
_MOST_SAMPLES = 16
# The part of a frame under a crop, in longer sides of the frame: a face that fills the frame, tilted and with
# its margin, takes about two. What is larger is no face, and would cost memory without end.
_MOST_FRAME_SIDES = 4


def estimate_similarity(
    landmarks: npt.NDArray[np.floating], template: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """[N,2,3]: the rotation, scale and shift that bring `landmarks` [N,5,2] nearest to `template` [5,2].

    Least squares in closed form (Umeyama 1991, eq. 40-42). In two dimensions and without reflection it is
    one complex number: scale and rotation = sum(conj(p) q) / sum(|p|^2) for centred points p and q.
    Raises FaceError where all landmarks of a face fall on one point.
    """
    points = np.asarray(landmarks, np.float64)
    centre, goal_centre = points.mean(axis=1, keepdims=True), template.mean(axis=0)
    p = (points - centre) @ [1, 1j]
    q = (template - goal_centre) @ [1, 1j]
    spread = (np.abs(p) ** 2).sum(axis=1)
    if not np.all(spread > 0):
        raise FaceError("a face whose five landmarks are one point cannot be aligned; drop the detection")
    turn = (p.conj() * q).sum(axis=1) / spread
    linear = np.stack([np.stack([turn.real, -turn.imag], -1), np.stack([turn.imag, turn.real], -1)], 1)
    shift = goal_centre[None, :, None] - linear @ centre.transpose(0, 2, 1)
    return np.concatenate([linear, shift], axis=2)


def make_crops(frames: torch.Tensor, detections: FaceDetections, spec: CropSpec) -> FaceCrops:
    """Crops of all `detections` in `frames` [T,H,W,3] uint8 RGB, on the device of `frames`.

    `Alignment.NONE`: the square of whole pixels nearest to `margin_ratio` times the longer box side around
    the box centre, black outside the frame, resized bilinearly with antialiasing. Aligned: the similarity
    warp to the template, bilinear; where it shrinks, each crop pixel is the mean of a grid of samples one
    frame pixel apart or less, so nothing is skipped. Raises FaceError for landmarks that are one point and
    for faces far larger than the frame.
    """
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != torch.uint8:
        raise ValueError(f"frames must be [T,H,W,3] uint8, not {list(frames.shape)} {frames.dtype}")
    if len(detections) and not (detections.frame.min() >= 0 and detections.frame.max() < len(frames)):
        raise ValueError(f"detections are in frames {detections.frame.tolist()} of only {len(frames)}")
    size = spec.size
    crops = torch.zeros((len(detections), 3, size, size), dtype=torch.uint8, device=frames.device)
    if spec.alignment is Alignment.NONE:
        squares = margin_squares(detections.boxes_xyxy, spec.margin_ratio)
        for i, frame in enumerate(detections.frame.tolist()):
            crops[i] = _to_uint8(_square_crop(frames[frame], squares[i].tolist(), size))
    elif len(detections):
        warps = estimate_similarity(detections.landmarks, _TEMPLATES[spec.alignment] * size)
        for i, frame in enumerate(detections.frame.tolist()):
            crops[i] = _to_uint8(_warped_crop(frames[frame], warps[i], size))
    return FaceCrops(crops, spec)


def margin_squares(boxes_xyxy: npt.NDArray[np.float32], margin_ratio: float) -> npt.NDArray[np.int64]:
    """[N,3] whole pixels: left, top and side of the squares that `Alignment.NONE` cuts out."""
    boxes = boxes_xyxy.astype(np.float64)
    longer_side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    side = np.maximum(np.rint(longer_side * margin_ratio), 1)
    corner = np.rint((boxes[:, :2] + boxes[:, 2:]) / 2 - side[:, None] / 2)
    return np.column_stack([corner, side]).astype(np.int64)


def _square_crop(frame: torch.Tensor, square: list[int], size: int) -> torch.Tensor:
    left, top, side = square
    region = _cut(frame, left, top, left + side, top + side)
    return interpolate(region, size=(size, size), mode="bilinear", antialias=True)


def _warped_crop(frame: torch.Tensor, warp: npt.NDArray[np.float64], size: int) -> torch.Tensor:
    """The crop pixel at (x, y), centres at whole numbers, shows the frame at inverse(warp) of (x, y)."""
    inverse = np.linalg.inv(np.vstack([warp, [0, 0, 1]]))[:2]
    corners = inverse @ np.array([[0, size, 0, size], [0, 0, size, size], [1, 1, 1, 1]], np.float64) - 0.5
    # Only the part of the frame under the crop is converted to float; two pixels more for the bilinear taps.
    left, top = (math.floor(low) - 2 for low in corners.min(axis=1))
    right, bottom = (math.ceil(high) + 3 for high in corners.max(axis=1))
    region = _cut(frame, left, top, right, bottom)
    samples = min(max(1, math.ceil(np.hypot(*inverse[:, 0]))), _MOST_SAMPLES)
    # grid_sample wants both sides in [-1, 1] from edge to edge, where a pixel's centre lies half a pixel in.
    to_crop = np.array([[size / 2, 0, size / 2 - 0.5], [0, size / 2, size / 2 - 0.5], [0, 0, 1]])
    extent = np.array([[right - left], [bottom - top]])
    theta = inverse @ to_crop
    theta[:, 2] += 0.5 - np.array([left, top])
    theta = theta * 2 / extent
    theta[:, 2] -= 1
    grid = affine_grid(
        torch.from_numpy(theta).float().to(frame.device)[None],
        [1, 3, size * samples, size * samples],
        align_corners=False,
    )
    return avg_pool2d(grid_sample(region, grid, mode="bilinear", align_corners=False), samples)


def _cut(frame: torch.Tensor, left: int, top: int, right: int, bottom: int) -> torch.Tensor:
    """[1,3,bottom-top,right-left] float32 of `frame` [H,W,3], black outside; FaceError if far larger."""
    height, width = frame.shape[:2]
    if max(bottom - top, right - left) > _MOST_FRAME_SIDES * max(height, width):
        size = f"{right - left} x {bottom - top} px of a frame of {width} x {height} px"
        raise FaceError(f"the crop of a face would take {size}; drop the detection")
    region = torch.zeros((1, 3, bottom - top, right - left), device=frame.device)
    x0, x1, y0, y1 = max(left, 0), min(right, width), max(top, 0), min(bottom, height)
    if x0 < x1 and y0 < y1:
        region[0, :, y0 - top : y1 - top, x0 - left : x1 - left] = frame[y0:y1, x0:x1].permute(2, 0, 1)
    return region


def _to_uint8(image: torch.Tensor) -> torch.Tensor:
    return image[0].round().clamp(0, 255).to(torch.uint8)
