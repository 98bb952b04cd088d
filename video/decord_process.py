"""Talking to the process in which decord runs: see `video.decord_worker` for why it has one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from video.backends import LIMITATIONS, ClipKind
from video.errors import UnreadableVideoError

REMEDY = "use the PyAV backend"
# A frame takes milliseconds; after this long decord hangs, which it does on some files.
STALL_SECONDS = 60.0
# The empty entry is the current folder: nothing that lies beside the evidence may be imported.
_COMMAND = [
    sys.executable,
    "-c",
    "import sys; sys.path = [p for p in sys.path if p]; from video.decord_worker import main; main()",
]


class DecordProcess:
    """A running `decord_worker`: the times that decord gives, and pictures one after the other."""

    def __init__(self, path: Path, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._path = path
        self._process = process
        self._errors = errors
        if process.stdout is None:
            raise ValueError("the worker's standard output must be a pipe")
        self._output = process.stdout
        first = self._words()
        if "error" in first:
            raise self._failed(first["error"])
        self.seconds: list[float] = first["seconds"]

    @classmethod
    @contextmanager
    def started(cls, path: Path, indices: list[int], *, until: int) -> Iterator[DecordProcess]:
        """Run a worker that decodes `until` frames of `path` and gives those of `indices`, ascending."""
        request = {"path": str(path.resolve()), "indices": indices, "until": until}
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=-1
            )
            with process:
                try:
                    # A worker that is dead already is found out at the first answer.
                    with suppress(BrokenPipeError), process.stdin or nullcontext() as request_pipe:
                        if request_pipe is not None:
                            request_pipe.write(json.dumps(request).encode() + b"\n")
                    yield cls(path, process, errors)
                finally:
                    # decord ignores polite signals while it hangs.
                    process.kill()

    def picture(self) -> npt.NDArray[np.uint8]:
        """The next picture asked for, [H,W,3] uint8 RGB."""
        size = self._words()
        shape = (size["height"], size["width"], 3)
        data = self._within_time(lambda: self._output.read(shape[0] * shape[1] * shape[2]))
        if len(data) != shape[0] * shape[1] * shape[2]:
            raise self._failed("it broke off in the middle of a frame")
        return np.frombuffer(data, dtype=np.uint8).reshape(shape)

    def finish(self) -> None:
        """Wait for the end; raises `UnreadableVideoError` where decord met damage on the way."""
        last = self._words()
        if "error" in last:
            raise self._failed(last["error"])
        complaints = self._complaints()
        if complaints:
            raise self._failed(
                f"{LIMITATIONS['decord'][ClipKind.CORRUPTED]}, and reported some ({complaints})"
            )

    def _words(self) -> dict[str, Any]:
        line = self._within_time(self._output.readline)
        if not line:
            raise self._failed(self._complaints() or "it stalled or died")
        words: dict[str, Any] = json.loads(line)
        return words

    def _within_time(self, read: Callable[[], bytes]) -> bytes:
        watchdog = threading.Timer(STALL_SECONDS, self._process.kill)
        watchdog.start()
        try:
            return read()
        finally:
            watchdog.cancel()

    def _complaints(self) -> str:
        """The last line that decord and its FFmpeg wrote to standard error."""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:200] if lines else ""

    def _failed(self, reason: str) -> UnreadableVideoError:
        return UnreadableVideoError(self._path, f"could not be read by decord: {reason}", REMEDY)
