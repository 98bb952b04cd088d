"""DeepFakeDetection (Google and Jigsaw, 2019), in the folders of FaceForensics++ it comes in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from forensics.data.dataset import Dataset, ReadOptions, compare
from forensics.data.faces import FaceRecord, Label, Split, joined
from forensics.data.folders import entries

SUMMARY = "28 paid actors and face swaps between them; it has no official split: all is test"
LAYOUT = (
    "original_sequences/actors and manipulated_sequences/DeepFakeDetection, in each {raw,c0,c23,c40}/videos "
    "with 01__SCENE.mp4 and 01_02__SCENE__CODE.mp4 (or images/NAME/*.png)"
)
SPLIT_FILES: tuple[str, ...] = ()

SWAPS = Path("manipulated_sequences/DeepFakeDetection")
_ACTORS = Path("original_sequences/actors")
# The lossless videos were called c0 first and raw later.
_COMPRESSIONS = {"raw": "c0", "c0": "c0", "c23": "c23", "c40": "c40"}
_ACTOR_NAME = re.compile(r"(\d+)__.+")
# Whose video it is, then whose face was put on.
_SWAP_NAME = re.compile(r"(\d+)_(\d+)__.+__[A-Z0-9]+")


def read(root: Path, options: ReadOptions) -> Dataset:
    """The sequences of actors; see `forensics.data.dataset.DatasetModule`."""
    return compare(root, *actor_records(root))


def actor_records(root: Path) -> tuple[list[FaceRecord], list[Path]]:
    """The records of actors in a FaceForensics++ folder, and all that lies among them."""
    records, present = [], []
    for folder, label, pattern in ((_ACTORS, Label.REAL, _ACTOR_NAME), (SWAPS, Label.FAKE, _SWAP_NAME)):
        for compression, paths in sequences(root / folder):
            present.extend(paths)
            for path in paths:
                if name := pattern.fullmatch(path.stem):
                    identity = joined(*(f"dfd:{actor}" for actor in name.groups()))
                    records.append(
                        FaceRecord(path, label, Split.TEST, folder.name, identity, compression=compression)
                    )
    return records, present


def sequences(method: Path) -> Iterator[tuple[str, list[Path]]]:
    """Each compression in a method's folder with all that lies in it: videos or, where only frames were
    fetched, a folder of frames for each."""
    for name, compression in _COMPRESSIONS.items():
        kinds = (entries(method / name / kind) for kind in ("videos", "images", "frames"))
        if paths := next(filter(None, kinds), None):
            yield compression, paths
