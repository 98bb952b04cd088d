"""The decode loop: packets in, frames in presentation order out, damage counted."""

from __future__ import annotations

from collections.abc import Generator

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from video.tally import Tally


def decoded_frames(
    container: InputContainer, stream: VideoStream, tally: Tally
) -> Generator[av.VideoFrame, None, None]:
    """Every frame that the decoder gives; what cannot be read is counted in `tally`, not raised."""
    try:
        for packet in container.demux(stream):
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
    except av.error.FFmpegError as error:
        tally.stopped_by = error.strerror or type(error).__name__
    tally.at_end = True
