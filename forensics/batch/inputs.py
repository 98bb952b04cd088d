"""What a batch is given: the files of a folder or of a manifest, in a fixed order, and what is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from forensics.data.faces import DatasetError
from forensics.data.plain_manifest import SUFFIXES as MANIFEST_SUFFIXES
from forensics.data.plain_manifest import manifest_rows
from forensics.errors import ExitCode, ForensicsError
from forensics.report.facts import storable
from video.errors import printable

# What files of the containers and pictures that the readers accept are called. Once a file is open its
# content decides, not its name.
SUFFIXES = frozenset((
    ".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mj2", ".mkv", ".webm", ".avi", ".ts", ".mts",
    ".m2ts", ".mpg", ".mpeg", ".vob", ".m2v", ".flv", ".f4v", ".wmv", ".asf", ".ogv", ".ogg",
    ".mxf", ".dv", ".ivf", ".obu", ".h264", ".264", ".hevc", ".h265", ".265", ".gif", ".apng",
    ".dav", ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff",
))  # fmt: skip


class BatchInputError(ForensicsError):
    """What was given holds nothing that could be analysed."""

    exit_code = ExitCode.INPUT


@dataclass(frozen=True)
class InputFile:
    """A file to analyse. `name` is its path below the folder, or as the manifest has it."""

    path: Path
    name: str


@dataclass(frozen=True)
class LeftOut:
    """Something in the folder that is not taken, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Inputs:
    """The files in the order in which they are listed, and everything else that lies there."""

    files: tuple[InputFile, ...]
    left_out: tuple[LeftOut, ...]


def list_inputs(source: Path) -> Inputs:
    """The files of a folder, searched with all folders below it, or of a `.csv` or `.jsonl` manifest.

    A folder is listed by name; links in it are not followed. A manifest needs the column `path`, relative
    to its own folder, and keeps its order; a path listed twice counts once. Files that a manifest lists are
    taken whether or not they are there. Raises BatchInputError where nothing is left, and DatasetError for
    a manifest that cannot be read.
    """
    if source.is_dir():
        inputs = _in_folder(source)
    elif source.suffix in MANIFEST_SUFFIXES:
        inputs = _in_manifest(source)
    else:
        cause = "is neither a folder nor a manifest" if source.exists() else "does not exist"
        raise BatchInputError(
            f"{printable(source)}: {cause}; name a folder of videos, or a .csv or .jsonl with a column path"
        )
    if not inputs.files:
        more = f" ({len(inputs.left_out)} other things lie there)" if inputs.left_out else ""
        raise BatchInputError(
            f"{printable(source)}: holds no video{more}; name a folder or manifest that does"
        )
    return inputs


def _in_folder(root: Path) -> Inputs:
    files: list[InputFile] = []
    left_out: list[LeftOut] = []
    for path, reason in _walk(root):
        name = storable(path.relative_to(root).as_posix())
        if reason is None:
            files.append(InputFile(path, name))
        else:
            left_out.append(LeftOut(name, reason))
    return Inputs(tuple(files), tuple(left_out))


def _walk(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Everything below `folder` by name, each with the reason why it is not taken, if there is one."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        yield folder, f"cannot be read: {error.strerror}"
        return
    for entry in found:
        path = Path(entry.path)
        if entry.name.startswith("."):
            yield path, "hidden"
        elif entry.is_symlink():
            yield path, "a symbolic link"
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(path)
        elif not entry.is_file(follow_symlinks=False):
            yield path, "no regular file"
        elif path.suffix.lower() not in SUFFIXES:
            yield path, "not called like a video or picture"
        else:
            yield path, None


def _in_manifest(manifest: Path) -> Inputs:
    files: dict[Path, InputFile] = {}
    for number, row in manifest_rows(manifest):
        given = row.get("path")
        if not isinstance(given, str) or not given or "\0" in given:
            raise DatasetError(
                f"{printable(manifest)}, line {number}: no path; it needs a column called path"
            )
        path = manifest.parent / given
        files.setdefault(path, InputFile(path, storable(given)))
    return Inputs(tuple(files.values()), ())
