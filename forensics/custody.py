"""Custody: digests of evidence and of decoded frames, and outputs that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forensics.errors import OutputError
from video.errors import printable
from video.frames import FrameBatch

# In the staging folder, while its files move: those that they replace.
REPLACED = ".replaced"


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
    staging, made = _staged(path, overwrite)
    try:
        yield staging
        _publish(staging, path)
    except BaseException as error:
        shutil.rmtree(staging, ignore_errors=True)
        _remove_empty(made)
        if isinstance(error, OSError):
            raise OutputError(
                f"{printable(path)}: the outputs could not be written ({error.strerror}), nothing was kept; "
                "make room or name another folder"
            ) from error
        raise


def check_output_folder(path: Path, *, overwrite: bool = False) -> None:
    """Raise the OutputError that `output_folder` would raise on entering, and leave nothing behind."""
    staging, made = _staged(path, overwrite)
    _remove_empty([staging, *made])


def _staged(path: Path, overwrite: bool) -> tuple[Path, list[Path]]:
    """Make the staging folder in `path`; also gives the folders made for it, innermost first."""
    made: list[Path] = []
    staging = path / f".partial-{os.getpid()}"
    try:
        made += [folder for folder in (path, *path.parents) if not folder.exists()]
        if path.exists() and not path.is_dir():
            raise OutputError(f"{printable(path)}: is a file; name a folder for the outputs")
        if not overwrite and path.is_dir() and any(path.iterdir()):
            raise OutputError(
                f"{printable(path)}: the folder is not empty; name a new one or pass --overwrite"
            )
        staging.mkdir(parents=True)
    except OSError as error:
        _remove_empty(made)
        raise OutputError(
            f"{printable(path)}: cannot be written to ({error.strerror}); name a folder that can"
        ) from error
    return staging, made


def _publish(staging: Path, path: Path) -> None:
    """Move every staged file into `path`; when one cannot be, all is as it was before."""
    files = sorted(file.relative_to(staging) for file in staging.rglob("*") if not file.is_dir())
    for file in files:
        if (path / file).is_dir():
            raise IsADirectoryError(errno.EISDIR, f"{file} is a folder there")
    old = {file: staging / REPLACED / file for file in files if (path / file).exists()}
    for file, kept in old.items():
        # All of them first: nothing that replaces a file may fail once another one was replaced.
        _keep(path / file, kept)
    added: list[Path] = []
    made: list[Path] = []
    try:
        for file in files:
            target = path / file
            made += [folder for folder in target.parents if not folder.exists()]
            target.parent.mkdir(parents=True, exist_ok=True)
            if file not in old:
                added.append(target)
            os.replace(staging / file, target)
    except BaseException:
        for target in added:
            target.unlink(missing_ok=True)
        for file, kept in old.items():
            # The name is taken, so that even a full disk has room for this.
            os.replace(kept, path / file)
        _remove_empty(sorted(made, reverse=True))
        raise
    shutil.rmtree(staging)


def _keep(file: Path, kept: Path) -> None:
    """A second name for `file`, or a copy where the file system knows no second names."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, kept)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        shutil.copy2(file, kept)


def _remove_empty(folders: list[Path]) -> None:
    """Remove the folders, innermost first, that are there and empty."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
