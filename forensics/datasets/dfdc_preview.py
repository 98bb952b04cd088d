"""The DFDC preview (Dolhansky et al., 2019): two unnamed methods and the originals, listed in one file."""

from __future__ import annotations

import re
from pathlib import Path

from forensics.data.dataset import Dataset, ReadOptions, compare
from forensics.data.faces import DatasetError, FaceRecord, Label, Split, joined
from forensics.data.folders import wrong_layout
from forensics.data.media import VIDEO_SUFFIXES
from forensics.datasets.dfdc import listed_name, read_table

SUMMARY = "5000 videos of paid actors, two unnamed methods, official train and test"
LAYOUT = "dataset.json, original_videos/ACTOR/*.mp4, method_A/ACTOR/*/*.mp4 and method_B/ACTOR/*/*.mp4"
SPLIT_FILES: tuple[str, ...] = ()

_LIST = "dataset.json"
_REAL_FOLDER = "original_videos"
# 1255229_1003254_A_001: the face put on and the actor; 1003254_A_001: the actor.
_ACTORS = re.compile(r"(\d{4,})(?:_(\d{4,}))?_.*")


def read(root: Path, options: ReadOptions) -> Dataset:
    """Everything that dataset.json lists; see `forensics.data.dataset.DatasetModule`."""
    table = root / _LIST
    if not table.is_file():
        raise wrong_layout(root, LAYOUT)
    records = []
    folders = set()
    for name, row in read_table(table).items():
        path = listed_name(table, name)
        method = path.parts[0]
        try:
            label, split = Label(str(row.get("label")).lower()), Split(str(row.get("set")).lower())
        except ValueError as error:
            raise DatasetError(f"{table}: {name}: {error}") from error
        if (label is Label.REAL) != (method == _REAL_FOLDER):
            raise DatasetError(f"{table}: {name} is labelled {label}, which its folder contradicts")
        actors = _ACTORS.fullmatch(path.stem)
        people = [actor for actor in actors.groups() if actor] if actors else [path.stem]
        identity = joined(*(f"dfdc_preview:{person}" for person in people))
        records.append(FaceRecord(root / path, label, split, method, identity))
        folders.add(root / method)
    videos = (
        path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES
    )
    return compare(root, records, videos)
