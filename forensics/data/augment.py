"""What the world does to a picture before anyone analyses it: scaling, blur, noise, light, compression.

One `Augmentation` is drawn for a pair and applied to each member, so that real and fake have been through
exactly the same and compression is never the label.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from forensics.data.compress import h264_still, hevc_still, jpeg
from forensics.data.jitter import grey

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class AugmentSettings:
    """How often (`*_share`) and how strongly a picture is treated. Ranges are drawn from evenly, the face's
    size and the blur on a logarithmic scale; `face_pixels` is the longer box side to scale down to.

    The defaults were chosen on held-out identities: against stronger ones (JPEG 40-100, H.264 at CRF 23-38,
    faces down to 64 pixels, each about twice as often) a linear probe gained 0.02 AUC on frames of sharp
    video and lost nothing on pictures treated that strongly. What destroys the blend teaches nothing.
    """

    flip_share: float = 0.5
    scale_share: float = 0.3
    face_pixels: tuple[float, float] = (96.0, 200.0)
    blur_share: float = 0.1
    blur_pixels: tuple[float, float] = (0.4, 1.0)
    light_share: float = 0.3
    gain: tuple[float, float] = (0.9, 1.1)
    lift_levels: tuple[float, float] = (-12.0, 12.0)
    gamma: tuple[float, float] = (0.85, 1.18)
    noise_share: float = 0.1
    noise_levels: tuple[float, float] = (1.0, 3.0)
    grey_share: float = 0.02
    jpeg_share: float = 0.3
    jpeg_quality: tuple[int, int] = (60, 100)
    h264_share: float = 0.5
    h264_crf: tuple[int, int] = (18, 30)
    # What came later is drawn only where it is asked for, so that older settings draw what they drew.
    hevc_share: float = 0.0
    hevc_crf: tuple[int, int] = (20, 32)
    resize_share: float = 0.0
    resize_ratio: tuple[float, float] = (0.5, 0.95)
    most_resizes: int = 2

    def __post_init__(self) -> None:
        shares = {name: value for name, value in vars(self).items() if name.endswith("_share")}
        wrong = {name: value for name, value in shares.items() if not 0 <= value <= 1}
        if wrong:
            raise ValueError(f"shares lie between 0 and 1: {wrong}")


DEFAULT_AUGMENTATION = AugmentSettings()
NO_AUGMENTATION = AugmentSettings(
    flip_share=0.0,
    scale_share=0.0,
    blur_share=0.0,
    light_share=0.0,
    noise_share=0.0,
    grey_share=0.0,
    jpeg_share=0.0,
    h264_share=0.0,
)
# What shared and re-shared videos go through: both codecs, also one after the other, and resizing in between.
WORLD = AugmentSettings(
    noise_share=0.2, jpeg_quality=(50, 100), h264_crf=(18, 34), hevc_share=0.3, resize_share=0.3
)
# Those that programs offer; the nearest neighbour is left out, which nobody chooses for a face.
_INTERPOLATIONS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


@dataclass(frozen=True)
class Resize:
    """Down to `ratio` of both sides and up to the old size, each by an interpolation of OpenCV's."""

    ratio: float
    down: int
    up: int

    def apply(self, image: Image) -> Image:
        """[H,W,3] uint8 of the same size."""
        height, width = image.shape[:2]
        small = max(1, round(width * self.ratio)), max(1, round(height * self.ratio))
        reduced = cv2.resize(image, small, interpolation=self.down)
        return np.asarray(cv2.resize(reduced, (width, height), interpolation=self.up), np.uint8)


@dataclass(frozen=True)
class Augmentation:
    """One drawn treatment; `None` and 1.0 leave a step out. `scale` is that of width and height; the noise
    is drawn anew from `noise_seed` for every picture, so it is the same for both members of a pair."""

    flip: bool = False
    scale: float = 1.0
    blur_pixels: float | None = None
    gain: float = 1.0
    lift_levels: float = 0.0
    gamma: float = 1.0
    noise_levels: float | None = None
    noise_seed: int = 0
    grey: bool = False
    jpeg_quality: int | None = None
    h264_crf: int | None = None
    hevc_crf: int | None = None
    resizes: tuple[Resize, ...] = ()

    def apply(self, image: Image) -> Image:
        """`image` [H,W,3] uint8 RGB treated; [H',W',3] with H' and W' scaled."""
        values = (image[:, ::-1] if self.flip else image).astype(np.float32)
        if self.scale != 1.0:
            shrunk = cv2.resize(values, self._size(image), interpolation=cv2.INTER_AREA)
            values = np.asarray(shrunk, np.float32)
        if self.blur_pixels is not None:
            values = np.asarray(cv2.GaussianBlur(values, (0, 0), self.blur_pixels), np.float32)
        light = np.clip(values * self.gain + self.lift_levels, 0, 255) / 255
        values = np.asarray(255 * light**self.gamma, np.float32)
        if self.grey:
            values = grey(values)
        if self.noise_levels is not None:
            noise = np.random.default_rng(self.noise_seed).normal(0, self.noise_levels, values.shape)
            values = values + noise.astype(np.float32)
        treated: Image = np.clip(values.round(), 0, 255).astype(np.uint8)
        if self.jpeg_quality is not None:
            treated = jpeg(treated, quality=self.jpeg_quality)
        if self.h264_crf is not None:
            treated = h264_still(treated, crf=self.h264_crf)
        for resize in self.resizes:
            treated = resize.apply(treated)
        if self.hevc_crf is not None:
            treated = hevc_still(treated, crf=self.hevc_crf)
        return treated

    def move_mask(self, mask: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """[H',W'] float32: a mask of the untreated picture after `apply`'s flip and scaling."""
        moved = np.ascontiguousarray(mask[:, ::-1] if self.flip else mask)
        if self.scale != 1.0:
            return np.asarray(cv2.resize(moved, self._size(mask), interpolation=cv2.INTER_AREA), np.float32)
        return moved

    def move_points(self, points: npt.NDArray[np.floating], image: Image) -> npt.NDArray[np.float64]:
        """[N,2] float64: where points of the untreated `image` lie after `apply`; their order is kept."""
        width, height = self._size(image)
        moved = np.array(points, np.float64)
        if self.flip:
            moved[:, 0] = image.shape[1] - moved[:, 0]
        moved *= np.array([width / image.shape[1], height / image.shape[0]])
        return moved

    def _size(self, image: npt.NDArray[np.generic]) -> tuple[int, int]:
        return max(1, round(image.shape[1] * self.scale)), max(1, round(image.shape[0] * self.scale))


def draw_augmentation(
    face_pixels: float, rng: np.random.Generator, *, settings: AugmentSettings = DEFAULT_AUGMENTATION
) -> Augmentation:
    """Draw a treatment for a picture whose face's longer box side is `face_pixels`. It is never enlarged."""

    def happens(share: float) -> bool:
        return bool(rng.random() < share)

    def log_even(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    lit = happens(settings.light_share)
    drawn = Augmentation(
        flip=happens(settings.flip_share),
        scale=min(1.0, log_even(*settings.face_pixels) / face_pixels)
        if happens(settings.scale_share)
        else 1.0,
        blur_pixels=log_even(*settings.blur_pixels) if happens(settings.blur_share) else None,
        gain=float(rng.uniform(*settings.gain)) if lit else 1.0,
        lift_levels=float(rng.uniform(*settings.lift_levels)) if lit else 0.0,
        gamma=float(rng.uniform(*settings.gamma)) if lit else 1.0,
        noise_levels=float(rng.uniform(*settings.noise_levels)) if happens(settings.noise_share) else None,
        noise_seed=int(rng.integers(2**32)),
        grey=happens(settings.grey_share),
        jpeg_quality=int(rng.integers(settings.jpeg_quality[0], settings.jpeg_quality[1] + 1))
        if happens(settings.jpeg_share)
        else None,
        h264_crf=int(rng.integers(settings.h264_crf[0], settings.h264_crf[1] + 1))
        if happens(settings.h264_share)
        else None,
    )
    if settings.resize_share and happens(settings.resize_share):
        count = int(rng.integers(1, settings.most_resizes + 1))
        drawn = replace(drawn, resizes=tuple(_draw_resize(rng, settings) for _ in range(count)))
    if settings.hevc_share and happens(settings.hevc_share):
        drawn = replace(drawn, hevc_crf=int(rng.integers(settings.hevc_crf[0], settings.hevc_crf[1] + 1)))
    return drawn


def _draw_resize(rng: np.random.Generator, settings: AugmentSettings) -> Resize:
    ratio = float(rng.uniform(*settings.resize_ratio))
    down, up = (int(rng.choice(_INTERPOLATIONS)) for _ in range(2))
    return Resize(ratio, down, up)
