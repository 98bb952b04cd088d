"""`open_video` and `probe` with the parsing and decoding done in another process, which may die of a file.

A crash, a hang or a hunger for memory is an error of that file; the next one gets a fresh process at once.
On Windows, which lacks what this rests on, decoding stays in the process that asks.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from video.backends import BACKENDS, DEFAULT_BACKEND
from video.confined import WorkerLimits
from video.errors import VideoError
from video.facts import Probe
from video.isolated_reader import IsolatedReader
from video.messages import Failed, Opened, OpenFile, Probed, ProbeFile
from video.probe import probe as _probe_here
from video.reader import DEFAULT_LIMITS, DEFAULT_SAMPLING, Limits, VideoReader
from video.reader import open_video as _open_here
from video.sampling import Sampling
from video.worker_process import Job, Patience, WorkerProcess

POSSIBLE = os.name == "posix"
DEFAULT_PATIENCE = Patience()
DEFAULT_WORKER_LIMITS = WorkerLimits()
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
        return IsolatedReader(worker, job, answer, limits=limits, give_back=self.give_back)

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
