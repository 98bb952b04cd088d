"""The sound of one file carried over into another, packet by packet or, where that cannot be, as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from video.errors import VideoError
from video.opening import open_container

# In quotes: PyAV's packets are generic to type checkers only.
SoundPackets: TypeAlias = "Iterator[tuple[Fraction, Packet[AudioStream]]]"
# What an mp4 holds as it is and every player knows; anything else is encoded again.
COPIED_CODECS = ("aac", "mp3", "ac3", "eac3", "opus", "flac", "alac")
# Sound is opened without looking at pictures, so their size does not matter here.
_ANY_PIXELS = 2**31 - 1


class AudioTrack:
    """The first sound stream of a file, if it has one: a context manager to hand to `VideoWriter`.

    Sound that cannot be read is left out from there on: an illustration is worth having without it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = ExitStack()
        self._source: AudioStream | None = None

    def __enter__(self) -> AudioTrack:
        try:
            container = self._stack.enter_context(open_container(self._path, max_pixels=_ANY_PIXELS))
        except VideoError:
            return self
        if container.streams.audio:
            self._container = container
            self._source = container.streams.audio[0]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def attach(self, output: OutputContainer) -> SoundPackets | None:
        """Add the stream to `output`; its packets with their times in seconds, `None` without sound."""
        source = self._source
        if source is None or source.codec_context is None:
            return None
        if source.codec_context.name in COPIED_CODECS:
            return self._copied(source, output.add_stream_from_template(source))
        target = output.add_stream("aac", rate=source.codec_context.sample_rate or 48_000)
        # Many files give only the number of channels, which no encoder takes for a layout.
        target.layout = "mono" if source.codec_context.channels == 1 else "stereo"
        return self._encoded(source, target)

    def _copied(self, source: AudioStream, target: AudioStream) -> SoundPackets:
        try:
            for packet in self._container.demux(source):
                if packet.dts is not None and packet.pts is not None and packet.time_base is not None:
                    seconds = packet.pts * packet.time_base
                    packet.stream = target
                    yield seconds, packet
        except av.FFmpegError:
            return

    def _encoded(self, source: AudioStream, target: AudioStream) -> SoundPackets:
        seconds = Fraction(0)
        target.codec_context.open()
        try:
            for frame in self._container.decode(source):
                seconds = (frame.pts or 0) * (frame.time_base or Fraction(0))
                for packet in target.encode(frame):
                    yield seconds, packet
        except av.FFmpegError:
            pass
        for packet in target.encode(None):
            yield seconds, packet
