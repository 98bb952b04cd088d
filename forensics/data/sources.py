"""The training material this project was given: which folder holds what, as records.

The table of uses (`MANIFEST.tsv`) decides: only rows whose `use` is `train` are listed, whatever lies on
disk. A row `images/NAME.tar` stands for the unpacked folder `NAME`, a row `video/NAME` for that clip.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from forensics.data.dataset import ReadOptions
from forensics.data.faces import DatasetError, FaceRecord, Label, Split, split_by_identity
from forensics.datasets import utkface

# Detectors meet adults; an infant's head has other proportions than the outline model's.
MIN_AGE_YEARS = 10


def training_records(
    uses: Path, images: Path, videos: Path, *, seed: int, val_ratio: float = 0.15
) -> list[FaceRecord]:
    """Every picture and clip that the table `uses` marks `train`, split by identity, in a fixed order.

    `images` holds the unpacked folders, `videos` the clips. Raises `DatasetError` for a table without
    train rows, a source nobody described here, and folders or clips that are not there.
    """
    with uses.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["use"] == "train"]
    if not rows:
        raise DatasetError(f"{uses}: no row is marked train")
    records: list[FaceRecord] = []
    for row in rows:
        name = Path(row["file"])
        if name.parts[0] == "video":
            records.append(_clip(videos / name.name, Label(row["label"])))
        elif name.stem in _FOLDERS:
            folder = images / name.stem
            if not folder.is_dir():
                raise DatasetError(f"{folder}: not there; unpack {name.name} into it")
            found = _FOLDERS[name.stem](folder)
            if not found:
                raise DatasetError(f"{folder}: holds no picture of the expected layout")
            records.extend(found)
        else:
            raise DatasetError(f"{uses}: {row['file']} is marked train but has no reader")
    ordered = sorted(records, key=lambda record: str(record.path))
    return split_by_identity(ordered, seed, val_ratio=val_ratio)


def _clip(path: Path, label: Label) -> FaceRecord:
    if not path.is_file():
        raise DatasetError(f"{path}: not there")
    return FaceRecord(path, label, Split.TRAIN, "liveportrait_examples", f"clip:{path.stem}")


def _utkface(folder: Path) -> list[FaceRecord]:
    """The dataset's own records, less the children."""
    return [
        replace(record, split=Split.TRAIN)
        for record in utkface.read(folder, ReadOptions()).records
        if int(record.path.name.partition("_")[0]) >= MIN_AGE_YEARS
    ]


def _named(source: str) -> Callable[[Path], list[FaceRecord]]:
    """Sources whose files are called First_Last_number. The name alone is the identity, so that a person
    met in two sources stays in one split."""

    def read(folder: Path) -> list[FaceRecord]:
        return [
            FaceRecord(path, Label.REAL, Split.TRAIN, source, path.stem.rpartition("_")[0].lower())
            for path in _pictures(folder)
        ]

    return read


def _labelled(source: str) -> Callable[[Path], list[FaceRecord]]:
    """Sources with a `labels.csv` of file and label; every picture is its own identity."""

    def read(folder: Path) -> list[FaceRecord]:
        records = []
        for table in sorted(folder.rglob("labels.csv")):
            with table.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    path = table.parent / row["file"]
                    if not path.is_file():
                        raise DatasetError(f"{table}: {path} does not exist")
                    # These sets call their generated faces fake.
                    label = Label.REAL if row["label"] == Label.REAL else Label.GENERATED
                    method = source if label is Label.REAL else "stylegan"
                    identity = f"{source}:{row['file']}"
                    records.append(FaceRecord(path, label, Split.TRAIN, method, identity))
        return records

    return read


def _deepface(folder: Path) -> list[FaceRecord]:
    """Who is who is told by pairs only: all pictures stay together in one split."""
    pictures = [path for path in _pictures(folder) if path.stem.startswith("img")]
    return [FaceRecord(path, Label.REAL, Split.TRAIN, "deepface", "deepface:all") for path in pictures]


def _pictures(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})


_FOLDERS: dict[str, Callable[[Path], list[FaceRecord]]] = {
    "deepface_pairs": _deepface,
    "ffhq_vs_stylegan_176": _labelled("ffhq"),
    "generated_faces_800": _labelled("generated_photos"),
    "krasserm_lfw_color_10x10": _named("lfw_colour"),
    "lfw_gray_400x2": _named("lfw_grey"),
    "stylegan_vs_photo_1292": _labelled("unsplash"),
    "utkface_7000": _utkface,
    "youtubefaces_782": _named("youtube_faces"),
}
