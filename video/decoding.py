"""The decode loop: packets in, frames in presentation order out, and a tally of what went wrong."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream


@dataclass
class Tally:
    """What the decode loop met. `at_end` says that it ran to the end of the file."""

    packets: int = 0
    damaged_packets: int = 0
    damaged_frames: int = 0
    discarded_packets: int = 0
    stopped_by: str | None = None
    at_end: bool = False


def decoded_frames(
    container: InputContainer, stream: VideoStream, tally: Tally
) -> Generator[av.VideoFrame, None, None]:
    """Every frame that the decoder gives, damaged packets counted in `tally` rather than raised."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                tally.packets += 1
                tally.discarded_packets += packet.is_discard
            try:
                frames = packet.decode()
            except (av.error.InvalidDataError, av.error.ArgumentError):
                tally.damaged_packets += 1
                continue
            tally.damaged_packets += packet.is_corrupt
            for frame in frames:
                tally.damaged_frames += frame.is_corrupt
                yield frame
    except av.error.FFmpegError as error:
        tally.stopped_by = error.strerror or type(error).__name__
    tally.at_end = True
