"""What a file declares about itself: facts for the report, read without decoding more than a few frames."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import PictureType
from av.video.stream import VideoStream

from video.facts import Colour, GroupOfPictures, Probe, StreamFacts
from video.geometry import Orientation, frame_orientation, side_data
from video.h273 import MATRICES, PRIMARIES, RANGES, TRANSFERS
from video.opening import open_container
from video.reader import DEFAULT_LIMITS
from video.stills import Still, read_still
from video.streams import choose_stream, declared_duration, frame_rate, prepare_decoder, stream_duration

log = logging.getLogger(__name__)

# Enough for several groups of pictures of common encoders (12 to 250 frames) at a bounded cost.
PACKETS_EXAMINED = 600
FRAMES_EXAMINED = 48

# Tags in which containers name the program that wrote them.
_ENCODER_TAGS = ("encoder", "encoded_by", "software", "com.apple.quicktime.software", "handler_name")
_CREATION_TAGS = ("creation_time", "com.apple.quicktime.creationdate", "datetime", "date")
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
# AVFieldOrder: which field is stored first and which is shown first.
_FIELD_ORDERS = {
    1: "progressive",
    2: "top field first",
    3: "bottom field first",
    4: "top field stored first, bottom shown first",
    5: "bottom field stored first, top shown first",
}


def probe(path: str | os.PathLike[str]) -> Probe:
    """Read the declarations of a video or still image; at most `PACKETS_EXAMINED` packets are looked at.

    Raises `UnreadableVideoError` or `RefusedVideoError` as `open_video` does.
    """
    path = Path(path)
    still = read_still(path, DEFAULT_LIMITS)
    return _probe_video(path) if still is None else _probe_still(path, still)


def _probe_still(path: Path, still: Still) -> Probe:
    height, width = still.picture.shape[:2]
    if still.orientation.swaps_sides:
        width, height = height, width
    tags = dict(still.tags)
    return Probe(
        path=path,
        container=still.file_format,
        codec=still.file_format,
        profile=None,
        pixel_format=still.pixel_format,
        bits_per_component=None,
        width=width,
        height=height,
        colour=Colour(None, None, None, None),
        duration_seconds=None,
        frame_rate=None,
        frame_count=1,
        time_base=None,
        start_seconds=None,
        bit_rate=None,
        rotation_degrees=still.orientation.clockwise_degrees,
        mirrored=still.orientation.mirrored,
        sample_aspect_ratio=None,
        field_order=None,
        group_of_pictures=GroupOfPictures("I", 1, (0,)),
        encoders=_distinct(tags, _ENCODER_TAGS),
        creation_time=next(iter(_distinct(tags, _CREATION_TAGS)), None),
        tags=still.tags,
        stream_index=0,
        streams=(),
    )


def _probe_video(path: Path) -> Probe:
    max_pixels = DEFAULT_LIMITS.max_pixels
    with open_container(path, max_pixels=max_pixels) as container:
        stream, _ = choose_stream(path, container)
        prepare_decoder(stream, max_pixels=max_pixels)
        pictures, first = _group_of_pictures(container, stream)
        orientation = Orientation() if first is None else frame_orientation(first)
        duration = declared_duration(container, stream)
        context = stream.codec_context
        tags = {**container.metadata, **stream.metadata}
        return Probe(
            path=path,
            container=container.format.name,
            codec=context.codec.canonical_name,
            profile=stream.profile,
            pixel_format=context.pix_fmt,
            bits_per_component=context.format.components[0].bits if context.format else None,
            width=stream.width,
            height=stream.height,
            colour=_colour(stream),
            duration_seconds=None if duration is None else float(duration),
            frame_rate=frame_rate(stream),
            frame_count=stream.frames or None,
            time_base=stream.time_base,
            start_seconds=_start_seconds(stream),
            bit_rate=stream.bit_rate or None,
            rotation_degrees=orientation.clockwise_degrees,
            mirrored=orientation.mirrored,
            sample_aspect_ratio=stream.sample_aspect_ratio or None,
            field_order=_FIELD_ORDERS.get(context.field_order),
            group_of_pictures=pictures,
            encoders=_distinct(tags, _ENCODER_TAGS) + _encoder_note(first),
            creation_time=next(iter(_distinct(tags, _CREATION_TAGS)), None),
            tags=tuple(container.metadata.items()),
            stream_index=stream.index,
            streams=tuple(_stream_facts(each) for each in container.streams),
        )


def _group_of_pictures(
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
        log.info("examining the first packets stopped: %s", error)
    return GroupOfPictures("".join(types[:FRAMES_EXAMINED]), packets, tuple(keyframes)), first


def _decode(packet: Packet[VideoStream]) -> list[av.VideoFrame]:
    try:
        return packet.decode()
    except (av.error.InvalidDataError, av.error.ArgumentError):
        return []


def _encoder_note(frame: av.VideoFrame | None) -> tuple[str, ...]:
    """The text that x264, x265 and others hide in the picture data: their version and all settings."""
    notes = [data for kind, data in side_data(frame) if kind == _NOTE_KIND] if frame is not None else []
    texts = (note[_NOTE_ID_BYTES:].split(b"\0")[0].decode("utf-8", "replace") for note in notes)
    return tuple(text for text in texts if len(text) > 1 and text.isprintable())


def _colour(stream: VideoStream) -> Colour:
    return Colour(
        PRIMARIES.get(stream.color_primaries),
        TRANSFERS.get(stream.color_trc),
        MATRICES.get(stream.colorspace),
        RANGES.get(stream.color_range),
    )


def _start_seconds(stream: VideoStream) -> float | None:
    if stream.start_time is None or stream.time_base is None:
        return None
    return float(stream.start_time * stream.time_base)


def _distinct(tags: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, ...]:
    lowered = {key.lower(): value for key, value in tags.items()}
    return tuple(dict.fromkeys(lowered[name] for name in names if lowered.get(name)))


def _stream_facts(stream: Stream) -> StreamFacts:
    duration = stream_duration(stream)
    context = stream.codec_context
    return StreamFacts(
        index=stream.index,
        kind=stream.type,
        codec=context.codec.canonical_name if context is not None else None,
        profile=stream.profile,
        language=stream.language,
        dispositions=tuple(flag.name for flag in Disposition if stream.disposition & flag and flag.name),
        duration_seconds=None if duration is None else float(duration),
        width=stream.width if isinstance(stream, VideoStream) else None,
        height=stream.height if isinstance(stream, VideoStream) else None,
        tags=tuple(stream.metadata.items()),
    )


__all__ = [
    "FRAMES_EXAMINED",
    "PACKETS_EXAMINED",
    "Colour",
    "GroupOfPictures",
    "Probe",
    "StreamFacts",
    "probe",
]
