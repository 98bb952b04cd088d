"""Those who analyse the videos of a batch: what a batch asks of them, and processes of this machine."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Protocol, Self

from forensics.batch.outcome import Fault, Outcome
from forensics.batch.work import Job, Order
from forensics.batch.worker import Loaded, NotLoaded, work
from forensics.errors import ExitCode, ForensicsError
from video.errors import printable

# A process that was asked to end has nothing to finish: what it wrote is whole or goes.
_SECONDS_TO_END = 2.0
# A worker that dies while it loads would do so again.
_FAILED_STARTS = 3


class CrewError(ForensicsError):
    """Nobody can analyse: the models cannot be loaded."""

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.FAULT) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Crew(Protocol):
    """Those who analyse; a context manager, at whose end nobody works any more.

    Only jobs and plain outcomes go back and forth: reports are written where the analysis is made.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def key(self) -> str:
        """The key of their analyses, once the models are loaded. Raises CrewError."""
        ...

    def has_room(self) -> bool:
        """Whether somebody could begin another job now."""
        ...

    def give(self, job: Job) -> None:
        """Have the job done. Only when there is room."""
        ...

    def take(self) -> tuple[Job, Outcome]:
        """Wait for the end of any job. One whose worker died is an outcome too. Raises CrewError."""
        ...


class Processes:
    """Worker processes of this machine, each with its own models; one that dies is replaced.

    They are spawned, since forked ones would inherit the locks of torch's threads and no GPU. They are no
    daemons, which could have no children: decoding may be such a child.
    """

    context = multiprocessing.get_context("spawn")

    def __init__(self, order: Order) -> None:
        self._order = order
        self._workers: list[_Worker] = []
        self._key: str | None = None
        self._failed_starts = 0

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        workers, self._workers = self._workers, []
        _end(workers)

    def key(self) -> str:
        while self._key is None:
            self._look()
        return self._key

    def has_room(self) -> bool:
        return len(self._workers) < self._order.jobs or any(worker.job is None for worker in self._workers)

    def give(self, job: Job) -> None:
        idle = next((worker for worker in self._workers if worker.job is None), None) or self._start()
        idle.job = job
        with suppress(OSError):
            # It has just died: `take` will see it.
            idle.connection.send(job)

    def take(self) -> tuple[Job, Outcome]:
        while True:
            if (ended := self._look()) is not None:
                return ended

    def _start(self) -> _Worker:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=work, args=(self._order, theirs))
        with _no_interrupts():
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _look(self) -> tuple[Job, Outcome] | None:
        """Wait until a worker says something or dies; the job that ended by that, if one did."""
        connections = {worker.connection: worker for worker in self._workers}
        sentinels = {worker.process.sentinel: worker for worker in self._workers}
        ready = wait([*connections, *sentinels])
        said = next((one for one in ready if isinstance(one, Connection)), None)
        worker = connections[said] if said is not None else sentinels[_number(ready)]
        try:
            message = worker.connection.recv() if worker.connection.poll() else None
        except (EOFError, OSError):
            message = None
        if message is None:
            return self._died(worker)
        if isinstance(message, NotLoaded):
            raise CrewError(message.text, message.exit_code)
        if isinstance(message, Loaded):
            self._is_ready(worker, message.key)
            return None
        job, worker.job = worker.job, None
        if job is None or not isinstance(message, dict):
            raise TypeError(f"a worker said {message!r}")
        return job, Outcome.from_plain(message)

    def _is_ready(self, worker: _Worker, key: str) -> None:
        worker.ready = True
        self._failed_starts = 0
        if self._key not in (None, key):
            raise CrewError("the weights changed during the batch; give the same command again")
        self._key = key

    def _died(self, worker: _Worker) -> tuple[Job, Outcome] | None:
        """Replace the worker. Its job has failed, unless it died before it could begin."""
        worker.process.join(_SECONDS_TO_END)
        how = _how_it_ended(worker.process.exitcode)
        self._workers.remove(worker)
        _end([worker])
        job = worker.job
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise CrewError(f"a worker process {how} while it loaded the models; pass fewer --jobs")
            self._start()
            if job is not None:
                self.give(job)
            return None
        if job is None:
            return None
        text = f"{printable(job.path)}: the process that analysed it {how}; it may need more memory"
        return job, Outcome.failed(text, Fault.CRASH)


class _Worker:
    """A process with what it is doing; `ready` once its models are loaded."""

    def __init__(self, process: BaseProcess, connection: Connection[object, object]) -> None:
        self.process = process
        self.connection = connection
        self.job: Job | None = None
        self.ready = False


def _number(ready: Sequence[object]) -> int:
    return next(one for one in ready if isinstance(one, int))


def _end(workers: Sequence[_Worker]) -> None:
    """End them, by force where they do not follow."""
    for worker in workers:
        worker.connection.close()
        worker.process.terminate()
    for worker in workers:
        worker.process.join(_SECONDS_TO_END)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.process.close()


def _how_it_ended(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        with suppress(ValueError):
            return f"was killed ({signal.Signals(-exitcode).name})"
    return "stopped answering" if exitcode is None else f"ended by itself (exit code {exitcode})"


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Processes started here never get the Ctrl-C of the terminal: the batch ends them in order."""
    masked = hasattr(signal, "pthread_sigmask") and threading.current_thread() is threading.main_thread()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masked else set()
    try:
        yield
    finally:
        if masked:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
