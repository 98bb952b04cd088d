"""The layout of CNNDetection (Wang et al., CVPR 2020), ProGAN's training set and UniversalFakeDetect (Ojha et
al., CVPR 2023): one folder for each generator and class, real and fake pictures apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from forensics.data.dataset import Dataset, ReadOptions, compare
from forensics.data.faces import FaceRecord, Label, Split
from forensics.data.folders import entries
from forensics.data.media import PICTURE_SUFFIXES

SUMMARY = "ProGAN, CNNDetection and UniversalFakeDetect: pictures by generator; no split folder means test"
LAYOUT = "[train|val|test/]GENERATOR/[CLASS/]{0_real,1_fake}/*.png"
SPLIT_FILES: tuple[str, ...] = ()

_REAL, _FAKE = "0_real", "1_fake"
# These alter a photograph; the other generators make the whole picture.
_ALTERING = frozenset(["cyclegan", "deepfake", "san", "seeingdark", "stargan"])
_SPLITS = {split.value: split for split in Split}


def read(root: Path, options: ReadOptions) -> Dataset:
    """Each picture is one record and its own identity; see `forensics.data.dataset.DatasetModule`."""
    records: list[FaceRecord] = []
    present: list[Path] = []
    for folder in _labelled_folders(root):
        paths = entries(folder)
        present.extend(paths)
        # The folder that was given may itself be the split or the generator.
        above = [root.name, *folder.relative_to(root).parts[:-1]]
        named = next((place for place, name in enumerate(above) if name in _SPLITS), None)
        split = Split.TEST if named is None else _SPLITS[above[named]]
        inside = above[1:] if named is None else above[named + 1 :]
        method, *classes = inside or [root.name]
        altered = Label.FAKE if method in _ALTERING else Label.GENERATED
        records.extend(
            FaceRecord(
                path,
                Label.REAL if folder.name == _REAL else altered,
                split,
                method,
                f"{method}:{path.relative_to(root).as_posix()}",
                f"class={'/'.join(classes)}" if classes else "",
            )
            for path in paths
            if path.suffix.lower() in PICTURE_SUFFIXES
        )
    return compare(root, records, present)


def _labelled_folders(root: Path) -> Iterator[Path]:
    seen = set()
    for place, folders, _ in os.walk(root, followlinks=True):
        # A link may lead back to a folder above.
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        labelled = [name for name in folders if name in (_REAL, _FAKE)]
        yield from (Path(place) / name for name in labelled)
        folders[:] = [name for name in folders if name not in labelled]
