"""Still images as videos of one frame."""

from __future__ import annotations

import logging
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import TAGS

from video.batching import Batcher
from video.errors import RefusedVideoError, UnreadableVideoError, printable
from video.frames import Delivery, FrameBatch, Shot, Timed, VideoInfo
from video.geometry import Orientation
from video.opening import open_regular
from video.reader import Limits, ReaderBase
from video.sampling import Sampling
from video.spread import shot_spans

LOGGER = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
# A picture has no time; these stand in for it.
TIME_BASE = Fraction(1, 1)
_ORIENTATION_TAG = 0x0112
# What Pillow's parsers raise for bytes that make no sense to them.
_BROKEN = (
    OSError, ValueError, SyntaxError, TypeError, LookupError, ArithmeticError, AttributeError, EOFError,
    struct.error,
)  # fmt: skip
# EXIF 2.32 orientation: what to do to the stored picture, as mirrored first, then turned clockwise.
_ORIENTATIONS = {
    2: Orientation(0, mirrored=True),
    3: Orientation(180),
    4: Orientation(180, mirrored=True),
    5: Orientation(270, mirrored=True),
    6: Orientation(90),
    7: Orientation(90, mirrored=True),
    8: Orientation(270),
}


@dataclass(frozen=True)
class Still:
    """A decoded image file: the upright [H,W,3] uint8 RGB picture, and what the file says of itself."""

    picture: npt.NDArray[np.uint8]
    file_format: str
    pixel_format: str
    orientation: Orientation
    pictures_in_file: int
    tags: tuple[tuple[str, str], ...]


def read_still(path: Path, limits: Limits) -> Still | None:
    """The first picture of an image file; `None` if the content (not the name) is no still image.

    GIF and animated PNG are left to the video reader. Raises `UnreadableVideoError` for a picture that
    does not decode and `RefusedVideoError` for one that exceeds `limits`.
    """
    with open(open_regular(path), "rb") as file, warnings.catch_warnings():
        # Pillow has its own idea of too large; the limits decide here, before pixels are read.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=FORMATS) as image:
                if image.format == "PNG" and getattr(image, "is_animated", False):
                    return None
                limits.check_size(path, *image.size)
                return _decode(image)
        except UnidentifiedImageError:
            return None
        except Image.DecompressionBombError as error:
            raise RefusedVideoError(path, f"has too many pixels ({error})", "scale it down") from error
        except _BROKEN as error:
            cause = f"holds no picture that decodes ({error})"
            raise UnreadableVideoError(path, cause, "check that it is complete") from error


def _decode(image: Image.Image) -> Still:
    # PNG may carry its EXIF behind the pixels, so these come first.
    pixels = _rgb(image)
    exif = image.getexif()
    orientation = _ORIENTATIONS.get(exif.get(_ORIENTATION_TAG, 1), Orientation())
    return Still(
        picture=orientation.apply(pixels),
        file_format=str(image.format).lower(),
        pixel_format=image.mode.lower(),
        orientation=orientation,
        pictures_in_file=getattr(image, "n_frames", 1),
        tags=tuple(
            (TAGS[tag], value) for tag, value in exif.items() if tag in TAGS and isinstance(value, str)
        ),
    )


class StillReader(ReaderBase):
    """Gives the one picture of an image file; see `VideoReader`."""

    def __init__(self, path: Path, still: Still, *, sampling: Sampling) -> None:
        self._path = path
        self._still = still
        self._sampling = sampling
        count = still.pictures_in_file
        self._warnings = (f"{count} pictures in one file; reading the first",) if count > 1 else ()
        for warning in self._warnings:
            LOGGER.warning("%s: %s", printable(path), warning)

    @property
    def info(self) -> VideoInfo:
        height, width = self._still.picture.shape[:2]
        return VideoInfo(
            path=self._path,
            container=self._still.file_format,
            codec=self._still.file_format,
            width=width,
            height=height,
            rotation_degrees=self._still.orientation.clockwise_degrees,
            mirrored=self._still.orientation.mirrored,
            frame_rate=None,
            time_base=TIME_BASE,
            frame_count=1,
            duration_seconds=None,
            has_audio=False,
            stream_index=0,
            still=True,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._warnings

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """See `VideoReader.batches`."""
        if self._delivery is not None:
            raise RuntimeError("the frames of a reader can be read once")
        batcher = Batcher(size, TIME_BASE)
        frames = [Timed(0, Fraction(0), self._still.picture)]
        chosen = list(self._sampling.select(frames, shot_spans(self._sampling.window(frames))))
        for picture in chosen:
            yield from batcher.add(picture.frame, picture.index, 0, picture.shot)
        yield from batcher.rest()
        self._delivery = Delivery(1, 1, len(chosen), self._warnings, (Shot(0, 0.0),))


def _rgb(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode.startswith("I;16"):
        # Pillow would cut 16-bit grey off at 255 instead of scaling it.
        grey = (np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    return np.asarray(image.convert("RGB"), dtype=np.uint8)
