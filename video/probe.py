"""What a file declares about itself: facts for the report, read without decoding more than a few frames."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import PictureType
from av.video.stream import VideoStream

from video.geometry import Orientation, frame_orientation
from video.h273 import MATRICES, PRIMARIES, RANGES, TRANSFERS
from video.opening import open_container
from video.reader import DEFAULT_LIMITS
from video.streams import choose_stream, declared_duration, frame_rate, prepare_decoder, stream_duration

log = logging.getLogger(__name__)

# Enough for several groups of pictures of common encoders (12 to 250 frames) at a bounded cost.
PACKETS_EXAMINED = 600
FRAMES_EXAMINED = 48

# Tags in which containers name the program that wrote them.
_ENCODER_TAGS = ("encoder", "encoded_by", "software", "com.apple.quicktime.software", "handler_name")
_CREATION_TAGS = ("creation_time", "com.apple.quicktime.creationdate", "date")
_PICTURE_LETTERS = {
    PictureType.I: "I",
    PictureType.P: "P",
    PictureType.B: "B",
    PictureType.SI: "I",
    PictureType.SP: "P",
    PictureType.BI: "B",
}
UNKNOWN_PICTURE = "?"
# AVFieldOrder: which field is stored first and which is shown first.
_FIELD_ORDERS = {
    1: "progressive",
    2: "top field first",
    3: "bottom field first",
    4: "top field stored first, bottom shown first",
    5: "bottom field stored first, top shown first",
}


@dataclass(frozen=True)
class StreamFacts:
    """One stream of the container as declared; fields that do not apply or are absent are `None`."""

    index: int
    kind: str
    codec: str | None
    profile: str | None
    language: str | None
    dispositions: tuple[str, ...]
    duration_seconds: float | None
    width: int | None
    height: int | None
    tags: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Colour:
    """ITU-T H.273 names of how sample values mean colours; `None` where the stream does not say."""

    primaries: str | None
    transfer: str | None
    matrix: str | None
    range: str | None


@dataclass(frozen=True)
class GroupOfPictures:
    """How the first frames and packets are arranged.

    `frame_types` are the types (I, P, B, ?) of the first frames in presentation order;
    `keyframe_packets` the positions of the keyframes among the first `packets` packets, in file order;
    `keyframe_intervals` the distances between them.
    """

    frame_types: str
    packets: int
    keyframe_packets: tuple[int, ...]

    @property
    def keyframe_intervals(self) -> tuple[int, ...]:
        return tuple(later - earlier for earlier, later in pairwise(self.keyframe_packets))


@dataclass(frozen=True)
class Probe:
    """The declared facts of a video file and its chosen stream; `None` where a fact is absent."""

    path: Path
    container: str
    codec: str
    profile: str | None
    pixel_format: str | None
    bits_per_component: int | None
    width: int
    height: int
    colour: Colour
    duration_seconds: float | None
    frame_rate: Fraction | None
    frame_count: int | None
    time_base: Fraction | None
    start_seconds: float | None
    bit_rate: int | None
    rotation_degrees: int
    mirrored: bool
    sample_aspect_ratio: Fraction | None
    field_order: str | None
    group_of_pictures: GroupOfPictures
    encoders: tuple[str, ...]
    creation_time: str | None
    tags: tuple[tuple[str, str], ...]
    stream_index: int
    streams: tuple[StreamFacts, ...]


def probe(path: str | os.PathLike[str]) -> Probe:
    """Read the declarations of a video file; at most `PACKETS_EXAMINED` packets are looked at.

    Raises `UnreadableVideoError` or `RefusedVideoError` as `open_video` does.
    """
    path = Path(path)
    max_pixels = DEFAULT_LIMITS.max_pixels
    with open_container(path, max_pixels=max_pixels) as container:
        stream, _ = choose_stream(path, container)
        prepare_decoder(stream, max_pixels=max_pixels)
        pictures, orientation = _group_of_pictures(container, stream)
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
            encoders=_distinct(tags, _ENCODER_TAGS),
            creation_time=next(iter(_distinct(tags, _CREATION_TAGS)), None),
            tags=tuple(container.metadata.items()),
            stream_index=stream.index,
            streams=tuple(_stream_facts(each) for each in container.streams),
        )


def _group_of_pictures(container: InputContainer, stream: VideoStream) -> tuple[GroupOfPictures, Orientation]:
    types: list[str] = []
    keyframes: list[int] = []
    packets = 0
    orientation = Orientation()
    try:
        for packet in islice(container.demux(stream), PACKETS_EXAMINED):
            if packet.size:
                if packet.is_keyframe:
                    keyframes.append(packets)
                packets += 1
            if len(types) >= FRAMES_EXAMINED:
                continue
            for frame in _decode(packet):
                orientation = orientation if types else frame_orientation(frame)
                types.append(_PICTURE_LETTERS.get(PictureType(frame.pict_type), UNKNOWN_PICTURE))
    except av.error.FFmpegError as error:
        # A file that breaks off still has its declarations; reading its frames will say what is missing.
        log.info("examining the first packets stopped: %s", error)
    return GroupOfPictures("".join(types[:FRAMES_EXAMINED]), packets, tuple(keyframes)), orientation


def _decode(packet: Packet[VideoStream]) -> list[av.VideoFrame]:
    try:
        return packet.decode()
    except (av.error.InvalidDataError, av.error.ArgumentError):
        return []


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
