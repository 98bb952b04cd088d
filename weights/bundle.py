"""Weights for a machine without a network: one tar file of the cache, checked again when it is read."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weights.errors import CorruptWeightsError, MissingWeightsError, SourceError, WeightsError
from weights.planning import is_shipped
from weights.results import WeightFile
from weights.store import Store
from weights.streams import chunks_of, save

MANIFEST = "manifest.json"
FORMAT = "forensics weights bundle 1"
# A manifest of every weight of the registry has a few kilobytes.
MANIFEST_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True)
class BundleEntry:
    """One file of a bundle: the weight it is, its digest, and where the exporting machine had it from."""

    name: str
    sha256: str
    source: str
    size_bytes: int


def write_bundle(store: Store, bundle: Path, *, names: Sequence[str] | None = None) -> list[WeightFile]:
    """Write the cached weights (all of them, or `names`) to the tar file `bundle`, in one step.

    Files that come with the package are left out.

    Raises MissingWeightsError when there is nothing to export, CorruptWeightsError for a damaged cached file.
    """
    wanted = store.registry.names() if names is None else names
    # What comes with the package is used from there, and another version's has its own.
    exported = [name for name in wanted if not is_shipped(store.registry.get(name))]
    found = [weight for name in exported if (weight := store.present(name)) is not None]
    missing = sorted(set(names or ()) - {weight.name for weight in found})
    if missing or not found:
        what = ", ".join(missing) or "the cache is empty"
        raise MissingWeightsError(
            f"{bundle}: nothing to export ({what}); `forensics weights fetch NAME` first, except for what "
            "comes with the package"
        )
    entries = [
        BundleEntry(weight.name, weight.sha256, weight.source, weight.path.stat().st_size) for weight in found
    ]
    manifest = json.dumps({"format": FORMAT, "weights": [vars(entry) for entry in entries]}, indent=1)
    part = bundle.with_name(bundle.name + ".part")
    try:
        with tarfile.open(part, "w") as archive:
            _add_bytes(archive, MANIFEST, manifest.encode("utf-8"))
            for weight in found:
                archive.add(weight.path, arcname=weight.name, recursive=False, filter=_anonymous)
        os.replace(part, bundle)
    except OSError as error:
        raise WeightsError(
            f"{bundle}: cannot be written ({error.strerror or error}); make room or name another file"
        ) from error
    finally:
        # On a disk that can only be read, even this is refused.
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return found


def read_bundle(store: Store, bundle: Path) -> list[WeightFile]:
    """Take every weight of `bundle` into the cache of `store`, each under the same checks as an import.

    Raises CorruptWeightsError for a file that is no bundle or holds other bytes than it or the registry says,
    UnknownWeightsError for a weight this version does not know. What was imported before the fault stays.
    Files that come with the package are passed over.
    """
    try:
        with tarfile.open(bundle, "r:") as archive:
            entries = _entries(archive, bundle)
            taken = [entry for entry in entries if not is_shipped(store.registry.get(entry.name))]
            return [_take(store, archive, bundle, entry) for entry in taken]
    except (tarfile.TarError, EOFError) as error:
        raise CorruptWeightsError(
            f"{bundle}: not a weights bundle, or cut off ({error}); export it again"
        ) from error
    except FileNotFoundError as error:
        raise MissingWeightsError(f"{bundle}: no such file") from error
    except IsADirectoryError as error:
        raise MissingWeightsError(f"{bundle}: a folder, where a bundle made by `export` must be") from error


def _take(store: Store, archive: tarfile.TarFile, bundle: Path, entry: BundleEntry) -> WeightFile:
    spec = store.registry.get(entry.name)
    with tempfile.TemporaryDirectory(prefix="forensics-bundle-") as folder:
        target = Path(folder) / spec.file
        try:
            found = save(
                chunks_of(_member(archive, entry.name, bundle)), target, limit_bytes=entry.size_bytes
            )
        except SourceError as error:
            raise CorruptWeightsError(
                f"{bundle}: {entry.name} {error}, by its manifest; export it again"
            ) from error
        if found != entry.sha256:
            raise CorruptWeightsError(
                f"{bundle}: {entry.name} has the sha256 {found}, its manifest says {entry.sha256}; "
                "export it again"
            )
        try:
            return store.import_file(
                entry.name, target, origin=f"bundle {bundle.name}, there: {entry.source}"
            )
        except CorruptWeightsError as error:
            # Not the store's own line: it names the file in a folder that is gone by now.
            raise CorruptWeightsError(
                f"{bundle}: its {entry.name} cannot be imported ({error.cause}); export it again, with this "
                "version"
            ) from error


def _entries(archive: tarfile.TarFile, bundle: Path) -> list[BundleEntry]:
    text = _member(archive, MANIFEST, bundle).read(MANIFEST_LIMIT_BYTES)
    try:
        content: dict[str, Any] = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}")
        entries = [
            BundleEntry(str(raw["name"]), str(raw["sha256"]), str(raw["source"]), int(raw["size_bytes"]))
            for raw in content["weights"]
        ]
        if not entries:
            raise ValueError("it names no weights")
        if least := [entry.name for entry in entries if entry.size_bytes < 0]:
            raise ValueError(f"{least[0]} has less than no bytes")
        return entries
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptWeightsError(f"{bundle}: its manifest is damaged ({error}); export it again") from error


def _member(archive: tarfile.TarFile, name: str, bundle: Path) -> Any:
    try:
        stream = archive.extractfile(archive.getmember(name)) if archive.getmember(name).isreg() else None
    except KeyError:
        stream = None
    if stream is None:
        raise CorruptWeightsError(f"{bundle}: has no {name}; it is not a weights bundle, or was changed")
    return stream


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """A bundle carries weights, not the account names and times of the machine it was made on."""
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    info.mode = 0o644
    return info
