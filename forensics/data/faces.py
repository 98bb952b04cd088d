"""Labelled face material: one record per picture or clip, manifests that list them, splits by identity."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from forensics.errors import ExitCode, ForensicsError

COLUMNS = ("path", "label", "split", "method", "identity", "group")
# So many names are spelled out in a message; the rest are counted.
_NAMES_IN_MESSAGE = 5


class DatasetError(ForensicsError):
    """Training or evaluation material is missing, mislabelled or split wrongly."""

    exit_code = ExitCode.INPUT


class Label(StrEnum):
    """`FAKE` is a real picture that was manipulated, `GENERATED` one that no camera took."""

    REAL = "real"
    FAKE = "fake"
    GENERATED = "generated"


class Split(StrEnum):
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


@dataclass(frozen=True)
class FaceRecord:
    """One picture or clip. `identity` names who (or, unknown, which clip) must not lie in two splits;
    `method` is the manipulation, or the source of a real picture; `group` is free (age, sex, ...)."""

    path: Path
    label: Label
    split: Split
    method: str
    identity: str
    group: str = ""


def read_manifest(path: Path, *, root: Path | None = None, allow_leaks: bool = False) -> list[FaceRecord]:
    """The records of a `.csv` or `.jsonl` manifest with the columns `path,label,split,method,identity,group`.

    Relative paths are taken from `root`, by default the manifest's folder; an empty identity is the path.
    Raises `DatasetError`, naming file and line, for missing columns, unknown labels or splits, files that
    do not exist, and, unless `allow_leaks`, identities in more than one split.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as a manifest: {error}") from error
    rows: Iterable[tuple[int, Mapping[str, object]]]
    if path.suffix == ".csv":
        rows = ((number, row) for number, row in enumerate(csv.DictReader(text.splitlines()), start=2))
    elif path.suffix == ".jsonl":
        rows = _json_rows(path, text)
    else:
        raise DatasetError(f"{path}: a manifest ends in .csv or .jsonl")
    base = root or path.parent
    records = [_record(path, number, row, base) for number, row in rows]
    if not records:
        raise DatasetError(f"{path}: the manifest lists nothing")
    missing = [str(record.path) for record in records if not record.path.is_file()]
    if missing:
        raise DatasetError(f"{path}: {len(missing)} files do not exist: {_some(missing)}")
    if not allow_leaks:
        check_leaks(records)
    return records


def check_leaks(records: Sequence[FaceRecord]) -> None:
    """Raise `DatasetError` if an identity lies in more than one split."""
    splits: dict[str, set[Split]] = defaultdict(set)
    for record in records:
        splits[record.identity].add(record.split)
    leaking = sorted(identity for identity, where in splits.items() if len(where) > 1)
    if leaking:
        raise DatasetError(f"{len(leaking)} identities lie in more than one split: {_some(leaking)}")


def split_by_identity(
    records: Sequence[FaceRecord], seed: int, *, val_ratio: float = 0.15
) -> list[FaceRecord]:
    """The records with `split` set to train or val by a hash of seed and identity.

    A record keeps its split whatever else is added or left out.
    """

    def split(identity: str) -> Split:
        digest = hashlib.sha256(f"{seed}:{identity}".encode()).digest()
        return Split.VAL if int.from_bytes(digest[:8], "big") < val_ratio * 2**64 else Split.TRAIN

    return [replace(record, split=split(record.identity)) for record in records]


def _json_rows(path: Path, text: str) -> Iterable[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DatasetError(f"{path}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise DatasetError(f"{path}, line {number}: each line must be a JSON object")
        yield number, row


def _record(manifest: Path, number: int, row: Mapping[str, object], base: Path) -> FaceRecord:
    absent = [name for name in COLUMNS if row.get(name) is None]
    if absent:
        raise DatasetError(
            f"{manifest}, line {number}: no {', '.join(absent)}; columns: {', '.join(COLUMNS)}"
        )
    values = {name: str(row[name]) for name in COLUMNS}
    try:
        label, split = Label(values["label"]), Split(values["split"])
    except ValueError as error:
        raise DatasetError(f"{manifest}, line {number}: {error}") from error
    identity = values["identity"] or values["path"]
    return FaceRecord(base / values["path"], label, split, values["method"], identity, values["group"])


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_IN_MESSAGE
    return ", ".join(names[:_NAMES_IN_MESSAGE]) + (f" and {more} more" if more > 0 else "")
