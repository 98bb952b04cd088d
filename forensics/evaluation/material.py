"""The one file an analysis opens for an item: itself, a member of a tar, or a lossless video of pictures."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from forensics.data.media import PICTURE_SUFFIXES, files_of
from video.errors import UnreadableVideoError
from video.isolated import open_video
from weights.streams import sha256_of

Picture = npt.NDArray[np.uint8]
# Pictures of a folder have no times. At this rate, the one at which videos are looked at unless told
# otherwise, every one of them is looked at.
SEQUENCE_RATE = Fraction(4)


def is_picture(path: Path) -> bool:
    """Whether the item is one still image."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def material_sha256(path: Path) -> str:
    """The digest of the bytes of an item; of a folder, of its pictures' names and digests in their order.

    Raises VideoError and OSError for what cannot be read.
    """
    if not path.is_dir():
        (file,) = ((sha256_of(one)) for one in files_of(path))
        return file
    digest = hashlib.sha256()
    for picture in files_of(path):
        digest.update(f"{picture.name}\t{sha256_of(picture)}\n".encode())
    return digest.hexdigest()


@contextmanager
def opened_material(path: Path) -> Iterator[Path]:
    """The file to analyse for the item at `path`; what is made for it goes again, the item is only read.

    A folder of pictures becomes a lossless video of `SEQUENCE_RATE` pictures a second; smaller pictures are
    padded with black at the right and the bottom. Raises VideoError and OSError for what cannot be read.
    """
    if not path.is_dir():
        files = files_of(path)
        try:
            yield next(files)
        finally:
            files.close()
        return
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / f"{path.name}.mkv"
        pictures = [_still(file) for file in files_of(path)]
        height, width = (max(one.shape[axis] for one in pictures) for axis in (0, 1))
        padded = (
            np.pad(one, ((0, height - one.shape[0]), (0, width - one.shape[1]), (0, 0))) for one in pictures
        )
        timed = ((picture, number / SEQUENCE_RATE) for number, picture in enumerate(padded))
        write_lossless(video, timed, time_base=1 / SEQUENCE_RATE)
        yield video


def write_lossless(path: Path, frames: Iterable[tuple[Picture, Fraction]], *, time_base: Fraction) -> None:
    """Write [H,W,3] uint8 RGB frames of one size, each shown from its time in seconds on, as FFV1.

    They are read back to the very bytes. Times are rounded to the `time_base`.
    """
    with av.open(str(path), "w") as container:
        stream = None
        for picture, seconds in frames:
            if stream is None:
                stream = container.add_stream("ffv1")
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "bgr0"
                stream.codec_context.time_base = time_base
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame = frame.reformat(format="bgr0")
            frame.pts, frame.time_base = round(seconds / time_base), time_base
            container.mux(stream.encode(frame))
        if stream is None:
            raise ValueError(f"no frame was written to {path}")
        container.mux(stream.encode(None))


def _still(path: Path) -> Picture:
    """[H,W,3] uint8 RGB, upright."""
    with open_video(path) as reader:
        for batch in reader.batches(1):
            picture: Picture = batch.data[0]
            return picture
    raise UnreadableVideoError(path, "holds no picture", "unpack it again")
