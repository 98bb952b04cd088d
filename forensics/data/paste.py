"""The face that is pasted: how each family makes it from the picture itself or from a donor."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from face.align import estimate_similarity
from forensics.data import jitter
from forensics.data.hull import five_points
from forensics.data.mixture import BlendSettings

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.float32]
Landmarks = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Donor:
    """The face that a cross-identity blend pastes: its picture [H,W,3] uint8 RGB and landmarks [5,2]."""

    image: Image
    landmarks: Landmarks


def swap_like(
    picture: jitter.Picture, side: float, rng: np.random.Generator, settings: BlendSettings
) -> jitter.Picture:
    """The face of `picture` [H,W,3] as a small generator would give it back; the face's side is in pixels."""
    field = jitter.smooth_field(
        (picture.shape[0], picture.shape[1]),
        rng,
        cell_pixels=side / 3,
        amplitude_pixels=side * settings.swap_bend_ratio,
    )
    face = jitter.displace(picture, field, border=cv2.BORDER_REFLECT_101)
    if rng.random() < settings.swap_smooth_share:
        # Generators keep edges and lose pores: smooth by colour as well as by place.
        smooth = cv2.bilateralFilter(face, 5, sigmaColor=20.0, sigmaSpace=2.0)
        face = np.asarray(smooth, np.float32)
    face = jitter.lower_resolution(face, float(np.exp(rng.uniform(*np.log(settings.swap_resolution)))))
    return jitter.colour(face, rng)


def cross_identity(
    donor: Donor,
    picture: jitter.Picture,
    landmarks: Landmarks,
    hull: Mask,
    rng: np.random.Generator,
    settings: BlendSettings,
) -> jitter.Picture:
    """The donor's face brought onto `landmarks` of `picture`, its colours matched inside `hull` [H,W]."""
    matrix = estimate_similarity(five_points(donor.landmarks)[None], five_points(landmarks))[0]
    face = donor.image.astype(np.float32)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 1:
        # Averaged down before it is turned: sampling a large donor sparsely would alias.
        size = (max(1, round(face.shape[1] * scale)), max(1, round(face.shape[0] * scale)))
        shrink = np.array([size[0] / face.shape[1], size[1] / face.shape[0]])
        face = np.asarray(cv2.resize(face, size, interpolation=cv2.INTER_AREA), np.float32)
        matrix = np.column_stack([matrix[:, :2] / shrink, matrix[:, 2]])
    placed = _warp(face, matrix, (picture.shape[1], picture.shape[0]))
    return jitter.match_colour(placed, picture, hull, rng.uniform(*settings.cross_colour_strength))


def misplace(
    source: jitter.Picture,
    box_xyxy: npt.NDArray[np.floating],
    side: float,
    rng: np.random.Generator,
    settings: BlendSettings,
) -> jitter.Picture:
    """Scale a source about the centre of the box, and shift it, by a little."""
    scale = float(np.exp(rng.uniform(-1, 1) * np.log1p(settings.scale_ratio)))
    shift = side * rng.uniform(-1, 1, 2) * settings.translate_ratio
    centre = np.array([(box_xyxy[0] + box_xyxy[2]) / 2, (box_xyxy[1] + box_xyxy[3]) / 2])
    matrix = np.column_stack([np.eye(2) * scale, centre * (1 - scale) + shift])
    size = (source.shape[1], source.shape[0])
    return _warp(source, matrix, size)


def _warp(picture: jitter.Picture, matrix: npt.NDArray[np.float64], size: tuple[int, int]) -> jitter.Picture:
    # Reflection instead of black: a black edge under the mask would give the fake away.
    moved = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.float32)
