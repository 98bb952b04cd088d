"""What a file declares about itself: facts for the report, read without decoding more than a few frames."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from video.facts import Colour, GroupOfPictures, Probe, StreamFacts
from video.first_pictures import encoder_note, group_of_pictures
from video.geometry import Orientation, frame_orientation
from video.h273 import MATRICES, PRIMARIES, RANGES, TRANSFERS
from video.opening import open_container
from video.reader import DEFAULT_LIMITS
from video.stills import Still, read_still
from video.streams import choose_stream, declared_duration, frame_rate, prepare_decoder, stream_duration

# Tags in which containers name the program that wrote them.
_ENCODER_TAGS = ("encoder", "encoded_by", "software", "com.apple.quicktime.software", "handler_name")
_CREATION_TAGS = ("creation_time", "com.apple.quicktime.creationdate", "datetime", "date")
# AVFieldOrder: which field is stored first and which is shown first.
_FIELD_ORDERS = {
    1: "progressive",
    2: "top field first",
    3: "bottom field first",
    4: "top field stored first, bottom shown first",
    5: "bottom field stored first, top shown first",
}


def probe(path: str | os.PathLike[str]) -> Probe:
    """Read the declarations of a video or still image; only its first packets are looked at.

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
        pictures, first = group_of_pictures(container, stream)
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
            encoders=_distinct(tags, _ENCODER_TAGS) + encoder_note(first),
            creation_time=next(iter(_distinct(tags, _CREATION_TAGS)), None),
            tags=tuple(container.metadata.items()),
            stream_index=stream.index,
            streams=tuple(_stream_facts(each) for each in container.streams),
        )


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
    # A stream without a decoder has no size either.
    video = stream if isinstance(stream, VideoStream) and context is not None else None
    return StreamFacts(
        index=stream.index,
        kind=stream.type,
        codec=context.codec.canonical_name if context is not None else None,
        profile=stream.profile,
        language=stream.language,
        dispositions=tuple(flag.name for flag in Disposition if stream.disposition & flag and flag.name),
        duration_seconds=None if duration is None else float(duration),
        width=None if video is None else video.width,
        height=None if video is None else video.height,
        tags=tuple(stream.metadata.items()),
    )
