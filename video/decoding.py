"""The decode loop: packets in, frames in presentation order out, timed, within limits, damage counted."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from video.deinterlace import deinterlaced
from video.errors import UnreadableVideoError
from video.frames import Timed
from video.geometry import square_pixel_size
from video.heartbeat import beat
from video.reader import Limits
from video.streams import DEFAULT_FRAME_RATE, frame_rate
from video.tally import Tally

# For streams that give none; fine enough for any frame rate.
DEFAULT_TIME_BASE = Fraction(1, 1_000_000)


def decoded_frames(
    container: InputContainer, stream: VideoStream, tally: Tally
) -> Generator[av.VideoFrame, None, None]:
    """Every frame that the decoder gives; what cannot be read is counted in `tally`, not raised.

    Raises MemoryError: how far a file comes must not depend on the machine.
    """
    try:
        for packet in container.demux(stream):
            beat()
            # An empty packet ends the stream and brings out the frames held back for reordering.
            tally.discarded_packets += bool(packet.size and packet.is_discard)
            try:
                frames = packet.decode()
            except (av.error.InvalidDataError, av.error.ArgumentError):
                tally.undecodable_packets += 1
                continue
            for frame in frames:
                if frame.is_corrupt:
                    tally.damage(None if frame.pts is None else frame.pts * packet.time_base)
                yield frame
    except MemoryError:
        raise
    except av.error.FFmpegError as error:
        tally.stopped_by = error.strerror or type(error).__name__
    tally.at_end = True


def _within_memory(path: Path, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    try:
        yield from frames
    except MemoryError as error:
        cause = "asks for more memory than there is for decoding"
        raise UnreadableVideoError(path, cause, "check that it is complete or scale it down") from error


def stream_time_base(stream: VideoStream) -> Fraction:
    """The unit of the stream's times in seconds."""
    return stream.time_base or DEFAULT_TIME_BASE


def timed_frames(
    path: Path, container: InputContainer, stream: VideoStream, tally: Tally, *, limits: Limits
) -> Generator[Timed[av.VideoFrame], None, None]:
    """Every frame of the stream, deinterlaced, with its number and time; counted in `tally`.

    Raises `RefusedVideoError` at the first frame that exceeds `limits`, and `UnreadableVideoError` where
    memory runs out.
    """
    time_base = stream_time_base(stream)
    step = round(1 / (frame_rate(stream) or DEFAULT_FRAME_RATE) / time_base) * time_base
    for frame in deinterlaced(_within_memory(path, decoded_frames(container, stream, tally))):
        seconds = tally.time(None if frame.pts is None else frame.pts * time_base, step=step)
        limits.check_size(path, *square_pixel_size(frame.width, frame.height, stream.sample_aspect_ratio))
        limits.check_frames(path, tally.frames)
        limits.check_duration(path, tally.span_seconds)
        yield Timed(tally.frames - 1, seconds, frame)
