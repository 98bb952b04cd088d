"""The process in which files are parsed and decoded, one after the other, apart from the analysis.

It reads requests from standard input and writes answers to standard output (`video.messages`); frames go
through the ring (`video.ring`). It ends with whoever started it.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from video.confined import confine, renew_processor_time
from video.errors import VideoError
from video.heartbeat import listen
from video.messages import (
    Alive,
    Answer,
    Begin,
    Closed,
    CloseFile,
    Deliver,
    Ended,
    Failed,
    NeedsRoom,
    Opened,
    OpenFile,
    Pictured,
    Probed,
    ProbeFile,
    Ready,
    Request,
    Room,
    Taken,
    encoded,
)
from video.reader import VideoReader
from video.ring import Ring, RingShape

# Often enough for any patience counted in seconds, and nothing beside the cost of a frame.
ALIVE_EVERY_SECONDS = 1.0


class _NotWanted(Exception):
    """The reader was closed before its last frame."""


def main() -> None:
    """Serve requests until standard input ends."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0) as output:
        # What libraries print must not get between the answers.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        inbox: queue.SimpleQueue[Request] = queue.SimpleQueue()
        begin: Begin = pickle.load(sys.stdin.buffer)
        threading.Thread(target=_receive, args=(sys.stdin.buffer, inbox), daemon=True).start()
        _import_everything()
        worker = _Worker(inbox, output, Ring(begin.ring), cpu_seconds=begin.limits.cpu_seconds)
        worker.say(Ready(confine(begin.limits)))
        listen(worker.beat)
        memory_gib = begin.limits.memory_bytes / (1 << 30)
        while True:
            worker.serve(inbox.get(), memory_gib=memory_gib)


def _receive(requests: BinaryIO, inbox: queue.SimpleQueue[Request]) -> None:
    """Pass requests on. Where there can be no more, the process ends at once, whatever it decodes."""
    try:
        while True:
            inbox.put(pickle.load(requests))
    except EOFError:
        _end()


def _end() -> None:
    """Kill this process and those it started: nobody is left to read their answers."""
    os.killpg(0, signal.SIGKILL)


def _import_everything() -> None:
    """What decoding needs, before the limits: under them a module could fail as missing."""
    import PIL.Image

    import video.decord
    import video.probe
    import video.pyav
    import video.stills  # noqa: F401

    PIL.Image.init()


class _Worker:
    """Serves requests; at most one file is open at a time."""

    def __init__(
        self, inbox: queue.SimpleQueue[Request], output: BinaryIO, ring: Ring, *, cpu_seconds: int
    ) -> None:
        self._inbox = inbox
        self._output = output
        self._ring = ring
        self._cpu_seconds = cpu_seconds
        self._reader: VideoReader | None = None
        self._free: set[int] = set()
        self._told = 0
        self._last_beat = 0.0

    def say(self, answer: Answer) -> None:
        self._output.write(encoded(answer))

    def beat(self) -> None:
        """Tell that the work goes on, if that has not just been told."""
        now = time.monotonic()
        if now - self._last_beat >= ALIVE_EVERY_SECONDS:
            self._last_beat = now
            renew_processor_time(self._cpu_seconds)
            self.say(Alive())

    def serve(self, request: Request, *, memory_gib: float) -> None:
        """Do what is asked. Whatever goes wrong with a file is an answer."""
        renew_processor_time(self._cpu_seconds)
        try:
            self._serve(request)
        except _NotWanted:
            self._close()
            self.say(Closed())
        except VideoError as error:
            self._close()
            self.say(Failed.by(error))
        except MemoryError:
            cause = f"needs more than {memory_gib:g} GiB of memory to decode"
            self.say(
                Failed("UnreadableVideoError", cause, "scale it down or cut it into parts", worn_out=True)
            )
        except Exception as error:
            cause = f"tripped its decoder ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
            self.say(Failed("UnreadableVideoError", cause, "convert it to MP4, MKV or AVI", worn_out=True))

    def _serve(self, request: Request) -> None:
        # Imported by now: see `_import_everything`.
        from video.probe import probe
        from video.reader import open_video

        if isinstance(request, ProbeFile):
            self.say(Probed(probe(Path(request.path))))
        elif isinstance(request, OpenFile):
            self._reader = open_video(
                request.path, sampling=request.sampling, limits=request.limits, backend=request.backend
            )
            self._told = 0
            self.say(Opened(self._reader.info, self._news(self._reader)))
        elif isinstance(request, Deliver) and self._reader is not None:
            self._deliver(self._reader)
        elif isinstance(request, CloseFile):
            raise _NotWanted

    def _deliver(self, reader: VideoReader) -> None:
        shape: RingShape | None = None
        for batch in reader.batches(1):
            picture = batch.data[0]
            if shape is None or picture.nbytes > shape.slot_bytes:
                shape = self._room_for(picture.nbytes, shape)
            slot = self._free_slot()
            height, width = picture.shape[:2]
            self._ring.frame(slot, height, width)[:] = picture
            index, pts, shot = (int(values[0]) for values in (batch.index, batch.pts, batch.shot))
            self.say(Pictured(slot, height, width, index, pts, shot, self._news(reader)))
        self.say(Ended(reader.delivery, self._news(reader)))

    def _news(self, reader: VideoReader) -> tuple[str, ...]:
        """The reader's warnings that have not been told yet."""
        news = reader.warnings[self._told :]
        self._told += len(news)
        return news

    def _room_for(self, frame_bytes: int, shape: RingShape | None) -> RingShape:
        """A ring of larger slots, once all of the old one's are free."""
        while shape is not None and len(self._free) < shape.slots:
            self._hear(self._inbox.get())
        self._ring.leave()
        self.say(NeedsRoom(frame_bytes))
        answer = self._inbox.get()
        if not isinstance(answer, Room):
            raise _NotWanted
        self._ring.use(answer.shape)
        self._free = set(range(answer.shape.slots))
        return answer.shape

    def _free_slot(self) -> int:
        while not self._inbox.empty() or not self._free:
            self._hear(self._inbox.get())
        return self._free.pop()

    def _hear(self, request: Request) -> None:
        if not isinstance(request, Taken):
            raise _NotWanted
        self._free.add(request.slot)

    def _close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


if __name__ == "__main__":
    main()
