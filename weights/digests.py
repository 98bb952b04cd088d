"""The digests of files that one process asks for several times."""

from __future__ import annotations

import os
import time
from pathlib import Path

from weights.streams import sha256_of

# Files changed so recently are hashed every time: a second change within one step of the file system's clock
# (two seconds on FAT) would leave no trace in its times.
SETTLED_NANOSECONDS = 2_000_000_000

_State = tuple[int, int, int, int, int]


class DigestMemory:
    """The sha256 of files, computed once for as long as a file shows no change.

    An analysis asks for its weights before decoding, when it loads them and when it names them in the report;
    of CLIP each time would cost a second and more. Nothing is lost against a change: a file is opened by its
    path after it was hashed, so that a change in between passes either way, and every other one shows in the
    file's number, size or times, of which a program may set the modification time but not the change time.
    """

    def __init__(self) -> None:
        self._known: dict[Path, tuple[_State, str]] = {}

    def sha256_of(self, path: Path) -> str:
        """The sha256 of the file at `path` in lower-case hexadecimal; OSError when it cannot be read."""
        before = _state(path)
        known = self._known.get(path)
        if known is not None and known[0] == before:
            return known[1]
        settled = max(before[-2:]) + SETTLED_NANOSECONDS <= time.time_ns()
        found = sha256_of(path)
        if settled and _state(path) == before:
            self._known[path] = (before, found)
        return found


def _state(path: Path) -> _State:
    facts = os.stat(path)
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
