"""The files behind a record's path: a clip or picture, a folder of pictures, or a member of a tar."""

from __future__ import annotations

import os
import re
import tarfile
import tempfile
from collections.abc import Generator, Mapping
from functools import lru_cache
from pathlib import Path

from video.errors import UnreadableVideoError

PICTURE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"])
VIDEO_SUFFIXES = frozenset([".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts"])
# Index entries are two numbers a member; shards are read in no order.
_ARCHIVES_REMEMBERED = 32


def is_there(path: Path) -> bool:
    """Whether the path is a file, a folder that holds pictures, or a member of a tar."""
    if (inside := in_archive(path)) is not None:
        archive, member = inside
        return member in members(archive)
    return path.is_file() or (path.is_dir() and bool(pictures_in(path)))


def pictures_in(folder: Path) -> list[Path]:
    """The pictures directly in a folder, 9 before 10."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if Path(entry.name).suffix.lower() in PICTURE_SUFFIXES]
    return [folder / name for name in sorted(names, key=_by_number) if not name.startswith(".")]


def in_archive(path: Path) -> tuple[Path, str] | None:
    """The tar and the member's name in it, if the path leads into one."""
    for parent in path.parents:
        if parent.suffix == ".tar" and parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return None


@lru_cache(maxsize=_ARCHIVES_REMEMBERED)
def members(archive: Path) -> Mapping[str, tuple[int, int]]:
    """Where the bytes of each regular file in an uncompressed tar start, and how many there are, by name.

    Raises `UnreadableVideoError` for what is no such tar.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            return {
                member.name.removeprefix("./"): (member.offset_data, member.size)
                for member in tar
                if member.isfile() and not member.issparse()
            }
    except (tarfile.TarError, OSError) as error:
        cause = f"cannot be read as a tar ({error})"
        raise UnreadableVideoError(archive, cause, "fetch it again from its source") from error


def files_of(path: Path, *, every: int = 1) -> Generator[Path]:
    """The files that a reader opens one after the other: the path itself, every `every`-th picture of a
    folder, or the member of a tar in a file that is there while the caller looks at it.

    Raises `UnreadableVideoError` for an empty folder and a member that is not in its tar.
    """
    if (inside := in_archive(path)) is not None:
        archive, member = inside
        if member not in members(archive):
            raise UnreadableVideoError(path, "is not in that tar", "check the path")
        start, size = members(archive)[member]
        with tempfile.TemporaryDirectory() as folder, archive.open("rb") as file:
            file.seek(start)
            # Its own name, for the messages of the reader.
            copy = Path(folder) / path.name
            copy.write_bytes(file.read(size))
            yield copy
    elif path.is_dir():
        pictures = pictures_in(path)
        if not pictures:
            raise UnreadableVideoError(path, "is a folder without pictures", "unpack its frames again")
        yield from pictures[::every]
    else:
        yield path


def _by_number(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]
