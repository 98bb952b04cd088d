"""The small differences of colour, frequency and geometry that tell a pasted face from its surroundings.

Every function takes and gives float32 RGB [H,W,3] in 0..255 and draws what it needs from the generator
passed. Figures marked SBI are those of the published code of Shiohara and Yamasaki (CVPR 2022).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.float32]

# SBI: channels shift by up to 20 levels in 3 of 10 copies; brightness and contrast by up to a tenth.
_CHANNEL_SHIFT_LEVELS = 20.0
_CHANNEL_SHIFT_SHARE = 0.3
_BRIGHTNESS_RATIO = 0.1
_CONTRAST_RATIO = 0.1
# Hue in degrees and saturation as a factor. The published limits of 0.3 act on 8-bit scales and do next to
# nothing; skin of two people differs by about this much.
_HUE_DEGREES = 5.0
_SATURATION_RATIO = 0.15
# SBI: a copy is either scaled to a half or a quarter and back, or sharpened.
_DOWNSCALE_RATIOS = (0.5, 0.25)
_SHARPEN_STRENGTH = (0.2, 0.5)

# Luma weights of ITU-R BT.601, those of JPEG.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# A black-and-white photograph that was stored in colour strays by about a level.
_GREY_SPREAD_LEVELS = 2.0


def colour(picture: Picture, rng: np.random.Generator) -> Picture:
    """Shift channels, hue, saturation, brightness and contrast a little."""
    shifted = picture
    if rng.random() < _CHANNEL_SHIFT_SHARE:
        shifted = shifted + rng.uniform(-_CHANNEL_SHIFT_LEVELS, _CHANNEL_SHIFT_LEVELS, 3).astype(np.float32)
    hsv = cv2.cvtColor(np.clip(shifted, 0, 255) / np.float32(255), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(-_HUE_DEGREES, _HUE_DEGREES)) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] * (1 + rng.uniform(-_SATURATION_RATIO, _SATURATION_RATIO)), 0, 1)
    shifted = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * np.float32(255)
    gain = np.float32(1 + rng.uniform(-_CONTRAST_RATIO, _CONTRAST_RATIO))
    lift = np.float32(255 * rng.uniform(-_BRIGHTNESS_RATIO, _BRIGHTNESS_RATIO))
    result: Picture = np.clip(shifted * gain + lift, 0, 255)
    return result


def is_grey(picture: Picture) -> bool:
    """Whether the three channels are (but for compression) the same."""
    return float(np.ptp(picture, axis=2).mean()) < _GREY_SPREAD_LEVELS


def grey(picture: Picture) -> Picture:
    """The luma of `picture` in all three channels."""
    return np.repeat((picture @ _LUMA)[..., None], 3, axis=2)


def frequency(picture: Picture, rng: np.random.Generator) -> Picture:
    """Lose detail by scaling down and up, or gain it by sharpening."""
    if rng.random() < 0.5:
        return lower_resolution(picture, float(rng.choice(_DOWNSCALE_RATIOS)))
    strength = np.float32(rng.uniform(*_SHARPEN_STRENGTH))
    detail = picture - cv2.GaussianBlur(picture, (0, 0), 1.0)
    # Twice the detail at full strength, about what a 3x3 sharpening kernel does.
    result: Picture = np.clip(picture + 2 * strength * detail, 0, 255)
    return result


def lower_resolution(picture: Picture, ratio: float) -> Picture:
    """Scale to `ratio` of the size and back, as the output of a small generator is scaled into a frame."""
    height, width = picture.shape[:2]
    small = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    reduced = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(reduced, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.asarray(enlarged, np.float32), 0, 255)


def match_colour(
    picture: Picture, target: Picture, mask: npt.NDArray[np.float32], strength: float
) -> Picture:
    """Move the mean and spread of each Lab channel under `mask` towards `target`'s (Reinhard et al. 2001)."""
    lab = cv2.cvtColor(picture / np.float32(255), cv2.COLOR_RGB2LAB)
    goal = cv2.cvtColor(target / np.float32(255), cv2.COLOR_RGB2LAB)
    inside = mask > 0.5
    if not inside.any():
        return picture
    for channel in range(3):
        have, want = lab[..., channel][inside], goal[..., channel][inside]
        gain = (want.std() + 1e-3) / (have.std() + 1e-3)
        matched = (lab[..., channel] - have.mean()) * np.clip(gain, 0.5, 2.0) + want.mean()
        lab[..., channel] += np.float32(strength) * (matched - lab[..., channel])
    result: Picture = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255, 0, 255).astype(np.float32)
    return result


def smooth_field(
    shape: tuple[int, int], rng: np.random.Generator, *, cell_pixels: float, amplitude_pixels: float
) -> npt.NDArray[np.float32]:
    """[H,W,2] float32 displacements in pixels: Gaussian of that standard deviation on a grid, smooth between.

    `cell_pixels` is the distance of the grid's nodes.
    """
    height, width = shape
    nodes = (max(2, round(height / cell_pixels)) + 1, max(2, round(width / cell_pixels)) + 1)
    grid = rng.normal(0.0, amplitude_pixels, (*nodes, 2)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def displace(
    array: npt.NDArray[np.float32], field: npt.NDArray[np.float32], *, border: int
) -> npt.NDArray[np.float32]:
    """[H,W] or [H,W,3] sampled at each pixel plus its displacement; `border` is OpenCV's border mode."""
    rows, columns = np.mgrid[: field.shape[0], : field.shape[1]].astype(np.float32)
    columns, rows = columns + field[..., 0], rows + field[..., 1]
    return np.asarray(cv2.remap(array, columns, rows, cv2.INTER_LINEAR, borderMode=border), np.float32)
