"""Files that are there whole or not at all, and the one line that says why one could not be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from forensics.errors import OutputError
from video.errors import printable

UNFINISHED_SUFFIX = ".part"
GO_ON = "make room, then give the same command again to go on"


@contextmanager
def whole_file(path: Path, *, remedy: str = "make room or name another place") -> Iterator[Path]:
    """A place beside `path` to write to: moved there when the block ends well, gone when it fails.

    Raises OutputError where the disk is full or the folder cannot be written, whichever library found out.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED_SUFFIX}")
    try:
        yield partial
        with partial.open("rb") as file:
            # A full disk may show only now, and a crash after the move must not leave an empty file.
            os.fsync(file.fileno())
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        cause = error.strerror or error if isinstance(error, OSError) else error
        raise OutputError(f"{printable(path)}: cannot be written ({cause}); {remedy}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def is_unfinished(path: Path) -> bool:
    """Whether a file is what a killed process left of a `whole_file`."""
    return path.name.startswith(".") and path.name.endswith(UNFINISHED_SUFFIX)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{printable(path)}: cannot be made a folder ({error.strerror}); name one that can be written to"
        ) from error
