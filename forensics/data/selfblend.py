"""Pseudo-fakes: a face blended into its own picture, after Shiohara and Yamasaki, "Detecting deepfakes with
self-blended images" (CVPR 2022), with two families added that mimic what real swaps leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from forensics.data import jitter
from forensics.data.hull import Region, region_mask, similarity

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.float32]
Landmarks = npt.NDArray[np.floating]


class Family(StrEnum):
    """How the pasted face is made.

    `SELF` is the published recipe: the picture's own face, jittered in colour, frequency and place.
    `SWAP` mimics an autoencoder: the own face at a low resolution, smoothed, bent, a little off in colour
    and place. `CROSS` pastes another person's face, colour-matched (Face X-ray, Li et al., CVPR 2020), in
    part at a swap's low resolution.
    """

    SELF = "self_blend"
    SWAP = "swap_like"
    CROSS = "cross_identity"


Choice = TypeVar("Choice", Family, Region)


@dataclass(frozen=True)
class Donor:
    """The face that a cross-identity blend pastes: its picture [H,W,3] uint8 RGB and landmarks [5,2]."""

    image: Image
    landmarks: Landmarks


@dataclass(frozen=True)
class BlendSettings:
    """The mixture of pseudo-fakes. Shares and weights are relative; `*_ratio` are shares of the face's side.

    `translate_ratio` (x, y), `scale_ratio`, `opacities` and `target_share` (how often the surroundings are
    jittered instead of the face) are the published ones. The defaults were chosen on held-out identities
    and held-out families of the training photographs.
    """

    family_weights: tuple[tuple[Family, float], ...] = (
        (Family.SELF, 0.4),
        (Family.SWAP, 0.3),
        (Family.CROSS, 0.3),
    )
    region_weights: tuple[tuple[Region, float], ...] = (
        (Region.FACE, 0.3),
        (Region.BROWS_TO_CHIN, 0.3),
        (Region.INNER, 0.2),
        (Region.MOUTH, 0.1),
        (Region.EYES_NOSE, 0.1),
    )
    opacities: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
    target_share: float = 0.5
    translate_ratio: tuple[float, float] = (0.03, 0.015)
    scale_ratio: float = 0.05
    elastic_ratio: float = 0.02
    erode_ratio: tuple[float, float] = (0.01, 0.06)
    blur_ratio: tuple[float, float] = (0.01, 0.06)
    swap_resolution: tuple[float, float] = (0.25, 0.8)
    swap_bend_ratio: float = 0.015
    swap_smooth_share: float = 0.5
    cross_colour_strength: tuple[float, float] = (0.6, 1.0)
    cross_swap_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("family_weights", "region_weights"):
            weights = [weight for _, weight in getattr(self, name)]
            if not weights or min(weights) < 0 or sum(weights) <= 0:
                raise ValueError(f"{name} needs weights that are not negative and not all zero: {weights}")
        if not all(0 < opacity <= 1 for opacity in self.opacities):
            raise ValueError(f"opacities lie above 0 and up to 1, not {self.opacities}")


DEFAULT_SETTINGS = BlendSettings()


@dataclass(frozen=True)
class BlendResult:
    """A pair from one picture. `fake` and `real` are [H,W,3] uint8 RGB and differ only where `mask`, [H,W]
    float32 in [0,1], is above 0. `real` is the picture itself, or the picture with its colours and detail
    jittered, so that no such jitter marks the fake."""

    fake: Image
    real: Image
    mask: Mask
    family: Family
    region: Region


def self_blend(
    image: Image,
    landmarks: Landmarks,
    box_xyxy: npt.NDArray[np.floating],
    rng: np.random.Generator,
    *,
    settings: BlendSettings = DEFAULT_SETTINGS,
    donor: Donor | None = None,
) -> BlendResult:
    """Blend a face into `image` [H,W,3] uint8 RGB at `landmarks` [5,2] or dense, in its box, in pixels.

    Without a `donor` the cross-identity family is left out of the draw. Equal generators give equal
    results. Raises ValueError for a picture of another shape or type and for an empty box.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"a picture must be [H,W,3] uint8, not {list(image.shape)} {image.dtype}")
    side = float(max(box_xyxy[2] - box_xyxy[0], box_xyxy[3] - box_xyxy[1]))
    if side <= 0:
        raise ValueError(f"the face box is empty: {np.asarray(box_xyxy).tolist()}")
    family = _draw(
        tuple(pair for pair in settings.family_weights if donor is not None or pair[0] is not Family.CROSS),
        rng,
    )
    region = _draw(settings.region_weights, rng)
    picture = image.astype(np.float32)
    hull = region_mask(landmarks, region, image.shape[:2])

    source, target = picture, picture
    if family is Family.SELF:
        jittered = jitter.frequency(jitter.colour(picture, rng), rng)
        source, target = (picture, jittered) if rng.random() < settings.target_share else (jittered, picture)
    elif family is Family.SWAP:
        source = _swap_like(picture, side, rng, settings)
    elif donor is not None:
        source = _cross(donor, picture, landmarks, hull, rng, settings)
        if rng.random() < settings.cross_swap_share:
            source = _swap_like(source, side, rng, settings)
    source = _misplace(source, box_xyxy, side, rng, settings)

    real = np.clip(target.round(), 0, 255).astype(np.uint8)
    mask = soften(hull, side, rng, settings=settings) * np.float32(rng.choice(settings.opacities))
    blended = mask[..., None] * source + (1 - mask[..., None]) * real
    fake = np.clip(blended.round(), 0, 255).astype(np.uint8)
    return BlendResult(fake, real, mask, family, region)


def soften(hull: Mask, side: float, rng: np.random.Generator, *, settings: BlendSettings) -> Mask:
    """Bend, shrink and blur a hull mask [H,W] of a face of `side` pixels, so that its edge fades inwards."""
    field = jitter.smooth_field(
        (hull.shape[0], hull.shape[1]),
        rng,
        cell_pixels=side / 4,
        amplitude_pixels=side * settings.elastic_ratio,
    )
    # A hull cut by the picture's edge goes on beyond it: no seam belongs there.
    bent = jitter.displace(hull, field, border=cv2.BORDER_REPLICATE)
    reach = max(1, round(side * rng.uniform(*settings.erode_ratio)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    shrunk = cv2.erode(bent, kernel)
    sigma = max(0.5, side * rng.uniform(*settings.blur_ratio))
    soft = np.asarray(cv2.GaussianBlur(shrunk, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
    peak = float(soft.max())
    return soft / np.float32(peak) if peak > 0 else soft


def _swap_like(
    picture: jitter.Picture, side: float, rng: np.random.Generator, settings: BlendSettings
) -> jitter.Picture:
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


def _cross(
    donor: Donor,
    picture: jitter.Picture,
    landmarks: Landmarks,
    hull: Mask,
    rng: np.random.Generator,
    settings: BlendSettings,
) -> jitter.Picture:
    matrix = similarity(np.asarray(donor.landmarks, np.float64), np.asarray(landmarks, np.float64))
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


def _misplace(
    source: jitter.Picture,
    box_xyxy: npt.NDArray[np.floating],
    side: float,
    rng: np.random.Generator,
    settings: BlendSettings,
) -> jitter.Picture:
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


def _draw(weights: tuple[tuple[Choice, float], ...], rng: np.random.Generator) -> Choice:
    shares = np.array([weight for _, weight in weights])
    if shares.size == 0 or shares.sum() <= 0:
        raise ValueError("nothing can be drawn: a cross-identity blend needs a donor")
    return weights[int(rng.choice(len(weights), p=shares / shares.sum()))][0]
