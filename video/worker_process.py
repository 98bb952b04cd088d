"""One decoding process as the analysis sees it: started, asked, waited for, killed. POSIX only."""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from video.confined import WorkerLimits
from video.errors import UnreadableVideoError, VideoError, WorkerError
from video.messages import MAX_ANSWER_BYTES, Alive, Answer, Begin, Failed, Ready, Request, decoded
from video.python_child import child_command
from video.ring import Ring

REMEDY = "check that it is complete or convert it"
# Importing the decoders takes a second; a machine under load may need many.
START_SECONDS = 120.0
_NO_START = "the process that decodes video did not start"
_EXIT_SECONDS = 1.0
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Patience:
    """How long a decoding process is waited for.

    `progress_seconds` bound the time without a sign of life: a packet, a frame. `file_seconds` bound all the
    waiting for one file; time in which nobody waits, as the models are busy, does not count. `None` is no
    bound.
    """

    progress_seconds: float = 60.0
    file_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.progress_seconds <= 0 or (self.file_seconds is not None and self.file_seconds <= 0):
            raise ValueError(f"waiting needs more than 0 seconds: {self}")


class Job:
    """One file that a process works on, and how much of the patience with it is left."""

    def __init__(self, path: Path, patience: Patience) -> None:
        self.path = path
        self._patience = patience
        self._left = patience.file_seconds

    def allowance(self) -> float:
        """How many seconds the next sign of life may take."""
        progress = self._patience.progress_seconds
        return progress if self._left is None else max(0.0, min(progress, self._left))

    def spend(self, seconds: float) -> None:
        """Count time that was waited."""
        if self._left is not None:
            self._left -= seconds

    def overdue(self) -> UnreadableVideoError:
        """The error of a file that was waited for in vain."""
        if self._left is not None and self._left <= self._patience.progress_seconds:
            cause = f"took more than {self._patience.file_seconds:g} s to decode"
            return UnreadableVideoError(
                self.path, cause, "allow it more time (--timeout) or cut it into parts"
            )
        cause = f"hung its decoder, which gave no sign of life for {self._patience.progress_seconds:g} s"
        return UnreadableVideoError(self.path, cause, REMEDY)


class _Overdue(Exception):
    """Nothing came in time."""


class WorkerProcess:
    """A running `video.decode_worker` and its ring. Any failure of it leaves it dead."""

    def __init__(self, limits: WorkerLimits) -> None:
        self.ring = Ring.made()
        self._buffer = bytearray()
        self._cpu_seconds = limits.cpu_seconds
        # For as long as the process lives.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                child_command("video.decode_worker"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                pass_fds=(self.ring.descriptor,),
                # A group of its own: Ctrl-C is for the analysis, and decord's process dies with this one.
                process_group=0,
            )
        except OSError as error:
            self._errors.close()
            self.ring.close()
            raise WorkerError(f"{_NO_START}: {error.strerror}") from error
        try:
            self.holds = self._begun(limits)
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: Request) -> None:
        """Send a request; a process that is dead already is found out at the next answer."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.write(pickle.dumps(request))

    def answer(self, job: Job) -> Answer:
        """The next answer that is more than a sign of life.

        Raises `UnreadableVideoError`, and leaves the process dead, where it crashed, hung or talked nonsense.
        """
        while True:
            started = time.monotonic()
            try:
                answer = decoded(self._line(job.allowance()))
            except _Overdue:
                self.kill()
                raise job.overdue() from None
            except EOFError:
                raise UnreadableVideoError(job.path, self._end(), REMEDY) from None
            except ValueError as error:
                raise self.nonsense(job) from error
            job.spend(time.monotonic() - started)
            if not isinstance(answer, Alive):
                return answer

    def failure(self, answer: Failed, job: Job) -> VideoError:
        """The error to raise for a request that failed; a worn-out process is killed."""
        if answer.worn_out:
            self.kill()
        return answer.error(job.path)

    def nonsense(self, job: Job) -> UnreadableVideoError:
        """Kill a process that gave an answer which makes no sense; the error to raise."""
        self.kill()
        return UnreadableVideoError(job.path, "made its decoder give answers without sense", REMEDY)

    def kill(self) -> None:
        """End the process, with those it started, and free what belongs to it."""
        # Before it is waited for, its number cannot belong to another group.
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.forget()

    def forget(self) -> None:
        """Close this side's descriptors without touching the process."""
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            if pipe is not None:
                pipe.close()
        self.ring.close()

    def _begun(self, limits: WorkerLimits) -> tuple[str, ...]:
        self.ask(Begin(limits, self.ring.descriptor))
        try:
            answer = decoded(self._line(START_SECONDS))
        except (_Overdue, EOFError, ValueError) as error:
            raise WorkerError(f"{_NO_START}: {self._complaint() or 'it gave no answer'}") from error
        if not isinstance(answer, Ready):
            raise WorkerError(f"{_NO_START}: it gave another answer")
        return answer.holds

    def _line(self, seconds: float) -> bytes:
        """The next whole line. Raises `_Overdue` without one in time, EOFError at the end."""
        output = self._process.stdout
        if output is None:
            raise EOFError
        due = time.monotonic() + seconds
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_ANSWER_BYTES:
                raise ValueError("an answer without end")
            chunk = self._read(output.fileno(), due - time.monotonic())
            if not chunk:
                raise EOFError
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _read(self, descriptor: int, seconds: float) -> bytes:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        if not waiting.poll(max(0.0, seconds) * 1000):
            raise _Overdue
        return os.read(descriptor, _CHUNK_BYTES)

    def _end(self) -> str:
        """How the process came to its end, as the cause of an error."""
        self._await_exit()
        self.kill()
        code = self._process.returncode
        if code >= 0:
            return "ended its decoder"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        if name == "SIGPROF":
            return f"hung its decoder, which computed {self._cpu_seconds} s without a sign of life"
        return f"crashed its decoder ({name})"

    def _await_exit(self) -> None:
        """Its output ends a moment before itself; not reaped, its number stays taken until it is killed."""
        deadline = time.monotonic() + _EXIT_SECONDS
        while hasattr(os, "waitid") and time.monotonic() < deadline:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
                return
            time.sleep(0.005)

    def _complaint(self) -> str:
        """The last line that the process wrote to standard error."""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:200] if lines else ""
