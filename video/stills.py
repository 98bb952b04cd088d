"""Still images as videos of one frame."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from video.batching import Batcher
from video.errors import RefusedVideoError, UnreadableVideoError, printable
from video.frames import Delivery, FrameBatch, VideoInfo
from video.geometry import Orientation
from video.opening import open_regular
from video.reader import Limits
from video.sampling import Sampling, Timed

log = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
# A picture has no time; these stand in for it.
TIME_BASE = Fraction(1, 1)
_ORIENTATION_TAG = 0x0112
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


def open_image(path: Path) -> Image.Image | None:
    """The file as a still image, its pixels not read yet; `None` if its content is none.

    Content decides, not the name. GIF and APNG are left to the video reader.
    """
    file = open(open_regular(path), "rb")  # noqa: SIM115 - the image takes the file over
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; the reader's own limit is checked instead.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        file.close()
        return None
    except Image.DecompressionBombError as error:
        file.close()
        raise RefusedVideoError(path, "has too many pixels", "scale it down") from error
    except BaseException:
        file.close()
        raise
    if image.format == "PNG" and getattr(image, "is_animated", False):
        file.close()
        return None
    return image


class StillReader:
    """Gives the one picture of an image file, upright; see `VideoReader`."""

    def __init__(self, path: Path, image: Image.Image, *, sampling: Sampling, limits: Limits) -> None:
        """Take over `image`, as `open_image` gives it."""
        self._path = path
        self._image = image
        self._sampling = sampling
        self._delivery: Delivery | None = None
        self._orientation = _ORIENTATIONS.get(image.getexif().get(_ORIENTATION_TAG, 1), Orientation())
        frames = getattr(image, "n_frames", 1)
        self._warnings = (f"{frames} pictures in one file; reading the first",) if frames > 1 else ()
        for warning in self._warnings:
            log.warning("%s: %s", printable(path), warning)
        try:
            limits.check_size(path, *image.size)
            self._picture = self._orientation.apply(_rgb(image))
        except (OSError, ValueError, SyntaxError) as error:
            cause = f"holds no picture that decodes ({error})"
            raise UnreadableVideoError(path, cause, "check that it is complete") from error
        finally:
            image.close()

    @property
    def info(self) -> VideoInfo:
        height, width = self._picture.shape[:2]
        name = str(self._image.format).lower()
        return VideoInfo(
            path=self._path,
            container=name,
            codec=name,
            width=width,
            height=height,
            rotation_degrees=self._orientation.clockwise_degrees,
            mirrored=self._orientation.mirrored,
            frame_rate=None,
            time_base=TIME_BASE,
            frame_count=1,
            duration_seconds=None,
            has_audio=False,
            stream_index=0,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._warnings

    @property
    def delivery(self) -> Delivery:
        if self._delivery is None:
            raise RuntimeError("what was delivered is known once all batches have been read")
        return self._delivery

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """See `VideoReader.batches`."""
        if self._delivery is not None:
            raise RuntimeError("the frames of a reader can be read once")
        batcher = Batcher(size, TIME_BASE)
        chosen = list(self._sampling.select([Timed(0, Fraction(0), self._picture)], Fraction(0)))
        for picture in chosen:
            yield from batcher.add(picture.frame, picture.index, 0)
        yield from batcher.rest()
        self._delivery = Delivery(1, 1, len(chosen), self._warnings)

    def close(self) -> None:
        self._image.close()

    def __enter__(self) -> StillReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _rgb(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode.startswith("I;16"):
        # Pillow would cut 16-bit grey off at 255 instead of scaling it.
        grey = (np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    return np.asarray(image.convert("RGB"), dtype=np.uint8)
