"""Interlaced pictures to progressive ones, one for one."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import av
import av.error
from av.filter import Graph

# Motion adaptive; frames that are not marked as interlaced pass untouched.
FILTER = "bwdif"
FILTER_OPTIONS = "mode=send_frame:deint=interlaced"


def deinterlaced(frames: Iterable[av.VideoFrame]) -> Generator[av.VideoFrame, None, None]:
    """The frames with interlaced ones deinterlaced, in the same number and with the same times.

    Until the first interlaced frame nothing is filtered; from there on every frame passes through
    FFmpeg's bwdif, since it looks at the frames before and after.
    """
    bob: _Bwdif | None = None
    for frame in frames:
        if bob is not None and not bob.fits(frame):
            yield from bob.flush()
            bob = None
        if bob is None and frame.interlaced_frame and frame.pts is not None:
            bob = _Bwdif(frame)
        if bob is None:
            yield frame
        else:
            yield from bob.push(frame)
    if bob is not None:
        yield from bob.flush()


class _Bwdif:
    """The filter, set up for frames like the first one."""

    def __init__(self, first: av.VideoFrame) -> None:
        if first.time_base is None:
            raise ValueError("only frames with a time base can be deinterlaced")
        self._time_base = first.time_base
        self._kind = (first.width, first.height, first.format.name)
        self._graph = Graph()
        # One thread, like the decoder: what is seen must not depend on the machine.
        self._graph.threads = 1
        source = self._graph.add(
            "buffer",
            video_size=f"{first.width}x{first.height}",
            pix_fmt=first.format.name,
            time_base=str(first.time_base),
            pixel_aspect="1/1",
        )
        self._graph.link_nodes(source, self._graph.add(FILTER, FILTER_OPTIONS), self._graph.add("buffersink"))
        self._graph.configure()

    def fits(self, frame: av.VideoFrame) -> bool:
        return self._kind == (frame.width, frame.height, frame.format.name)

    def push(self, frame: av.VideoFrame) -> Generator[av.VideoFrame, None, None]:
        self._graph.vpush(frame)
        yield from self._ready()

    def flush(self) -> Generator[av.VideoFrame, None, None]:
        self._graph.vpush(None)
        yield from self._ready()

    def _ready(self) -> Generator[av.VideoFrame, None, None]:
        while True:
            try:
                frame = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            # The filter halves the time base to make room for a frame per field.
            if frame.pts is not None and frame.time_base is not None:
                frame.pts = int(frame.pts * frame.time_base / self._time_base)
                frame.time_base = self._time_base
            yield frame
