"""`open_video` and `probe` with the parsing and decoding done in another process, which may die of a file.

A crash, a hang or a hunger for memory is an error of that file; the next one gets a fresh process at once.
On Windows, which lacks what this rests on, decoding stays in the process that asks.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from video.backends import BACKENDS, DEFAULT_BACKEND
from video.confined import WorkerLimits
from video.errors import VideoError, printable
from video.facts import Probe
from video.frames import Delivery, FrameBatch, VideoInfo
from video.messages import (
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
    Room,
    Taken,
)
from video.probe import probe as _probe_here
from video.reader import DEFAULT_LIMITS, DEFAULT_SAMPLING, Limits, VideoReader
from video.reader import open_video as _open_here
from video.ring import RingShape
from video.sampling import Sampling
from video.worker_process import Job, Patience, WorkerProcess

POSSIBLE = os.name == "posix"
LOGGER = logging.getLogger(__name__)
DEFAULT_PATIENCE = Patience()
DEFAULT_WORKER_LIMITS = WorkerLimits()
# A reader left early stops at its next frame; starting a process anew costs about as much.
CLOSING_PATIENCE = Patience(progress_seconds=1.0)
# Idle processes that are kept: one file at a time is what nearly everybody reads.
SPARE_PROCESSES = 1


class IsolatedVideos:
    """Decoding processes, started as they are needed and used again; a context manager that ends them all.

    Each open reader has a process of its own until it is closed, so that readers may be read in turns and
    from several threads.
    """

    def __init__(
        self, *, limits: WorkerLimits = DEFAULT_WORKER_LIMITS, patience: Patience = DEFAULT_PATIENCE
    ) -> None:
        self._limits = limits
        self._patience = patience
        self._lock = threading.Lock()
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()

    def probe(self, path: str | os.PathLike[str], *, patience: Patience | None = None) -> Probe:
        """As `video.probe.probe`; raises `WorkerError` besides where no process can be started."""
        path = Path(path)
        job = Job(path, patience or self._patience)
        with self._worker() as worker:
            worker.ask(ProbeFile(_absolute(path)))
            answer = worker.answer(job)
            if isinstance(answer, Failed):
                raise worker.failure(answer, job)
            if not isinstance(answer, Probed):
                raise worker.nonsense(job)
        self.give_back(worker)
        return replace(answer.probe, path=path)

    def open(
        self,
        path: str | os.PathLike[str],
        *,
        sampling: Sampling = DEFAULT_SAMPLING,
        limits: Limits = DEFAULT_LIMITS,
        backend: str = DEFAULT_BACKEND,
        patience: Patience | None = None,
    ) -> VideoReader:
        """As `video.reader.open_video`; raises `WorkerError` besides where no process can be started."""
        if backend not in BACKENDS:
            raise ValueError(f"there is no video backend {backend!r}; choose from {', '.join(BACKENDS)}")
        path = Path(path)
        job = Job(path, patience or self._patience)
        with self._worker() as worker:
            worker.ask(OpenFile(_absolute(path), sampling, limits, backend))
            answer = worker.answer(job)
            if isinstance(answer, Failed):
                raise worker.failure(answer, job)
            if not isinstance(answer, Opened):
                raise worker.nonsense(job)
        return _IsolatedReader(self, worker, job, answer, limits=limits)

    @contextmanager
    def _worker(self) -> Iterator[WorkerProcess]:
        """A process for a request, which the block gives back unless the request fails."""
        worker = self._take()
        try:
            yield worker
        except VideoError:
            self.give_back(worker)
            raise
        except BaseException:
            # Interrupted, it is still at work.
            worker.kill()
            self.give_back(worker)
            raise

    def _take(self) -> WorkerProcess:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    self._busy.add(worker)
                    return worker
                worker.kill()
        worker = WorkerProcess(self._limits)
        with self._lock:
            self._busy.add(worker)
        return worker

    def give_back(self, worker: WorkerProcess) -> None:
        """Keep a process that still runs for the next file, unless enough are waiting."""
        with self._lock:
            self._busy.discard(worker)
            if worker.alive and len(self._idle) < SPARE_PROCESSES:
                self._idle.append(worker)
                return
        worker.kill()

    def bounds(self) -> tuple[str, ...]:
        """What is bounded in the processes on this machine; raises `WorkerError` where none starts."""
        with self._worker() as worker:
            found = worker.holds
        self.give_back(worker)
        return found

    @property
    def pids(self) -> tuple[int, ...]:
        """The numbers of the processes, busy ones first."""
        with self._lock:
            return tuple(worker.pid for worker in (*self._busy, *self._idle))

    def close(self) -> None:
        """Kill all processes, those of readers still open too."""
        with self._lock:
            workers = [*self._idle, *self._busy]
            self._idle, self._busy = [], set()
        for worker in workers:
            worker.kill()

    def forget(self) -> None:
        """Let go of processes that belong to the one this was forked from."""
        for worker in (*self._idle, *self._busy):
            worker.forget()

    def __enter__(self) -> IsolatedVideos:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _IsolatedReader:
    """A file that a decoding process has open; see `VideoReader`."""

    def __init__(
        self, videos: IsolatedVideos, worker: WorkerProcess, job: Job, opened: Opened, *, limits: Limits
    ) -> None:
        self._videos = videos
        self._worker = worker
        self._job = job
        self._limits = limits
        self._info = replace(opened.info, path=job.path)
        self._warnings: tuple[str, ...] = ()
        self._delivery: Delivery | None = None
        self._started = False
        self._given_back = False
        self._warn(opened.warnings)

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._warnings

    @property
    def delivery(self) -> Delivery:
        if self._delivery is None:
            raise RuntimeError("what was delivered is known once all batches have been read")
        return self._delivery

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """See `VideoReader.batches`."""
        if self._started:
            raise RuntimeError("the frames of a reader can be read once")
        if size < 1:
            raise ValueError(f"a batch holds at least 1 frame, not {size}")
        self._started = True
        frames = _Gathered(size, self._info.time_base)
        self._worker.ask(Deliver())
        while not isinstance(answer := self._worker.answer(self._job), Ended):
            if isinstance(answer, Pictured):
                yield from self._taken(answer, frames)
            elif isinstance(answer, NeedsRoom):
                self._make_room(answer)
            elif isinstance(answer, Failed):
                raise self._worker.failure(answer, self._job)
            else:
                raise self._worker.nonsense(self._job)
        yield from frames.rest()
        self._warn(answer.warnings)
        self._delivery = answer.delivery

    def close(self) -> None:
        """Give the process back; while it still decodes, stop it first."""
        if self._given_back:
            return
        self._given_back = True
        try:
            self._stop()
        except BaseException as error:
            self._worker.kill()
            if not isinstance(error, VideoError):
                raise
        finally:
            self._videos.give_back(self._worker)

    def _stop(self) -> None:
        if self._worker.alive:
            self._worker.ask(CloseFile())
            job = Job(self._job.path, CLOSING_PATIENCE)
            while not isinstance(self._worker.answer(job), Closed):
                pass

    def __enter__(self) -> _IsolatedReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _make_room(self, answer: NeedsRoom) -> None:
        if not 0 < answer.frame_bytes <= self._limits.max_pixels * 3:
            raise self._worker.nonsense(self._job)
        shape = RingShape.fitting(answer.frame_bytes)
        self._worker.ring.resize(shape)
        self._worker.ask(Room(shape))

    def _taken(self, answer: Pictured, frames: _Gathered) -> Iterator[FrameBatch]:
        self._warn(answer.warnings)
        try:
            picture = self._worker.ring.frame(answer.slot, answer.height, answer.width)
            closed = [*frames.add(picture, answer)]
        except (ValueError, OverflowError) as error:
            raise self._worker.nonsense(self._job) from error
        del picture
        self._worker.ask(Taken(answer.slot))
        yield from closed

    def _warn(self, sentences: tuple[str, ...]) -> None:
        for sentence in sentences:
            LOGGER.warning("%s: %s", printable(self._job.path), sentence)
        self._warnings += sentences


class _Gathered:
    """Frames copied out of the ring into batches, as `video.batching.Batcher` makes them."""

    def __init__(self, size: int, time_base: Fraction) -> None:
        self._size = size
        self._time_base = time_base
        self._data = np.empty((0, 0, 0, 3), np.uint8)
        self._places: list[tuple[int, int, int]] = []

    def add(self, picture: npt.NDArray[np.uint8], said: Pictured) -> Iterator[FrameBatch]:
        """Copy one [H,W,3] frame; gives the batches that it closes or completes."""
        if self._places and self._data.shape[1:] != picture.shape:
            yield from self.rest()
        if not self._places:
            self._data = np.empty((self._size, *picture.shape), np.uint8)
        self._data[len(self._places)] = picture
        self._places.append((said.index, said.pts, said.shot))
        if len(self._places) == self._size:
            yield from self.rest()

    def rest(self) -> Iterator[FrameBatch]:
        """The frames not yet given, if any."""
        if not self._places:
            return
        data = self._data[: len(self._places)]
        index, pts, shot = np.array(self._places, np.int64).T.copy()
        self._places = []
        yield FrameBatch(data, index, pts, self._time_base, shot)


def _absolute(path: Path) -> str:
    """The path from the root, its links and dots as they are: the process has a folder of its own."""
    return os.path.join(os.getcwd(), path)


_SHARED_LOCK = threading.Lock()
_shared: IsolatedVideos | None = None
# Of the process this one was forked from; kept, as letting go of them would look like losing them.
_inherited: list[IsolatedVideos] = []


def shared_videos() -> IsolatedVideos:
    """The processes that everything in this one shares, ended when it ends."""
    global _shared
    with _SHARED_LOCK:
        if _shared is None:
            _shared = IsolatedVideos()
            atexit.register(_shared.close)
        return _shared


def _after_fork() -> None:
    global _shared, _SHARED_LOCK
    _SHARED_LOCK = threading.Lock()
    if _shared is not None:
        atexit.unregister(_shared.close)
        _shared.forget()
        _inherited.append(_shared)
    _shared = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def probe(path: str | os.PathLike[str], *, patience: Patience = DEFAULT_PATIENCE) -> Probe:
    """As `video.probe.probe`, in the shared processes."""
    if not POSSIBLE:
        return _probe_here(path)
    return shared_videos().probe(path, patience=patience)


def open_video(
    path: str | os.PathLike[str],
    *,
    sampling: Sampling = DEFAULT_SAMPLING,
    limits: Limits = DEFAULT_LIMITS,
    backend: str = DEFAULT_BACKEND,
    patience: Patience = DEFAULT_PATIENCE,
) -> VideoReader:
    """As `video.reader.open_video`, in the shared processes."""
    if not POSSIBLE:
        return _open_here(path, sampling=sampling, limits=limits, backend=backend)
    return shared_videos().open(path, sampling=sampling, limits=limits, backend=backend, patience=patience)
