"""DFDC (Dolhansky et al., 2020): the parts of the challenge's training set and its labelled test sets."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from forensics.data.dataset import Dataset, ReadOptions, compare
from forensics.data.faces import DatasetError, FaceRecord, Label, Split
from forensics.data.folders import entries

SUMMARY = "the Deepfake Detection Challenge; methods are not told; a fake has its original's identity"
LAYOUT = (
    "dfdc_train_part_N/ (or train/dfdc_train_part_N/, train_sample_videos/, validation/, test/) with videos "
    "and metadata.json or labels.csv"
)
SPLIT_FILES: tuple[str, ...] = ()

METHOD = "dfdc"
_METADATA, _LABELS = "metadata.json", "labels.csv"
_LABEL = {"REAL": Label.REAL, "FAKE": Label.FAKE, "0": Label.REAL, "1": Label.FAKE}
_SPLIT = {"train": Split.TRAIN, "validation": Split.VAL, "val": Split.VAL, "test": Split.TEST}


def read(root: Path, options: ReadOptions) -> Dataset:
    """Every part that has labels, the folder itself or two levels below; see
    `forensics.data.dataset.DatasetModule`."""
    records: list[FaceRecord] = []
    present: list[Path] = []
    for part in _parts(root):
        records.extend(_records(part))
        present.extend(path for path in entries(part) if path.name not in (_METADATA, _LABELS))
    return compare(root, records, present)


def listed_name(where: Path, name: str) -> Path:
    """A file name out of a dataset's list. Raises `DatasetError` where it leads out of the dataset."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not path.name:
        raise DatasetError(f"{where}: lists {name!r}, which leads out of the dataset")
    return path


def read_table(path: Path) -> Mapping[str, Mapping[str, object]]:
    """A JSON object of objects, by file name. Raises `DatasetError` for anything else."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{path}: is not JSON: {error}") from error
    if not isinstance(table, dict) or not all(isinstance(entry, dict) for entry in table.values()):
        raise DatasetError(f"{path}: is no object with an object for each video")
    return table


def _parts(root: Path) -> list[Path]:
    below = [folder for folder in entries(root) if folder.is_dir()]
    further = [folder for above in below for folder in entries(above) if folder.is_dir()]
    return [
        folder
        for folder in (root, *below, *further)
        if (folder / _METADATA).is_file() or (folder / _LABELS).is_file()
    ]


def _records(part: Path) -> Iterator[FaceRecord]:
    table = part / _METADATA
    if table.is_file():
        rows = read_table(table)
    else:
        table = part / _LABELS
        with table.open(encoding="utf-8", newline="") as file:
            rows = {str(row.get("filename")): row for row in csv.DictReader(file)}
    for name, row in rows.items():
        # The test set's table says is_fake, labels.csv 0 and 1.
        label = _LABEL.get(str(row.get("label", row.get("is_fake"))).upper())
        split = _SPLIT.get(str(row.get("split", part.name)).lower())
        if label is None or split is None:
            raise DatasetError(
                f"{table}: {name} needs a label, REAL or FAKE, and a split, train, validation or test"
            )
        original = row.get("original")
        if original and label is Label.REAL:
            raise DatasetError(f"{table}: {name} is labelled REAL but is made from {original}")
        path = part / listed_name(table, name)
        identity = f"dfdc:{Path(str(original or name)).stem}"
        yield FaceRecord(path, label, split, METHOD, identity)
