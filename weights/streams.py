"""Copying and hashing of files: every byte that enters the cache passes through here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from weights.errors import SourceError

# Called with the bytes done and the bytes in all (None where the sender did not say).
Progress = Callable[[int, int | None], None]

# Large enough that hashing runs at the speed of the processor, small enough for a live progress bar.
CHUNK_BYTES = 1 << 20


def no_progress(done_bytes: int, total_bytes: int | None) -> None:
    """The progress callback of callers that show none."""


def chunks_of(stream: IO[bytes]) -> Iterator[bytes]:
    """The rest of `stream` in pieces of CHUNK_BYTES."""
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def sha256_of(path: Path) -> str:
    """The sha256 of the file at `path` in lower-case hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in chunks_of(stream):
            digest.update(chunk)
    return digest.hexdigest()


def save(
    chunks: Iterable[bytes],
    target: Path,
    *,
    limit_bytes: int,
    total_bytes: int | None = None,
    progress: Progress = no_progress,
) -> str:
    """Write `chunks` to `target` and return their sha256.

    Raises SourceError when more than `limit_bytes` arrive, or fewer than the `total_bytes` announced.
    """
    if total_bytes is not None and total_bytes > limit_bytes:
        raise SourceError(f"announces {total_bytes:,} bytes, more than the {limit_bytes:,} expected at most")
    digest = hashlib.sha256()
    done = 0
    with target.open("wb") as stream:
        for chunk in chunks:
            done += len(chunk)
            if done > limit_bytes:
                raise SourceError(f"sends more than the {limit_bytes:,} bytes expected at most")
            digest.update(chunk)
            stream.write(chunk)
            progress(done, total_bytes)
    if total_bytes is not None and done != total_bytes:
        raise SourceError(f"the transfer stopped at {done:,} of {total_bytes:,} bytes")
    return digest.hexdigest()
