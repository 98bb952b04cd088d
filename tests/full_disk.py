"""Disks that are full at a chosen moment: the k-th thing written, or a real file system of so many bytes."""

from __future__ import annotations

import builtins
import errno
import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FULL, READ_ONLY = os.strerror(errno.ENOSPC), os.strerror(errno.EROFS)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class FullDisk:
    """Below `folder`, nothing more can be made, opened for writing or newly named after `room` times.

    `refused` counts what was turned away. What libraries write without Python's own functions passes.
    """

    def __init__(self, folder: Path, room: int, cause: int) -> None:
        self._folder = os.path.realpath(folder)
        self._room = room
        self._cause = cause
        self.refused = 0

    def take(self, path: Any) -> None:
        if isinstance(path, int) or not os.path.realpath(os.fspath(path)).startswith(self._folder + os.sep):
            return
        if self._room <= 0:
            self.refused += 1
            raise OSError(self._cause, os.strerror(self._cause), os.fspath(path))
        self._room -= 1


@contextmanager
def full_after(room: int, folder: Path, *, cause: int = errno.ENOSPC) -> Iterator[FullDisk]:
    """Fill the disk below `folder` once `room` things were written there."""
    disk = FullDisk(folder, room, cause)

    def guarded(real: Callable[..., Any], writes: Callable[..., bool], place: int = 0) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if writes(*arguments, **options):
                disk.take(arguments[place])
            return real(*arguments, **options)

        return call

    def for_writing(file: Any, mode: str = "r", *_: Any, **__: Any) -> bool:
        return any(letter in mode for letter in "wax+")

    def not_there(path: Any, *_: Any, **__: Any) -> bool:
        return not os.path.lexists(path)

    def to_new_name(_: Any, target: Any) -> bool:
        # What takes the place of something needs no room in the folder.
        return not_there(target)

    with pytest.MonkeyPatch.context() as patch:
        opened = guarded(io.open, for_writing)
        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        patch.setattr(os, "open", guarded(os.open, lambda path, flags, *_, **__: bool(flags & WRITING)))
        patch.setattr(os, "mkdir", guarded(os.mkdir, not_there))
        for name in ("replace", "rename", "link"):
            patch.setattr(os, name, guarded(getattr(os, name), to_new_name, 1))
        yield disk


@contextmanager
def read_only(folder: Path) -> Iterator[FullDisk]:
    """Refuse everything that writes below `folder`, as a file system does that is mounted to be read."""
    with full_after(0, folder, cause=errno.EROFS) as disk:
        yield disk


@contextmanager
def files_up_to(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow larger; the system refuses the rest, whoever writes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A real file system of that size at `folder`, which only `in_own_mounts` may make."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def make_read_only(disk: Path) -> None:
    """Let a `small_disk` be read only from now on."""
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)


def may_mount() -> bool:
    """Whether this machine lets a process mount file systems that nobody else sees."""
    try:
        return subprocess.run([*OWN_MOUNTS, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def in_own_mounts(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a figure's module where it may mount."""
    root = Path(__file__).parents[1]
    command = [*OWN_MOUNTS, sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


OWN_MOUNTS = ("unshare", "--map-root-user", "--mount")
