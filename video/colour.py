"""From a decoder's frame to upright 8-bit RGB: matrix, range, chroma, square pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

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
RGB_MATRIX = 0
UNSPECIFIED_MATRIX = 2
# Where players switch their guess from BT.601 to BT.709.
HD_MIN_HEIGHT = 720
HD_MIN_WIDTH = 1280
# The fast paths of swscale are off by one or two levels and repeat chroma samples; bit-exact arithmetic
# also makes the pixels the same on every processor.
_FLAGS = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
)


def matrix_of(frame: av.VideoFrame) -> Colorspace | None:
    """The matrix that turns this frame's YCbCr into RGB; `None` for frames that are RGB already.

    A frame that does not say is taken for BT.709 from 1280 pixels of width or 720 of height, else for
    BT.601, as players do.
    """
    if frame.format.is_rgb or frame.colorspace == RGB_MATRIX:
        return None
    guess = frame.height >= HD_MIN_HEIGHT or frame.width >= HD_MIN_WIDTH
    return _MATRICES.get(frame.colorspace, Colorspace.ITU709 if guess else Colorspace.ITU601)


@dataclass
class RgbConverter:
    """Converts frames one after the other, keeping the scaler's tables between them."""

    _reformatter: VideoReformatter = field(default_factory=VideoReformatter)

    def convert(self, frame: av.VideoFrame, width: int, height: int) -> npt.NDArray[np.uint8]:
        """The frame as [height, width, 3] uint8 RGB, not yet turned."""
        rgb = self._reformatter.reformat(
            frame,
            width,
            height,
            format="rgb24",
            src_colorspace=matrix_of(frame),
            src_color_range=frame.color_range or None,
            dst_color_range=ColorRange.JPEG,
            interpolation=_FLAGS,
            # One thread: slices could not change the pixels, but they cost more than they give.
            threads=1,
        )
        return np.asarray(rgb.to_ndarray(), dtype=np.uint8)
