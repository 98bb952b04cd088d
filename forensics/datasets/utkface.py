"""UTKFace (Zhang et al., CVPR 2017): real faces only, whose names say age, sex and race."""

from __future__ import annotations

import re
from pathlib import Path

from forensics.data.dataset import Dataset, ReadOptions, compare
from forensics.data.faces import FaceRecord, Label, Split
from forensics.data.folders import wrong_layout
from forensics.data.media import PICTURE_SUFFIXES

SUMMARY = (
    "real faces with age, sex and race in their names: how often each group is called fake; all are test"
)
LAYOUT = "AGE_SEX_RACE_TIME.jpg, in folders or not"
SPLIT_FILES: tuple[str, ...] = ()

# A few names lack the race.
_NAME = re.compile(r"(?P<age>\d{1,3})_(?P<sex>[01])_((?P<race>[0-4])_)?\d+\.")
_AGE_BAND_YEARS = 20


def read(root: Path, options: ReadOptions) -> Dataset:
    """Nobody is named, so every picture is its own identity; see `forensics.data.dataset.DatasetModule`."""
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    records = [
        FaceRecord(path, Label.REAL, Split.TEST, "utkface", f"utkface:{path.name}", group)
        for path in files
        if (group := group_of(path.name)) is not None
    ]
    if not records:
        raise wrong_layout(root, LAYOUT)
    return compare(root, records, files)


def group_of(name: str) -> str | None:
    """What a picture's name says, as `age=20-39;sex=0;race=1` in the dataset's own codes.

    `None` for a name that is not of the dataset.
    """
    said = _NAME.match(name)
    if said is None:
        return None
    band = int(said["age"]) // _AGE_BAND_YEARS * _AGE_BAND_YEARS
    return f"age={band}-{band + _AGE_BAND_YEARS - 1};sex={said['sex']};race={said['race'] or 'unknown'}"
