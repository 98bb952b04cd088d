"""Talking to the process in which decord runs: see `video.decord_worker` for why it has one."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from video.backends import LIMITATIONS, ClipKind
from video.errors import UnreadableVideoError
from video.heartbeat import beat
from video.python_child import child_command

REMEDY = "use the PyAV backend"
# A frame takes milliseconds; after this long decord hangs, which it does on some files.
STALL_SECONDS = 60.0
_COMMAND = child_command("video.decord_worker")


@dataclass(frozen=True)
class DecordFrame:
    """One frame as decord gives it, [H,W,3] uint8 RGB: small, and at its size if it was asked for."""

    small: npt.NDArray[np.uint8]
    picture: npt.NDArray[np.uint8] | None


class DecordProcess:
    """A running `decord_worker`: the times that decord gives, and frames one after the other."""

    def __init__(
        self,
        path: Path,
        process: subprocess.Popen[bytes],
        errors: IO[bytes],
        *,
        indices: list[int],
        until: int,
        small: tuple[int, int],
    ) -> None:
        self._path = path
        self._indices = set(indices)
        self._until = until
        self._small = small
        self._process = process
        self._errors = errors
        if process.stdout is None:
            raise ValueError("the worker's standard output must be a pipe")
        self._output = process.stdout
        self.seconds: list[float] = self._words("seconds")["seconds"]

    @classmethod
    @contextmanager
    def started(
        cls, path: Path, indices: list[int], *, until: int, small: tuple[int, int]
    ) -> Iterator[DecordProcess]:
        """Run a worker that decodes `until` frames of `path`.

        It gives all of them at `small` (height, width), and those of `indices`, ascending, as they are.
        """
        request = {"path": str(path.resolve()), "indices": indices, "until": until, "small": small}
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=-1,
            )
            with process:
                try:
                    # A worker that is dead already is found out at the first answer.
                    with suppress(BrokenPipeError), process.stdin or nullcontext() as request_pipe:
                        if request_pipe is not None:
                            request_pipe.write(json.dumps(request).encode() + b"\n")
                    yield cls(path, process, errors, indices=indices, until=until, small=small)
                finally:
                    # decord ignores polite signals while it hangs.
                    process.kill()

    def frames(self) -> Iterator[DecordFrame]:
        """The frames from the first on; ends with `UnreadableVideoError` where decord met damage."""
        for index in range(min(self._until, len(self.seconds))):
            size = self._words("height", "width")
            small = self._pixels(*self._small)
            picture = self._pixels(size["height"], size["width"]) if index in self._indices else None
            yield DecordFrame(small, picture)
        self._finish()

    def _pixels(self, height: int, width: int) -> npt.NDArray[np.uint8]:
        count = height * width * 3
        data = self._within_time(lambda: self._output.read(count))
        if len(data) != count:
            raise self._failed("it broke off in the middle of a frame")
        return np.frombuffer(data, dtype=np.uint8).reshape(height, width, 3)

    def _finish(self) -> None:
        """Wait for the end; raises `UnreadableVideoError` where decord met damage on the way."""
        self._words("done")
        complaints = self._complaints()
        if complaints:
            raise self._failed(
                f"{LIMITATIONS['decord'][ClipKind.CORRUPTED]}, and reported some ({complaints})"
            )

    def _words(self, *expected: str) -> dict[str, Any]:
        """The next line of the answer, which must hold the `expected` words."""
        line = self._within_time(self._output.readline)
        beat()
        if not line:
            raise self._failed(self._complaints() or "it stalled or died")
        try:
            words = json.loads(line)
        except ValueError:
            words = None
        if isinstance(words, dict) and "error" in words:
            raise self._failed(str(words["error"]))
        if not isinstance(words, dict) or not words.keys() >= set(expected):
            raise self._failed("it gave other bytes than it announced")
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
