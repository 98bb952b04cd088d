"""From a decoder's frame to upright 8-bit RGB: matrix, range, chroma, square pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from video.h273 import MATRICES, PRIMARIES, RGB_MATRIX
from video.tonemap import HDR_TRANSFERS, to_sdr

# ITU-T H.273 code points (frame.colorspace) of the matrices that swscale can invert.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_BT2020_PRIMARIES = 9
# Where players switch their guess from BT.601 to BT.709.
HD_MIN_HEIGHT = 720
HD_MIN_WIDTH = 1280
# The fast paths of swscale are off by one or two levels and repeat chroma samples; bit-exact arithmetic
# also makes the pixels the same on every processor.
_FLAGS = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
)


def is_hd(width: int, height: int) -> bool:
    """Whether pictures of this size are guessed to be BT.709 rather than BT.601."""
    return width >= HD_MIN_WIDTH or height >= HD_MIN_HEIGHT


def matrix_of(frame: av.VideoFrame) -> Colorspace | None:
    """The matrix that turns this frame's YCbCr into RGB; `None` for frames that are RGB already.

    A frame that does not say is taken for BT.709 from 1280 pixels of width or 720 of height, else for
    BT.601, as players do.
    """
    if frame.format.is_rgb:
        return None
    guess = Colorspace.ITU709 if is_hd(frame.width, frame.height) else Colorspace.ITU601
    return _MATRICES.get(frame.colorspace, guess)


def colour_warnings(frame: av.VideoFrame) -> list[str]:
    """What is uncertain or changed about this frame's colours, as sentences for the report."""
    warnings = []
    name = MATRICES.get(frame.colorspace)
    if not frame.format.is_rgb and name is not None and frame.colorspace not in (*_MATRICES, RGB_MATRIX):
        warnings.append(f"the colour matrix {name} is not supported; colours are wrong")
    if frame.color_trc in HDR_TRANSFERS:
        warnings.append("HDR: tone-mapped to SDR, for a mastering peak of 1000 nits")
    elif frame.color_primaries == _BT2020_PRIMARIES:
        warnings.append(
            f"the primaries {PRIMARIES[_BT2020_PRIMARIES]} are shown as BT.709: colours look pale"
        )
    return warnings


@dataclass
class RgbConverter:
    """Converts frames one after the other, keeping the scaler's tables between them."""

    _reformatter: VideoReformatter = field(default_factory=VideoReformatter)

    def convert(self, frame: av.VideoFrame, width: int, height: int) -> npt.NDArray[np.uint8]:
        """The frame as [height, width, 3] uint8 BT.709 SDR RGB, not yet turned; HDR is tone-mapped."""
        if frame.color_trc not in HDR_TRANSFERS:
            return np.asarray(self._scaled(frame, width, height, "rgb24"), dtype=np.uint8)
        deep = np.asarray(self._scaled(frame, width, height, "rgb48le"), dtype=np.uint16)
        wide_gamut = PRIMARIES.get(frame.color_primaries, "bt2020") == "bt2020"
        return to_sdr(deep, frame.color_trc, wide_gamut=wide_gamut)

    def _scaled(self, frame: av.VideoFrame, width: int, height: int, pixel_format: str) -> npt.NDArray[Any]:
        rgb = self._reformatter.reformat(
            frame,
            width,
            height,
            format=pixel_format,
            src_colorspace=matrix_of(frame),
            dst_color_range=ColorRange.JPEG,
            interpolation=_FLAGS,
            # One thread: more would save milliseconds and add a question to every comparison.
            threads=1,
        )
        return rgb.to_ndarray()
