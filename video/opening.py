"""Opening a file for reading: regular files only, known formats only, and nothing beside the file itself."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import av
import av.container
import av.error

from video.errors import RefusedVideoError, UnreadableVideoError

# Containers that hold their own pictures. Left out: everything that names other files or hosts
# (playlists, concat scripts, SDP, DASH, image sequences), that scripts FFmpeg, or that guesses at raw data.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "flv", "asf",
    "ogg", "mxf", "dv", "ivf", "obu", "av1", "h264", "hevc", "gif", "apng", "dhav",
)  # fmt: skip

# Decoders for what cameras, phones, editors and platforms write; rare and unmaintained ones stay shut.
CODECS = (
    "h264", "hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "libdav1d", "av1", "libaom-av1", "vvc",
    "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v2", "msmpeg4", "h263", "flv", "wmv1", "wmv2", "wmv3", "vc1",
    "theora", "mjpeg", "prores", "dnxhd", "ffv1", "huffyuv", "ffvhuff", "utvideo", "dvvideo", "rawvideo",
    "png", "apng", "gif",
)  # fmt: skip

FORMAT_REMEDY = "convert it to MP4, MKV or AVI"
# Large enough that the callback into Python costs nothing measurable, small beside one frame.
READ_BYTES = 1 << 18


class _Bytes:
    """The bytes of an open file without its name: the name must not decide how they are parsed."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self.read = self._file.read
        self.tell = self._file.tell

    def seek(self, offset: int, whence: int) -> int:
        """As FFmpeg wants it: a place that is none, which damaged files name, is a number below 0."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -errno.EINVAL

    def close(self) -> None:
        self._file.close()


def open_regular(path: str | os.PathLike[str]) -> int:
    """A read-only descriptor of a regular, non-empty file; symbolic links to one are followed.

    Raises `UnreadableVideoError` where there is none, `RefusedVideoError` for pipes, devices and sockets.
    """
    # Without O_NONBLOCK, opening a FIFO would wait for a writer before it can be refused.
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    )
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableVideoError(path, "is a directory", "give a video file")
        if not stat.S_ISREG(mode):
            raise RefusedVideoError(path, "is no regular file", "copy its content to a file first")
        descriptor = os.open(path, flags)
    except FileNotFoundError as error:
        raise UnreadableVideoError(path, "does not exist", "check the path") from error
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnreadableVideoError(
            path, f"cannot be opened ({cause})", "check path and permissions"
        ) from error
    # The file may have been exchanged since the first look: what counts is what is open now.
    opened = os.fstat(descriptor)
    if stat.S_ISREG(opened.st_mode) and opened.st_size > 0:
        return descriptor
    os.close(descriptor)
    if stat.S_ISREG(opened.st_mode):
        raise UnreadableVideoError(path, "is empty", "copy it again from its source")
    raise RefusedVideoError(path, "is no regular file", "copy its content to a file first")


@contextmanager
def open_container(path: Path, *, max_pixels: int) -> Iterator[av.container.InputContainer]:
    """The file as a demuxer that reads this one file, whatever the file asks for.

    FFmpeg is given bytes and no name, whitelists of formats and codecs, and an opener that refuses.
    `max_pixels` bounds what a decoder may allocate while the format is being found out.
    """
    source = _Bytes(open_regular(path))
    try:
        with _opened(path, source, max_pixels=max_pixels) as container:
            yield container
    finally:
        source.close()


def _opened(path: Path, source: _Bytes, *, max_pixels: int) -> av.container.InputContainer:
    def refuse(url: str, _flags: int, _options: dict[str, str]) -> NoReturn:
        raise PermissionError(f"the file asks for another one: {url}")

    options: dict[str, Any] = {
        "format_whitelist": ",".join(FORMATS),
        "codec_whitelist": ",".join(CODECS),
        # No protocol is needed: the bytes come from the descriptor.
        "protocol_whitelist": "",
        "max_pixels": str(max_pixels),
    }
    try:
        return av.open(
            source, "r", options=options, buffer_size=READ_BYTES, metadata_errors="replace", io_open=refuse
        )
    except av.error.ArgumentError as error:
        # What FFmpeg answers when the content is of a format that is not on the whitelist.
        raise RefusedVideoError(path, "is of a format that is not accepted", FORMAT_REMEDY) from error
    except (av.error.FFmpegError, PermissionError) as error:
        cause = f"is no readable video ({_reason(error)})"
        raise UnreadableVideoError(path, cause, "check that it is complete and a video") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
