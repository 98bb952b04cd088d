"""The exceptions of the `video` package."""

from __future__ import annotations

import os
from pathlib import Path


def printable(path: str | os.PathLike[str]) -> str:
    """The path on one line: bytes that are no UTF-8 and control characters are written as escapes."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


class VideoError(Exception):
    """A video could not be used. The message is one line: `<file>: <cause>; <remedy>`."""

    def __init__(self, path: str | os.PathLike[str], cause: str, remedy: str) -> None:
        super().__init__(f"{printable(path)}: {cause}; {remedy}")
        self.path = Path(path)
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[VideoError], tuple[Path, str, str]]:
        # Exceptions cross process borders by their constructor's arguments, not by their message.
        return type(self), (self.path, self.cause, self.remedy)


class UnreadableVideoError(VideoError):
    """The file is missing, empty, of no known format, or holds no picture that decodes."""


class RefusedVideoError(VideoError):
    """The file may decode but is refused: a limit is exceeded or its format is not on the whitelist."""


class WorkerError(Exception):
    """The process that decodes cannot be started: no file is at fault."""
