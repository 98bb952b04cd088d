"""The demo clip: a public-domain portrait as H.264 video, with a self-blended face in a marked part."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from face.detect import FaceDetector
from forensics.data.hull import Region
from forensics.data.mixture import BlendSettings, Family
from forensics.data.selfblend import self_blend
from forensics.errors import ForensicsError
from video.write import write_video

SECONDS = 10
FRAMES_PER_SECOND = 25
# The part with the blended face: long enough for ten samples at the default four a second.
MARKED_SECONDS = (4.0, 7.0)
# The portrait's face is about 110 pixels wide; enlarged it is the size of a face in ordinary footage.
_PORTRAIT_SCALE = 1.75
_WINDOW_PIXELS = (720, 640)
_CRF = 23
_BLEND_SEED = 7

Frame = npt.NDArray[np.uint8]


def make_demo_clip(path: Path, detector: FaceDetector) -> None:
    """Write the demo clip to `path`: the same bytes each time with the same versions.

    The portrait is NASA's of Eileen Collins, public domain, as shipped by scikit-image.
    """
    from skimage.data import astronaut

    portrait = cv2.resize(
        astronaut(), None, fx=_PORTRAIT_SCALE, fy=_PORTRAIT_SCALE, interpolation=cv2.INTER_CUBIC
    )
    write_video(
        path,
        _frames(portrait, _blended(portrait, detector)),
        frame_rate=Fraction(FRAMES_PER_SECOND),
        crf=_CRF,
    )


def _blended(portrait: Frame, detector: FaceDetector) -> Frame:
    """The portrait with its own face, changed as a swap would change it, blended over itself."""
    found = detector.detect(portrait[None])
    if len(found) != 1:
        raise ForensicsError(f"the demo portrait shows {len(found)} faces, not one; check `forensics doctor`")
    settings = BlendSettings(
        family_weights=((Family.SWAP, 1.0),), region_weights=((Region.FACE, 1.0),), opacities=(1.0,)
    )
    rng = np.random.default_rng(_BLEND_SEED)
    return self_blend(portrait, found.landmarks[0], found.boxes_xyxy[0], rng, settings=settings).fake


def _frames(portrait: Frame, blended: Frame) -> Iterator[Frame]:
    """A slow pan with a slow change of light; inside the marked part of the blended portrait."""
    height, width = _WINDOW_PIXELS
    room_y, room_x = portrait.shape[0] - height, portrait.shape[1] - width
    first, last = (round(second * FRAMES_PER_SECOND) for second in MARKED_SECONDS)
    for number in range(SECONDS * FRAMES_PER_SECOND):
        phase = 2 * np.pi * number / (SECONDS * FRAMES_PER_SECOND)
        top = round(room_y * (0.5 + 0.45 * np.sin(phase)) / 2)
        left = round(room_x * (0.5 + 0.45 * np.cos(phase)))
        picture = blended if first <= number < last else portrait
        window = picture[top : top + height, left : left + width].astype(np.float32)
        light = 1 + 0.12 * np.sin(2 * phase)
        yield np.clip(window * light, 0, 255).astype(np.uint8)
