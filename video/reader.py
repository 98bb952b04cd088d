"""What a reader of video promises, the limits it keeps to, and the function that opens one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from video.backends import BACKENDS, DEFAULT_BACKEND
from video.errors import RefusedVideoError
from video.frames import Delivery, FrameBatch, VideoInfo
from video.sampling import Sampling

DEFAULT_SAMPLING = Sampling.fps(4)


@dataclass(frozen=True)
class Limits:
    """What a file may cost. A file that declares or delivers more is refused.

    `max_pixels` bounds the area and `max_side_pixels` the longer side of one delivered frame: 8K
    (8192 x 4320) upright or lying passes, while a 740 kB file of 15872 x 15872 pixels, which takes 1.8 GB
    to decode, does not.
    `max_frames` bounds the decoded frames: 8.4 MB can hold 600,000 of them; a day at 10 a second passes.
    `max_seconds` bounds the presentation time from first to last frame: a day and its overlap.
    """

    max_pixels: int = 8192 * 4320
    max_side_pixels: int = 8192
    max_frames: int = 1_000_000
    max_seconds: int = 25 * 3600

    def __post_init__(self) -> None:
        if min(self.max_pixels, self.max_side_pixels, self.max_frames, self.max_seconds) < 1:
            raise ValueError(f"limits must be at least 1: {self}")

    def check_size(self, path: Path, width: int, height: int) -> None:
        """Raise `RefusedVideoError` for frames of too large an area or side."""
        if width * height > self.max_pixels or max(width, height) > self.max_side_pixels:
            limit = f"{self.max_side_pixels} a side and {self.max_pixels} in all"
            cause = f"has frames of {width}x{height} pixels, more than the limit of {limit}"
            raise RefusedVideoError(path, cause, "scale it down")

    def check_frames(self, path: Path, frames: int) -> None:
        """Raise `RefusedVideoError` for more than `max_frames` frames."""
        if frames > self.max_frames:
            cause = f"has {frames} frames or more, above the limit of {self.max_frames}"
            raise RefusedVideoError(path, cause, "cut it into parts")

    def check_duration(self, path: Path, seconds: Fraction) -> None:
        """Raise `RefusedVideoError` for more than `max_seconds` seconds."""
        if seconds > self.max_seconds:
            cause = f"lasts {float(seconds):.0f} s, more than the limit of {self.max_seconds} s"
            raise RefusedVideoError(path, cause, "cut it into parts")


DEFAULT_LIMITS = Limits()


class VideoReader(Protocol):
    """An open video. Use it as a context manager and read its batches once, to the end.

    Frames come upright, with square pixels, in 8-bit BT.709 SDR RGB, in presentation order.
    """

    @property
    def info(self) -> VideoInfo: ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong so far without stopping the reading, as sentences for the report."""
        ...

    @property
    def delivery(self) -> Delivery:
        """What was really given; raises `RuntimeError` before `batches` is exhausted."""
        ...

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """The sampled frames, at most `size` at a time; a change of frame size closes a batch early.

        Raises `UnreadableVideoError` or `RefusedVideoError` when the file fails on the way.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> VideoReader: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class ReaderBase:
    """What readers do alike: tell what they delivered once it is known, and close at the end of a block."""

    _delivery: Delivery | None = None

    @property
    def delivery(self) -> Delivery:
        """See `VideoReader.delivery`."""
        if self._delivery is None:
            raise RuntimeError("what was delivered is known once all batches have been read")
        return self._delivery

    def close(self) -> None:
        """Let go of the file; a reader that holds nothing open has nothing to do."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_video(
    path: str | os.PathLike[str],
    *,
    sampling: Sampling = DEFAULT_SAMPLING,
    limits: Limits = DEFAULT_LIMITS,
    backend: str = DEFAULT_BACKEND,
) -> VideoReader:
    """Open a video or a still image (a video of one frame) for reading; the file is never written.

    Raises `UnreadableVideoError` when there is no picture to be had, `RefusedVideoError` when the file
    exceeds `limits` or is of a kind that is not accepted (`video.backends` says what each backend
    accepts), and `ValueError` for an unknown backend.
    """
    # The readers import this module's types.
    from video.stills import StillReader, read_still

    if backend not in BACKENDS:
        raise ValueError(f"there is no video backend {backend!r}; choose from {', '.join(BACKENDS)}")
    path = Path(path)
    still = read_still(path, limits)
    if still is not None:
        return StillReader(path, still, sampling=sampling)
    if backend == "decord":
        from video.decord import DecordReader

        return DecordReader(path, sampling=sampling, limits=limits)
    from video.pyav import PyAvReader

    return PyAvReader(path, sampling=sampling, limits=limits)
