"""The default reader: PyAV, sequential, with exact presentation times."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import av.error
import numpy as np
import numpy.typing as npt

from video.batching import Batcher
from video.colour import RgbConverter, colour_warnings
from video.decoding import stream_time_base, timed_frames
from video.errors import UnreadableVideoError, printable
from video.frames import Delivery, FrameBatch, Shot, Timed, VideoInfo
from video.geometry import Orientation, frame_orientation, square_pixel_size
from video.opening import open_container
from video.reader import Limits, ReaderBase
from video.sampling import Sampling
from video.shots import SmallPictures, with_shots
from video.spread import ShotSpan, shot_spans
from video.streams import choose_stream, declared_duration, frame_rate, prepare_decoder
from video.tally import Tally, shortcomings

LOGGER = logging.getLogger(__name__)


class PyAvReader(ReaderBase):
    """Reads one video stream of a file from its first frame to its last; see `VideoReader`."""

    def __init__(self, path: Path, *, sampling: Sampling, limits: Limits) -> None:
        self._path = path
        self._sampling = sampling
        self._limits = limits
        self._converter = RgbConverter()
        self._warnings: list[str] = []
        self._tally = Tally()
        self._orientation: tuple[int, Orientation] | None = None
        with ExitStack() as stack:
            self._container = stack.enter_context(open_container(path, max_pixels=limits.max_pixels))
            self._stream, choice = choose_stream(path, self._container)
            self._time_base = stream_time_base(self._stream)
            self._frame_rate = frame_rate(self._stream)
            self._frame_count = self._stream.frames or None
            self._duration = declared_duration(self._container, self._stream)
            self._check_declarations()
            prepare_decoder(self._stream, max_pixels=limits.max_pixels)
            self._frames = timed_frames(path, self._container, self._stream, self._tally, limits=limits)
            # Only a decoded frame says how the stored picture is turned.
            self._first = next(self._frames, None)
            if self._first is None:
                raise UnreadableVideoError(path, "holds no picture that decodes", "check that it is complete")
            self._info = self._describe(self._first.frame)
            self._warn([choice] if choice else [], colour_warnings(self._first.frame))
            if not self._orientation_of(self._first.frame).exact:
                self._warn(["tilted by its display matrix; turned to the nearest right angle"])
            self._stack = stack.pop_all()

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._warnings)

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """See `VideoReader.batches`."""
        if self._first is None:
            raise RuntimeError("the frames of a reader can be read once")
        try:
            yield from self._batches(chain((self._first,), self._frames), size)
        except av.error.FFmpegError as error:
            # Decoding counts its errors; what is left comes from scaling and converting the pictures.
            cause = f"holds a picture that cannot be converted to RGB ({error.strerror})"
            raise UnreadableVideoError(self._path, cause, "convert it to H.264") from error

    def _batches(self, decoded: Iterator[Timed[av.VideoFrame]], size: int) -> Iterator[FrameBatch]:
        self._first = None
        spans = self._spans() if self._sampling.needs_spans else None
        shots: list[Shot] = []
        frames = with_shots(decoded, SmallPictures().of, shots)
        batcher = Batcher(size, self._time_base)
        sampled = 0
        shape: tuple[int, ...] | None = None
        for chosen in self._sampling.select(frames, spans):
            rgb = self._upright_rgb(chosen.frame)
            if shape is not None and shape != rgb.shape:
                change = f"the frame size changes to {rgb.shape[1]}x{rgb.shape[0]}"
                self._warn([f"{change} at {float(chosen.seconds):.3f} s"])
            shape = rgb.shape
            sampled += 1
            yield from batcher.add(rgb, chosen.index, int(chosen.seconds / self._time_base), chosen.shot)
        yield from batcher.rest()
        self._warn(
            shortcomings(self._tally, declared_frames=self._frame_count, declared_seconds=self._duration)
        )
        self._delivery = Delivery(self._frame_count, self._tally.frames, sampled, self.warnings, tuple(shots))

    def close(self) -> None:
        self._frames.close()
        self._stack.close()

    def _check_declarations(self) -> None:
        """Refuse what the file itself says is too much, before anything is decoded."""
        self._limits.check_size(self._path, *self._square_size(self._stream.width, self._stream.height))
        self._limits.check_frames(self._path, self._frame_count or 0)
        self._limits.check_duration(self._path, self._duration or Fraction(0))

    def _spans(self) -> list[ShotSpan]:
        """The spans of the shots in the window, from a pass of their own over the file."""
        with open_container(self._path, max_pixels=self._limits.max_pixels) as container:
            stream, _ = choose_stream(self._path, container)
            prepare_decoder(stream, max_pixels=self._limits.max_pixels)
            frames = timed_frames(self._path, container, stream, Tally(), limits=self._limits)
            numbered = with_shots(frames, SmallPictures().of, [])
            return shot_spans(self._sampling.window(numbered))

    def _square_size(self, width: int, height: int) -> tuple[int, int]:
        return square_pixel_size(width, height, self._stream.sample_aspect_ratio)

    def _upright_rgb(self, frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
        width, height = self._square_size(frame.width, frame.height)
        return self._orientation_of(frame).apply(self._converter.convert(frame, width, height))

    def _orientation_of(self, frame: av.VideoFrame) -> Orientation:
        """The frame's orientation, looked up anew when its angle changes."""
        if self._orientation is None or self._orientation[0] != frame.rotation:
            self._orientation = (frame.rotation, frame_orientation(frame))
        return self._orientation[1]

    def _describe(self, frame: av.VideoFrame) -> VideoInfo:
        orientation = self._orientation_of(frame)
        width, height = self._square_size(frame.width, frame.height)
        if orientation.swaps_sides:
            width, height = height, width
        return VideoInfo(
            path=self._path,
            container=self._container.format.name,
            codec=self._stream.codec_context.codec.canonical_name,
            width=width,
            height=height,
            rotation_degrees=orientation.clockwise_degrees,
            mirrored=orientation.mirrored,
            frame_rate=self._frame_rate,
            time_base=self._time_base,
            frame_count=self._frame_count,
            duration_seconds=None if self._duration is None else float(self._duration),
            has_audio=bool(self._container.streams.audio),
            stream_index=self._stream.index,
        )

    def _warn(self, *groups: list[str]) -> None:
        for sentence in chain(*groups):
            LOGGER.warning("%s: %s", printable(self._path), sentence)
            self._warnings.append(sentence)
