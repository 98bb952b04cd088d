"""The cache folder on disk: one folder a weight, a lock in it, incoming bytes beside the finished file."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from weights.errors import WeightsError
from weights.spec import WeightSpec

LOGGER = logging.getLogger(__name__)

CACHE_VARIABLE = "FORENSICS_CACHE"
APPLICATION = "face-video-forensics"
LOCK_FILE = ".lock"
REMEDY = f"make room or choose another cache with --cache-dir or {CACHE_VARIABLE}"


def default_cache_dir() -> Path:
    """FORENSICS_CACHE, else the user's cache folder as the platform names it."""
    configured = os.environ.get(CACHE_VARIABLE)
    return Path(configured) if configured else platformdirs.user_cache_path(APPLICATION) / "weights"


class CacheFolder:
    """Where the files of a cache lie, and the two ways in which they are written: locked and in one step."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, spec: WeightSpec) -> Path:
        """Where the finished file lies, whether it is there or not."""
        return self._root / spec.name / spec.file

    @contextmanager
    def locked(self, spec: WeightSpec) -> Iterator[None]:
        """Hold the lock of one weight against all other processes; WeightsError for an unusable disk."""
        folder = self._root / spec.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / LOCK_FILE)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                LOGGER.info("waiting for another process that fetches %s", spec.name)
                lock.acquire()
        except OSError as error:
            raise WeightsError(f"{folder}: cannot be written ({error}); {REMEDY}") from error
        try:
            # Nobody else holds the lock, so these were left by a process that was killed.
            for leftover in folder.glob("*.part*"):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            yield
        except OSError as error:
            raise WeightsError(f"{folder}: cannot be written ({error}); {REMEDY}") from error
        finally:
            lock.release()

    @contextmanager
    def part(self, spec: WeightSpec) -> Iterator[Path]:
        """A place for incoming bytes, in the folder of the finished file so that the move is atomic."""
        # One name is enough: only the holder of the lock writes here.
        part = self._root / spec.name / f"{spec.file}.part"
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)
