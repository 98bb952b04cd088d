"""The plain manifest: a CSV or JSON lines that lists labelled material, one record a row."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from forensics.data.faces import DatasetError, FaceRecord, Label, Split
from forensics.whole_file import whole_file

COLUMNS = ("path", "label", "split", "method", "identity", "group")
OPTIONAL_COLUMNS = ("compression",)
SUFFIXES = (".csv", ".jsonl")
# Folders whose name says what lies in them, as the published datasets call them.
_CLAIMS = {"real": True, "0_real": True, "fake": False, "1_fake": False}


def read_manifest(path: Path, *, root: Path | None = None) -> list[FaceRecord]:
    """The records of a `.csv` or `.jsonl` manifest with the columns `path,label,split,method,identity,group`
    and perhaps `compression`, whether or not their files are there.

    Relative paths are taken from `root`, by default the manifest's folder; an empty identity is the path.
    Raises `DatasetError`, naming file and line, for missing columns, unknown labels or splits, labels that
    contradict the folder (real, 0_real, fake, 1_fake) and files that are listed with two labels.
    """
    rows = manifest_rows(path)
    base = path.parent if root is None else root
    records = []
    labels: dict[Path, Label] = {}
    for number, row in rows:
        record = _record(path, number, row, base)
        known = labels.setdefault(record.path, record.label)
        if known is not record.label:
            raise DatasetError(f"{path}, line {number}: {row['path']} is {record.label} here, {known} above")
        records.append(record)
    if not records:
        raise DatasetError(f"{path}: the manifest lists nothing")
    return records


def manifest_rows(path: Path) -> Iterable[tuple[int, Mapping[str, object]]]:
    """The rows of a `.csv` or `.jsonl` file by their columns, each with the number of its line.

    Raises `DatasetError` for another suffix, what cannot be read, and a line that is no JSON object.
    """
    if path.suffix not in SUFFIXES:
        raise DatasetError(f"{path}: a manifest ends in {' or '.join(SUFFIXES)}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as a manifest: {error}") from error
    return _json_rows(path, text) if path.suffix == ".jsonl" else _csv_rows(text)


def write_manifest(records: Sequence[FaceRecord], path: Path) -> None:
    """Write the records as the `.csv` or `.jsonl` manifest that `read_manifest` reads.

    Paths below the manifest's folder are written relative to it, others absolute. Raises `DatasetError` for
    another suffix, OutputError where the file cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise DatasetError(f"{path}: a manifest ends in {' or '.join(SUFFIXES)}")
    base = Path(os.path.abspath(path.parent))
    rows = [_row(record, base) for record in records]
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(file, COLUMNS + OPTIONAL_COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def _row(record: FaceRecord, base: Path) -> dict[str, str]:
    # Not resolved: a link stays the link that the user pointed at.
    path = Path(os.path.abspath(record.path))
    return {
        "path": str(path.relative_to(base) if path.is_relative_to(base) else path),
        "label": record.label.value,
        "split": record.split.value,
        "method": record.method,
        "identity": record.identity,
        "group": record.group,
        "compression": record.compression,
    }


def _csv_rows(text: str) -> Iterable[tuple[int, Mapping[str, object]]]:
    return enumerate(csv.DictReader(io.StringIO(text, newline="")), start=2)


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(text.split("\n"), start=1):
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
    where = f"{manifest}, line {number}"
    absent = [name for name in COLUMNS if row.get(name) is None]
    if absent:
        raise DatasetError(f"{where}: no {', '.join(absent)}; columns: {', '.join(COLUMNS)}")
    values = {name: str(row[name]) for name in COLUMNS}
    try:
        label, split = Label(values["label"]), Split(values["split"])
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from error
    folders = [part.lower() for part in Path(values["path"]).parts[:-1]]
    claims = [name for name in reversed(folders) if name in _CLAIMS]
    if claims and _CLAIMS[claims[0]] != (label is Label.REAL):
        raise DatasetError(f"{where}: {values['path']} is labelled {label}, its folder says {claims[0]!r}")
    return FaceRecord(
        base / values["path"],
        label,
        split,
        values["method"],
        values["identity"] or values["path"],
        values["group"],
        str(row.get("compression") or ""),
    )
