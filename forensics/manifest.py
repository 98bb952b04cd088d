"""manifest.json: every output of an analysis with its size and digest, and the evidence they speak of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from forensics.report.facts import storable
from forensics.report.json import to_plain
from forensics.report.model import EvidenceFacts
from forensics.report.read import read_checked
from forensics.run_facts import tool_version
from weights.streams import sha256_of

FILE_NAME = "manifest.json"
SCHEMA_VERSION = "1.0"


@dataclass(frozen=True)
class ListedFile:
    """A file by its name, or its path below the folder with `/`, and the bytes it must hold."""

    name: str
    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        path = PurePosixPath(self.name)
        if not path.parts or path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{self.name!r} leaves the folder")


@dataclass(frozen=True)
class Manifest:
    """What lies in an output folder beside the manifest itself, and the evidence it was made from."""

    schema_version: str
    tool_version: str
    evidence: ListedFile
    outputs: tuple[ListedFile, ...]


def write_manifest(folder: Path, evidence: EvidenceFacts, *, kept: Iterable[ListedFile] = ()) -> Path:
    """List all that is in `folder`, and the files `kept` from before that it has no newer ones of."""
    outputs = {one.name: one for one in kept}
    outputs |= {name: listed(folder / name, name) for name in files_in(folder)}
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        tool_version=tool_version(),
        evidence=ListedFile(evidence.file_name, evidence.size_bytes, evidence.sha256),
        outputs=tuple(outputs[name] for name in sorted(outputs)),
    )
    path = folder / FILE_NAME
    path.write_text(json.dumps(to_plain(manifest), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_manifest(folder: Path) -> Manifest:
    """The manifest of `folder`. Raises ReportError for one that is missing or damaged."""
    return read_checked(
        folder / FILE_NAME,
        Manifest,
        schema_version=SCHEMA_VERSION,
        remedy="restore it from a copy or analyse the video again",
    )


def listed(path: Path, name: str) -> ListedFile:
    """The size and digest that `path` has now, under `name`."""
    return ListedFile(name, path.stat().st_size, sha256_of(path))


def files_in(folder: Path) -> tuple[str, ...]:
    """The paths below `folder` of all files in it but the manifest, in order."""
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return tuple(sorted(storable(name) for name in files if name != FILE_NAME))
