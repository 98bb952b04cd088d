"""WildDeepfake (Zi et al., ACM MM 2020): faces cut from internet videos, as numbered pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from forensics.data.dataset import Dataset, ReadOptions, compare
from forensics.data.faces import DatasetError, FaceRecord, Label, Split
from forensics.data.folders import entries
from forensics.data.media import pictures_in

SUMMARY = "sequences of aligned faces from internet videos, official train and test; nobody is named"
LAYOUT = "real_train, fake_train, real_test, fake_test, each with its archives unpacked: 0/real/3/*.png"
SPLIT_FILES: tuple[str, ...] = ()

_FOLDERS = {
    f"{label}_{split}": (label, split)
    for label in (Label.REAL, Label.FAKE)
    for split in (Split.TRAIN, Split.TEST)
}
_METHOD = "internet"
_ARCHIVE = ".tar.gz"


def read(root: Path, options: ReadOptions) -> Dataset:
    """Each sequence is one record, each archive one identity: its videos are of the same people. An archive
    that was not unpacked is missing. See `forensics.data.dataset.DatasetModule`."""
    records, present = [], []
    for name, (label, split) in _FOLDERS.items():
        for path in entries(root / name):
            if path.name.endswith(_ARCHIVE):
                unpacked = path.with_name(path.name.removesuffix(_ARCHIVE))
                if not unpacked.is_dir():
                    records.append(FaceRecord(unpacked, label, split, _METHOD, _identity(name, unpacked)))
                continue
            found = list(_sequences(path))
            present.extend(found or [path])
            for folder in found:
                claims = {str(kind) for kind in Label}.intersection(folder.relative_to(root).parts)
                if claims - {label}:
                    raise DatasetError(f"{folder}: lies in a folder {min(claims - {label})!r} of {name}")
                records.append(FaceRecord(folder, label, split, _METHOD, _identity(name, path)))
    return compare(root, records, present)


def _identity(folder: str, archive: Path) -> str:
    return f"wilddeepfake:{folder}/{archive.name}"


def _sequences(folder: Path) -> Iterator[Path]:
    """The folders that hold pictures, this one or at most two levels below."""
    level = [folder]
    for _ in range(3):
        level = [path for path in level if path.is_dir()]
        yield from (path for path in level if pictures_in(path))
        level = [below for path in level for below in entries(path)]
