"""Which stream of a container is read, and what the container declares about it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from video.errors import RefusedVideoError, UnreadableVideoError
from video.heartbeat import beat
from video.opening import CODECS, open_container

# FFmpeg counts the duration of a container in microseconds.
CONTAINER_TIME_BASE = Fraction(1, 1_000_000)
# What FFmpeg assumes of streams that say nothing.
DEFAULT_FRAME_RATE = Fraction(25)
# Brands of HEIF and AVIF stills: the streams of such files are tiles of one picture.
IMAGE_BRANDS = ("heic", "heix", "mif1", "avif")
# Cover art and thumbnails are pictures of the film, not the film.
_NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


def choose_stream(path: Path, container: InputContainer) -> tuple[VideoStream, str | None]:
    """The video stream to read, and a warning naming it where there was a choice.

    The stream marked as default comes first, then the one with the most pixels, then the first. Attached
    pictures are no candidates. Raises `UnreadableVideoError` or `RefusedVideoError`.
    """
    films = [stream for stream in container.streams.video if not stream.disposition & _NO_FILM]
    if not films:
        kinds = sorted({_kind(stream) for stream in container.streams}) or ["no streams"]
        raise UnreadableVideoError(path, f"holds no video, only {', '.join(kinds)}", "give a file with video")
    if len(films) > 1 and container.metadata.get("major_brand") in IMAGE_BRANDS:
        cause = "is a HEIF picture in tiles, which would be read as one of them"
        raise RefusedVideoError(path, cause, "convert it to JPEG or PNG")
    readable = [stream for stream in films if _decodable(stream)]
    if not readable:
        codec = films[0].codec_context.name if films[0].codec_context is not None else "an unknown codec"
        raise RefusedVideoError(path, f"is coded in {codec}, which is not accepted", "convert it to H.264")
    chosen = min(readable, key=_rank)
    if len(films) == 1:
        return chosen, None
    return chosen, (
        f"{len(films)} video streams; reading stream {chosen.index} "
        f"({chosen.codec_context.name}, {chosen.width}x{chosen.height})"
    )


def _kind(stream: Stream) -> str:
    return "an attached picture" if stream.type == "video" else stream.type


def _decodable(stream: VideoStream) -> bool:
    return stream.codec_context is not None and stream.codec_context.name in CODECS


def _rank(stream: VideoStream) -> tuple[bool, int, int]:
    return not stream.disposition & Disposition.default, -stream.width * stream.height, stream.index


def prepare_decoder(stream: VideoStream, *, max_pixels: int) -> None:
    """Set threads and the decoder's own limit on the picture size, before the first packet.

    One thread: with more, FFmpeg's H.264 decoder conceals damage differently from run to run, and sound
    files decode no cheaper (1.1 s of processor time for 300 frames of 1080p either way).
    """
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(max_pixels)}


def frame_rate(stream: VideoStream) -> Fraction | None:
    """The declared mean frame rate, or what the time stamps suggest."""
    return stream.average_rate or stream.guessed_rate or None


def stream_duration(stream: Stream) -> Fraction | None:
    """The duration in seconds that the stream itself declares."""
    if stream.duration is not None and stream.time_base is not None:
        return stream.duration * stream.time_base
    return _clock_seconds(stream.metadata.get("DURATION", ""))


def container_duration(container: InputContainer) -> Fraction | None:
    """The duration in seconds that the container declares: that of its longest stream."""
    return None if container.duration is None else container.duration * CONTAINER_TIME_BASE


def declared_duration(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """The duration in seconds that the stream, else the container, declares."""
    declared = stream_duration(stream)
    return container_duration(container) if declared is None else declared


def _clock_seconds(text: str) -> Fraction | None:
    """Matroska's per-stream tag, such as 00:00:10.040000000, in seconds."""
    parts = text.split(":")
    try:
        hours, minutes, seconds = (Fraction(part) for part in parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds


@dataclass(frozen=True)
class PacketScan:
    """What the packets of a stream say, found by reading the file without decoding it.

    `pts` are the times of the packets to be shown, ascending, in the stream's time base;
    `discarded` counts those that an edit list hides; `untimed` those without a time.
    """

    pts: tuple[int, ...]
    discarded: int
    untimed: int
    duration_seconds: Fraction


def scan_packets(path: Path, stream_index: int, *, max_pixels: int) -> PacketScan:
    """Read all packets of a stream.

    Where packets have no times (raw streams), each counts as one frame of the declared rate.
    """
    pts: list[int] = []
    end = Fraction(0)
    discarded = untimed = 0
    with open_container(path, max_pixels=max_pixels) as container:
        stream = next(each for each in container.streams.video if each.index == stream_index)
        for packet in container.demux(stream):
            beat()
            if packet.size == 0:
                continue
            if packet.is_discard:
                discarded += 1
            elif packet.pts is None:
                untimed += 1
            else:
                pts.append(packet.pts)
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        rate = frame_rate(stream) or DEFAULT_FRAME_RATE
        start = min(pts) * (stream.time_base or Fraction(0)) if pts else Fraction(0)
    return PacketScan(tuple(sorted(pts)), discarded, untimed, end - start if pts else untimed / rate)
