"""D3 of ELSA (Baraldi et al., ECCV 2024): WebDataset shards of a photograph and four generated pictures, and
the test set's folders."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from forensics.data.dataset import Dataset, ReadOptions, compare
from forensics.data.faces import FaceRecord, Label, Split
from forensics.data.folders import entries
from forensics.data.media import PICTURE_SUFFIXES, members

SUMMARY = (
    "ELSA's diffusion-generated pictures beside the photographs of their captions; methods gen_0 to gen_3"
)
LAYOUT = (
    "shards *.tar with elsa_v2__train__ID.gen_0.png to gen_3.png and ID.real.png, "
    "or {augm,no_augm}/{real,gen_0,...}/*.png"
)
SPLIT_FILES: tuple[str, ...] = ()

_KIND = re.compile(r"real|gen_\d+")
# A member's name up to its first dot is its sample's: dataset, split and the number of the caption.
_MEMBER = re.compile(r"(?P<sample>[^.]+)\.(?P<kind>real|gen_\d+)\.\w+")
_SPLITS = {"train": Split.TRAIN, "training": Split.TRAIN, "val": Split.VAL, "test": Split.TEST}
_TRANSFORMED = ("augm", "no_augm")


def read(root: Path, options: ReadOptions) -> Dataset:
    """The shards in the folder and the test set's folders. A picture that a sample of a shard lacks while
    others have it is missing. See `forensics.data.dataset.DatasetModule`."""
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
    shards = [path for path in entries(root) if path.suffix == ".tar"]
    return _joined(compare(root, records, present), _samples(shards))


def _joined(folders: Dataset, samples: Mapping[tuple[Path, str], Mapping[str, Path]]) -> Dataset:
    kinds = sorted({kind for sample in samples.values() for kind in sample})
    records, missing = list(folders.records), list(folders.missing)
    for (shard, name), sample in sorted(samples.items()):
        for kind in kinds:
            path = sample.get(kind, shard / f"{name}.{kind}{next(iter(sample.values())).suffix}")
            *_, split, number = ["", *name.split("__")]
            record = _record(path, _SPLITS.get(split, Split.TRAIN), kind, number)
            (records if kind in sample else missing).append(record)
    records.sort(key=lambda record: record.path)
    return replace(folders, records=tuple(records), missing=tuple(missing))


def _samples(shards: Sequence[Path]) -> dict[tuple[Path, str], dict[str, Path]]:
    """The pictures of each sample by kind; captions and addresses are left aside."""
    samples: dict[tuple[Path, str], dict[str, Path]] = defaultdict(dict)
    for shard in shards:
        for member in members(shard):
            if name := _MEMBER.fullmatch(member):
                samples[shard, name["sample"]][name["kind"]] = shard / member
    return samples


def _record(path: Path, split: Split, kind: str, number: str, group: str = "") -> FaceRecord:
    label = Label.REAL if kind == "real" else Label.GENERATED
    return FaceRecord(path, label, split, kind, f"d3:{number}", group)
