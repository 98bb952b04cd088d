"""What the first packets and frames of a stream tell: how they are arranged, and the encoder's own note."""

from __future__ import annotations

import logging
from itertools import islice

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import PictureType
from av.video.stream import VideoStream

from video.facts import GroupOfPictures
from video.geometry import side_data

LOGGER = logging.getLogger(__name__)

# Enough for several groups of pictures of common encoders (12 to 250 frames) at a bounded cost.
PACKETS_EXAMINED = 600
FRAMES_EXAMINED = 48
_PICTURE_LETTERS = {
    PictureType.I: "I",
    PictureType.P: "P",
    PictureType.B: "B",
    PictureType.SI: "I",
    PictureType.SP: "P",
    PictureType.BI: "B",
}
UNKNOWN_PICTURE = "?"
# A free text in H.264 and HEVC comes behind 16 bytes that say whose it is.
_NOTE_KIND = "SEI_UNREGISTERED"
_NOTE_ID_BYTES = 16


def group_of_pictures(
    container: InputContainer, stream: VideoStream
) -> tuple[GroupOfPictures, av.VideoFrame | None]:
    """How the first packets and frames are arranged, and the first frame if one decodes."""
    types: list[str] = []
    keyframes: list[int] = []
    packets = 0
    first: av.VideoFrame | None = None
    try:
        for packet in islice(container.demux(stream), PACKETS_EXAMINED):
            if packet.size:
                if packet.is_keyframe:
                    keyframes.append(packets)
                packets += 1
            if len(types) >= FRAMES_EXAMINED:
                continue
            for frame in _decode(packet):
                first = first or frame
                types.append(_PICTURE_LETTERS.get(PictureType(frame.pict_type), UNKNOWN_PICTURE))
    except av.error.FFmpegError as error:
        # A file that breaks off still has its declarations; reading its frames will say what is missing.
        LOGGER.info("examining the first packets stopped: %s", error)
    return GroupOfPictures("".join(types[:FRAMES_EXAMINED]), packets, tuple(keyframes)), first


def _decode(packet: Packet[VideoStream]) -> list[av.VideoFrame]:
    try:
        return packet.decode()
    except (av.error.InvalidDataError, av.error.ArgumentError):
        return []


def encoder_note(frame: av.VideoFrame | None) -> tuple[str, ...]:
    """The text that x264, x265 and others hide in the picture data: their version and all settings."""
    notes = [data for kind, data in side_data(frame) if kind == _NOTE_KIND] if frame is not None else []
    texts = (note[_NOTE_ID_BYTES:].split(b"\0")[0].decode("utf-8", "replace") for note in notes)
    return tuple(text for text in texts if len(text) > 1 and text.isprintable())
