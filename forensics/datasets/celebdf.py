"""Celeb-DF v1 and v2 (Li et al., CVPR 2020): celebrities, swaps between them, and the official test list."""

from __future__ import annotations

import re
from pathlib import Path

from forensics.data.dataset import Dataset, ReadOptions, compare
from forensics.data.faces import DatasetError, FaceRecord, Label, Split, joined
from forensics.data.folders import entries, wrong_layout

SUMMARY = "v1 and v2: celebrities and face swaps between them; what the test list leaves is train"
LAYOUT = (
    "Celeb-real/id0_0000.mp4, YouTube-real/00000.mp4, Celeb-synthesis/id0_id1_0000.mp4 and "
    "List_of_testing_videos.txt"
)
SPLIT_FILES: tuple[str, ...] = ()

_TEST_LIST = "List_of_testing_videos.txt"
# The list writes 1 for real.
_LISTED = {"1": Label.REAL, "0": Label.FAKE}
_FOLDERS = {
    "Celeb-real": (Label.REAL, re.compile(r"(id\d+)_\d+")),
    "YouTube-real": (Label.REAL, re.compile(r"(\d+)")),
    # Whose video it is, then whose face was put on.
    "Celeb-synthesis": (Label.FAKE, re.compile(r"(id\d+)_(id\d+)_\d+")),
}


def read(root: Path, options: ReadOptions) -> Dataset:
    """The three folders; see `forensics.data.dataset.DatasetModule`."""
    test_list = root / _TEST_LIST
    if not test_list.is_file() or not any((root / folder).is_dir() for folder in _FOLDERS):
        raise wrong_layout(root, LAYOUT)
    test = _listed(root, test_list)
    present = [path for folder in _FOLDERS for path in entries(root / folder)]
    records = []
    for path in test.union(present):
        label, pattern = _FOLDERS[path.parent.name]
        if name := pattern.fullmatch(path.stem):
            identity = joined(*(f"celebdf:{person}" for person in name.groups()))
            split = Split.TEST if path in test else Split.TRAIN
            records.append(FaceRecord(path, label, split, path.parent.name, identity))
    others = (path for path in entries(root) if path.is_dir() and path.name not in _FOLDERS)
    return compare(root, records, [*present, *others])


def _listed(root: Path, test_list: Path) -> set[Path]:
    paths = set()
    for number, line in enumerate(test_list.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{test_list}, line {number}"
        listed, _, name = line.strip().partition(" ")
        folder, _, file = name.strip().partition("/")
        label, pattern = _FOLDERS.get(folder, (None, None))
        if listed not in _LISTED or pattern is None or not pattern.fullmatch(file.removesuffix(".mp4")):
            raise DatasetError(f"{where}: {line.strip()!r} is not 0 or 1 and FOLDER/VIDEO.mp4")
        if _LISTED[listed] is not label:
            raise DatasetError(f"{where}: {name} is listed as {_LISTED[listed]}, its folder says {label}")
        paths.add(root / folder / file)
    return paths
