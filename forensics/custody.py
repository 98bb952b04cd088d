"""Custody: digests of evidence and of decoded frames, and outputs that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forensics.errors import OutputError
from video.errors import printable
from video.frames import FrameBatch


class FramesDigest:
    """A running sha256 over sampled frames: number, exact time, size and pixels of each, in order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, batch: FrameBatch) -> None:
        base = batch.time_base
        for frame, index, pts in zip(batch.data, batch.index.tolist(), batch.pts.tolist(), strict=True):
            height, width = frame.shape[:2]
            self._hash.update(
                f"{index} {pts}*{base.numerator}/{base.denominator} {width}x{height}\n".encode()
            )
            self._hash.update(frame.tobytes())

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def output_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A staging folder whose files move into `path` when the block ends well, and vanish when it fails.

    Entering proves that `path` can be written to, so that hours of analysis are not lost to a typing
    mistake. A folder that holds anything is refused unless `overwrite`, and even then only files of the
    same names are replaced. Raises OutputError.
    """
    created = not path.exists()
    staging = path / f".partial-{os.getpid()}"
    try:
        if path.exists() and not path.is_dir():
            raise OutputError(f"{printable(path)}: is a file; name a folder for the outputs")
        if not overwrite and path.is_dir() and any(path.iterdir()):
            raise OutputError(
                f"{printable(path)}: the folder is not empty; name a new one or pass --overwrite"
            )
        staging.mkdir(parents=True)
    except OSError as error:
        raise OutputError(
            f"{printable(path)}: cannot be written to ({error.strerror}); name a folder that can"
        ) from error
    try:
        yield staging
        for file in sorted(staging.iterdir()):
            os.replace(file, path / file.name)
        staging.rmdir()
    except BaseException as error:
        shutil.rmtree(staging, ignore_errors=True)
        if created and not any(path.iterdir()):
            path.rmdir()
        if isinstance(error, OSError):
            raise OutputError(
                f"{printable(path)}: the outputs could not be written ({error.strerror}); nothing was kept"
            ) from error
        raise
