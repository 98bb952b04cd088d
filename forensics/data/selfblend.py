"""Pseudo-fakes: a face blended into its own picture, after Shiohara and Yamasaki, "Detecting deepfakes with
self-blended images" (CVPR 2022), with two families added that mimic what real swaps leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from forensics.data import jitter
from forensics.data.hull import Region, region_mask
from forensics.data.mixture import DEFAULT_MIXTURE, BlendSettings, Family
from forensics.data.paste import Donor, Image, Landmarks, Mask, cross_identity, misplace, swap_like

Choice = TypeVar("Choice", Family, Region)


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
    settings: BlendSettings = DEFAULT_MIXTURE,
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
        source = swap_like(picture, side, rng, settings)
    elif donor is not None:
        source = cross_identity(donor, picture, landmarks, hull, rng, settings)
        if rng.random() < settings.cross_swap_share:
            source = swap_like(source, side, rng, settings)
    source = misplace(source, box_xyxy, side, rng, settings)
    if jitter.is_grey(picture):
        # A tinted face in a black-and-white photograph would be a cue that no video has.
        source, target = jitter.grey(source), jitter.grey(target)

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


def _draw(weights: tuple[tuple[Choice, float], ...], rng: np.random.Generator) -> Choice:
    shares = np.array([weight for _, weight in weights])
    if shares.size == 0 or shares.sum() <= 0:
        raise ValueError("nothing can be drawn: a cross-identity blend needs a donor")
    return weights[int(rng.choice(len(weights), p=shares / shares.sum()))][0]
