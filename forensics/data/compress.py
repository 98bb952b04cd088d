"""Lossy compression of a picture in memory, as a photograph and as a frame of a video."""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction
from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

Image = npt.NDArray[np.uint8]

# The picture drifts by this many pixels a frame, so that the last frame is predicted from moved neighbours
# as in real footage, and not merely refined.
_DRIFT_PIXELS = 2
_FRAMES = 4
_FRAME_RATE = 25


def jpeg(image: Image, *, quality: int) -> Image:
    """`image` [H,W,3] uint8 RGB after JPEG at `quality` (1..100)."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise ValueError(f"a picture of {list(image.shape)} cannot be written as JPEG")
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError(f"a picture of {list(image.shape)} cannot be read back from JPEG")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def h264_still(image: Image, *, crf: int) -> Image:
    """`image` [H,W,3] uint8 RGB as the last frame of a short clip in H.264 at `crf` (0..51), 4:2:0."""
    options = {"crf": str(crf), "preset": "fast", "threads": "1", "bf": "0"}
    # On a busy machine the macroblock tree gave one picture in a hundred other last rows.
    return _still(image, "libx264", {**options, "x264-params": "mbtree=0"})


def hevc_still(image: Image, *, crf: int) -> Image:
    """`image` [H,W,3] uint8 RGB as the last frame of a short clip in HEVC at `crf` (0..51), 4:2:0.

    At the same CRF a little worse than H.264 by most measures, and blurred where that one shows blocks.
    """
    one_thread = "log-level=none:pools=none:frame-threads=1:wpp=0:bframes=0"
    return _still(image, "libx265", {"crf": str(crf), "preset": "fast", "x265-params": one_thread})


def _still(image: Image, encoder: str, options: Mapping[str, str]) -> Image:
    """Odd sides are padded for the encoder and cut off again. One thread, so that the result is the same
    wherever the same encoder runs."""
    height, width = image.shape[:2]
    reach = _DRIFT_PIXELS * (_FRAMES - 1)
    sides = (0, height % 2), (0, width % 2 + reach), (0, 0)
    wide = np.pad(image, sides, mode="edge")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = cast(VideoStream, container.add_stream(encoder, rate=_FRAME_RATE))
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, _FRAME_RATE)
        stream.options = dict(options)
        for number in range(_FRAMES):
            start = reach - number * _DRIFT_PIXELS
            shifted = np.ascontiguousarray(wide[:, start : start + stream.width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shifted, format="rgb24")))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r", format="matroska") as container:
        frames = list(container.decode(video=0))
    decoded = np.asarray(frames[-1].to_ndarray(format="rgb24"), np.uint8)
    return np.ascontiguousarray(decoded[:height, :width])
