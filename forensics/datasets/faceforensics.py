"""FaceForensics++ (Roessler et al., ICCV 2019): originals, every manipulation, official pairs and splits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from forensics.data.dataset import Dataset, ReadOptions, compare
from forensics.data.faces import DatasetError, FaceRecord, Label, Split, joined
from forensics.data.folders import entries
from forensics.datasets.deepfakedetection import SWAPS, actor_records, sequences

SUMMARY = "1000 YouTube sequences and their manipulations, official splits; DeepFakeDetection beside them"
LAYOUT = (
    "original_sequences/youtube and manipulated_sequences/METHOD, in each {raw,c0,c23,c40}/videos with "
    "000.mp4 and 000_003.mp4 (or images/NAME/*.png), and train.json, val.json, test.json there or in splits/"
)
SPLIT_FILES = ("train.json", "val.json", "test.json")

_ORIGINALS = Path("original_sequences/youtube")
_MANIPULATED = Path("manipulated_sequences")


@dataclass(frozen=True)
class _Sequence:
    """One official sequence: the video it is made from and, in a fake, the one whose face or expression was
    put on."""

    split: Split
    numbers: tuple[str, ...]

    @property
    def original(self) -> bool:
        return len(self.numbers) == 1


def read(root: Path, options: ReadOptions) -> Dataset:
    """Every method and compression that is there, each expected to be whole; see
    `forensics.data.dataset.DatasetModule`."""
    records, present = actor_records(root)
    originals = root / _ORIGINALS
    methods = [path for path in entries(root / _MANIPULATED) if path != root / SWAPS]
    found = {folder: list(sequences(folder)) for folder in (originals, *methods)}
    present.extend(method for method in methods if not found[method])
    official = _official(root, options.splits) if any(found.values()) else ()
    for folder, compressions in found.items():
        for compression, paths in compressions:
            present.extend(paths)
            suffix = "" if all(path.is_dir() for path in paths) else ".mp4"
            records.extend(
                FaceRecord(
                    paths[0].parent / ("_".join(one.numbers) + suffix),
                    Label.REAL if one.original else Label.FAKE,
                    one.split,
                    folder.name,
                    joined(*(f"ff:{number}" for number in one.numbers)),
                    compression=compression,
                )
                for one in official
                if one.original == (folder == originals)
            )
    return compare(root, records, present)


def _official(root: Path, splits: Path | None) -> tuple[_Sequence, ...]:
    places = [root, root / "splits"] if splits is None else [splits]
    for place in places:
        files = [place / name for name in SPLIT_FILES]
        if all(file.is_file() for file in files):
            return tuple(one for file in files for one in _listed(file, Split(file.stem)))
    raise DatasetError(
        f"{' and '.join(map(str, places))}: no {', '.join(SPLIT_FILES)} there; copy them from dataset/splits "
        "of the FaceForensics repository, or name their folder by --splits"
    )


def _listed(file: Path, split: Split) -> Iterator[_Sequence]:
    """A split file lists pairs of originals, each of which is manipulated after the other."""
    try:
        pairs = [(str(first), str(second)) for first, second in json.loads(file.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{file}: is no list of pairs of sequences: {error}") from error
    for first, second in pairs:
        if not (first.isdecimal() and second.isdecimal()):
            raise DatasetError(f"{file}: {first!r} and {second!r} are no numbers of sequences")
        for numbers in ((first,), (second,), (first, second), (second, first)):
            yield _Sequence(split, numbers)
