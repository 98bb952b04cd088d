"""Writing RGB frames as a video file: H.264 by default, exact times, and no half-written file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from av.video.stream import VideoStream

from video.audio import AudioTrack

DEFAULT_CODEC = "libx264"
# Visually lossless for x264, so that writing adds no cues of its own.
DEFAULT_CRF = 18
# Code point 1 of ITU-T H.273 is BT.709 for primaries, transfer and matrix alike.
BT709 = 1
# The output of x264 depends on the number of its threads, so the machine must not choose it.
ENCODER_THREADS = 4
_FLAGS = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP | Interpolation.BITEXACT
)


class VideoWriter:
    """Writes frames to `path`; the file appears, whole, when the context ends without an exception.

    The first frame fixes the size. Odd sizes grow by one repeated row or column, as 4:2:0 chroma needs.
    The container follows from the suffix of `path`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        frame_rate: Fraction,
        time_base: Fraction | None = None,
        codec: str = DEFAULT_CODEC,
        crf: int = DEFAULT_CRF,
        sound: AudioTrack | None = None,
    ) -> None:
        """Prepare to write frames at `frame_rate`; times other than its multiples need a `time_base`.

        `sound` is an entered track of another file to carry over.
        """
        if frame_rate <= 0:
            raise ValueError(f"the frame rate must be above 0, not {frame_rate}")
        self._path = Path(path)
        self._frame_rate = frame_rate
        self._time_base = time_base or 1 / frame_rate
        self._codec = codec
        self._crf = crf
        self._sound = sound
        self._packets: Iterator[tuple[Fraction, Packet[AudioStream]]] = iter(())
        self._waiting: tuple[Fraction, Packet[AudioStream]] | None = None
        self._stream: VideoStream | None = None
        self._size = (0, 0)
        self._count = 0
        self._last_pts: int | None = None

    def __enter__(self) -> VideoWriter:
        # In the same folder, because a rename is atomic only within one file system.
        self._temporary = self._path.with_name(f".writing-{os.getpid()}-{self._path.name}")
        # A file of our own: FFmpeg leaves its own open for good where not even the header can be written.
        self._file = self._temporary.open("wb")
        try:
            self._container = av.open(self._file, "w")
        except BaseException:
            self._discard()
            raise
        return self

    def write(self, frame: npt.NDArray[np.uint8], *, seconds: Fraction | None = None) -> None:
        """Append one [H,W,3] uint8 RGB frame, shown from `seconds` on; by default at the frame rate.

        Raises `ValueError` for another shape than the first frame's, and for a time that is not later
        than the last one or is no multiple of the time base.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise ValueError(f"frames must be [H,W,3] uint8, not {frame.shape} {frame.dtype}")
        height, width = frame.shape[:2]
        if self._stream is None:
            self._stream = self._add_stream(width, height)
            if self._sound is not None:
                self._packets = self._sound.attach(self._container) or iter(())
        if (width, height) != self._size:
            raise ValueError(f"the first frame fixed the size {self._size}, this one is {(width, height)}")
        pts = self._pts(self._count / self._frame_rate if seconds is None else seconds)
        even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=_FLAGS,
        )
        picture.pts = pts
        picture.time_base = self._time_base
        picture.color_primaries = ColorPrimaries.BT709
        picture.color_trc = ColorTrc.BT709
        self._container.mux(self._stream.encode(picture))
        self._mux_sound(until=pts * self._time_base)
        self._count += 1
        self._last_pts = pts

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                if self._stream is None:
                    raise ValueError(f"no frame was written to {self._path}")
                self._container.mux(self._stream.encode(None))
                self._mux_sound(until=None)
            self._container.close()
            self._file.close()
            if kind is None:
                os.replace(self._temporary, self._path)
        finally:
            self._discard()

    def _discard(self) -> None:
        """Close and remove what is not finished; nothing where it is."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _mux_sound(self, *, until: Fraction | None) -> None:
        """Write the sound up to a time, all of it for `None`, so that it lies beside its picture."""
        while (waiting := self._waiting or next(self._packets, None)) is not None:
            seconds, packet = waiting
            if until is not None and seconds > until:
                self._waiting = waiting
                return
            self._waiting = None
            self._container.mux(packet)

    def _pts(self, seconds: Fraction) -> int:
        ticks = seconds / self._time_base
        if ticks.denominator != 1:
            raise ValueError(f"{seconds} s is no multiple of the time base {self._time_base} s")
        if self._last_pts is not None and ticks <= self._last_pts:
            raise ValueError(f"a frame at {seconds} s does not follow the one before it")
        return int(ticks)

    def _add_stream(self, width: int, height: int) -> VideoStream:
        options = {"crf": str(self._crf), "threads": str(ENCODER_THREADS)}
        stream: VideoStream = self._container.add_stream(self._codec, self._frame_rate, options=options)  # type: ignore[assignment]
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = self._time_base
        stream.color_primaries = stream.color_trc = stream.colorspace = BT709
        stream.color_range = ColorRange.MPEG
        self._size = (width, height)
        return stream


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[npt.NDArray[np.uint8]],
    *,
    frame_rate: Fraction,
    codec: str = DEFAULT_CODEC,
    crf: int = DEFAULT_CRF,
) -> None:
    """Write [H,W,3] uint8 RGB frames of one size at a constant rate; see `VideoWriter`."""
    with VideoWriter(path, frame_rate=frame_rate, codec=codec, crf=crf) as writer:
        for frame in frames:
            writer.write(frame)
