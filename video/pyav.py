"""The default reader: PyAV, sequential, with exact presentation times."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType

import av
import numpy as np
import numpy.typing as npt

from video.batching import Batcher
from video.colour import RgbConverter
from video.decoding import Tally, decoded_frames
from video.errors import RefusedVideoError, UnreadableVideoError, printable
from video.frames import Delivery, FrameBatch, VideoInfo
from video.geometry import frame_orientation, square_pixel_size
from video.opening import open_container
from video.reader import Limits
from video.sampling import Sampling, Timed
from video.streams import choose_stream, declared_duration, frame_rate, measured_duration, prepare_decoder

log = logging.getLogger(__name__)


class PyAvReader:
    """Reads one video stream of a file from its first frame to its last; see `VideoReader`."""

    def __init__(self, path: Path, *, sampling: Sampling, limits: Limits) -> None:
        self._path = path
        self._sampling = sampling
        self._limits = limits
        self._converter = RgbConverter()
        self._warnings: list[str] = []
        self._tally = Tally()
        self._decoded = 0
        self._sampled = 0
        self._untimed = 0
        self._last_seconds: Fraction | None = None
        self._delivery: Delivery | None = None
        with ExitStack() as stack:
            self._container = stack.enter_context(open_container(path, max_pixels=limits.max_pixels))
            self._stream, choice = choose_stream(path, self._container)
            if choice is not None:
                self._warn(choice)
            self._time_base = self._stream.time_base or Fraction(1, 1000)
            self._check_size(self._stream.width, self._stream.height)
            self._duration = declared_duration(self._container, self._stream)
            self._check_duration(self._duration)
            prepare_decoder(self._stream, max_pixels=limits.max_pixels)
            self._frames = self._timed_frames()
            # Only a decoded frame says how the stored picture is turned.
            self._first = next(self._frames, None)
            if self._first is None:
                raise UnreadableVideoError(path, "holds no picture that decodes", "check that it is complete")
            self._info = self._describe(self._first.frame)
            self._stack = stack.pop_all()

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._warnings)

    @property
    def delivery(self) -> Delivery:
        if self._delivery is None:
            raise RuntimeError("what was delivered is known once all batches have been read")
        return self._delivery

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """See `VideoReader.batches`."""
        if self._first is None:
            raise RuntimeError("the frames of a reader can be read once")
        frames = chain((self._first,), self._frames)
        self._first = None
        duration = self._duration
        if self._sampling.needs_duration and duration is None:
            duration = measured_duration(self._path, self._stream.index, max_pixels=self._limits.max_pixels)
        batcher = Batcher(size, self._time_base)
        for chosen in self._sampling.select(frames, duration):
            self._sampled += 1
            yield from batcher.add(
                self._upright_rgb(chosen.frame), chosen.index, int(chosen.seconds / self._time_base)
            )
        yield from batcher.rest()
        self._conclude()

    def close(self) -> None:
        self._frames.close()
        self._stack.close()

    def __enter__(self) -> PyAvReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _timed_frames(self) -> Generator[Timed[av.VideoFrame], None, None]:
        """Every frame of the stream with its number and time, within the limits."""
        start: Fraction | None = None
        for frame in decoded_frames(self._container, self._stream, self._tally):
            seconds = self._seconds(frame)
            start = seconds if start is None else start
            self._check_size(frame.width, frame.height)
            self._check_duration(seconds - start)
            if self._decoded >= self._limits.max_frames:
                raise RefusedVideoError(
                    self._path, f"has more than {self._limits.max_frames} frames", "cut it into parts"
                )
            self._last_seconds = seconds
            self._decoded += 1
            yield Timed(self._decoded - 1, seconds, frame)

    def _seconds(self, frame: av.VideoFrame) -> Fraction:
        if frame.pts is not None:
            return frame.pts * self._time_base
        self._untimed += 1
        if self._last_seconds is None:
            return Fraction(0)
        rate = frame_rate(self._stream) or Fraction(25)
        return self._last_seconds + 1 / rate

    def _upright_rgb(self, frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
        width, height = square_pixel_size(frame.width, frame.height, self._stream.sample_aspect_ratio)
        return frame_orientation(frame).apply(self._converter.convert(frame, width, height))

    def _describe(self, frame: av.VideoFrame) -> VideoInfo:
        orientation = frame_orientation(frame)
        if not orientation.exact:
            self._warn("the display matrix is tilted; turned to the nearest right angle")
        width, height = square_pixel_size(frame.width, frame.height, self._stream.sample_aspect_ratio)
        if orientation.swaps_sides:
            width, height = height, width
        return VideoInfo(
            path=self._path,
            container=self._container.format.name,
            codec=self._stream.codec_context.codec.canonical_name,
            width=width,
            height=height,
            rotation_degrees=orientation.clockwise_degrees,
            frame_rate=frame_rate(self._stream),
            time_base=self._time_base,
            frame_count=self._stream.frames or None,
            duration_seconds=None if self._duration is None else float(self._duration),
            has_audio=bool(self._container.streams.audio),
            stream_index=self._stream.index,
        )

    def _conclude(self) -> None:
        declared = self._stream.frames or None
        if self._tally.at_end and declared is not None:
            missing = declared - self._decoded - self._tally.discarded_packets
            if missing > 0:
                self._warn(f"{self._decoded} of {declared} declared frames came out: {missing} are missing")
        if self._tally.damaged_packets:
            self._warn(f"{self._tally.damaged_packets} damaged packets were dropped")
        self._delivery = Delivery(declared, self._decoded, self._sampled, self.warnings)

    def _check_size(self, width: int, height: int) -> None:
        width, height = square_pixel_size(width, height, self._stream.sample_aspect_ratio)
        if width * height > self._limits.max_pixels:
            cause = f"has {width}x{height} pixels, more than the limit of {self._limits.max_pixels}"
            raise RefusedVideoError(self._path, cause, "scale it down")

    def _check_duration(self, seconds: Fraction | None) -> None:
        if seconds is not None and seconds > self._limits.max_seconds:
            cause = f"lasts {float(seconds):.0f} s, more than the limit of {self._limits.max_seconds} s"
            raise RefusedVideoError(self._path, cause, "cut it into parts")

    def _warn(self, sentence: str) -> None:
        log.warning("%s: %s", printable(self._path), sentence)
        self._warnings.append(sentence)
