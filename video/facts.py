"""The facts that a file declares about itself, as `video.probe` finds them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path


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
