"""D3 of ELSA (Baraldi et al., ECCV 2024): WebDataset shards of a photograph and four generated pictures, and
the test set's folders."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from forensics.data.dataset import Dataset, ReadOptions, compare
from forensics.data.faces import FaceRecord, Label, Split
from forensics.data.folders import entries
from forensics.data.media import PICTURE_SUFFIXES, members

SUMMARY = "ELSA's diffusion pictures beside the photographs of their captions; methods gen_0 to gen_3"
LAYOUT = (
    "shards *.tar with elsa_v2__train__ID.gen_0.png to gen_3.png and ID.real.png, or files ID_gen0.png and "
    "ID_real.png at any depth, or the test set's {augm,no_augm}/{real,gen_0,...}/*.png"
)
SPLIT_FILES: tuple[str, ...] = ()

# A member of a sample without its suffix: KEY.real, KEY.gen_0 in a shard, KEY_real, KEY_gen0 in a folder.
MEMBER = re.compile(r"(?P<key>.+)[._](?P<kind>real|gen_?\d+)")
# In shards a key is dataset, split and the number of the caption; loose files are of the training set.
_SPLITS = {"train": Split.TRAIN, "training": Split.TRAIN, "val": Split.VAL, "test": Split.TEST}
_KIND = re.compile(r"real|gen_\d+")
_TRANSFORMED = ("augm", "no_augm")

# The pictures of each sample by kind; a sample is told by its shard or folder and its key.
Samples = Mapping[tuple[Path, str], Mapping[str, Path]]


def read(root: Path, options: ReadOptions) -> Dataset:
    """The shards, loose files and folders of the test set. A picture that a sample lacks while others have it
    is missing. See `forensics.data.dataset.DatasetModule`."""
    records: list[FaceRecord] = []
    present: list[Path] = []
    for transformed in _TRANSFORMED:
        for folder in entries(root / transformed):
            paths = entries(folder)
            present.extend(paths or [folder])
            records.extend(
                _record(path, Split.TEST, folder.name, path.stem, f"transforms={transformed}")
                for path in paths
                if _KIND.fullmatch(folder.name) and path.suffix.lower() in PICTURE_SUFFIXES
            )
    samples, stray = _samples(root)
    test_set = compare(root, records, [*present, *stray])
    kinds = sorted({kind for sample in samples.values() for kind in sample})
    records, missing = list(test_set.records), list(test_set.missing)
    for (place, key), sample in samples.items():
        *_, split, number = ["", *key.split("__")]
        for kind in kinds:
            path = sample.get(kind, place / f"{key}.{kind}")
            record = _record(path, _SPLITS.get(split, Split.TRAIN), kind, number)
            (records if kind in sample else missing).append(record)
    records.sort(key=lambda record: record.path)
    return replace(test_set, records=tuple(records), missing=tuple(missing))


def _samples(root: Path) -> tuple[Samples, list[Path]]:
    """The samples outside the test set, and the pictures there that are of none."""
    stray = []
    samples: dict[tuple[Path, str], dict[str, Path]] = defaultdict(dict)
    for path in sorted(root.rglob("*")):
        if path.relative_to(root).parts[0] in _TRANSFORMED:
            continue
        if path.suffix == ".tar":
            place, names = path, list(members(path))
        else:
            place, names = path.parent, [path.name]
        for name in names:
            if Path(name).suffix.lower() not in PICTURE_SUFFIXES:
                continue
            if member := MEMBER.fullmatch(str(Path(name).with_suffix(""))):
                kind = re.sub(r"gen_?", "gen_", member["kind"])
                samples[place, member["key"]][kind] = place / name
            else:
                stray.append(place / name)
    return samples, stray


def _record(path: Path, split: Split, kind: str, number: str, group: str = "") -> FaceRecord:
    label = Label.REAL if kind == "real" else Label.GENERATED
    return FaceRecord(path, label, split, kind, f"d3:{number}", group)
