"""The seam every published dataset stands behind: how it is found by name, read from its folder, refused."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

import forensics.datasets
from forensics.data.faces import DatasetError, FaceRecord, Label, Split, leaking_identities, some
from forensics.data.folders import relative, wrong_layout
from forensics.data.media import is_there
from forensics.errors import UsageFault

# What is the same under two names: FaceForensics++ calls its losslessly compressed videos both.
_COMPRESSIONS = {"raw": "c0"}


@dataclass(frozen=True)
class Dataset:
    """What a dataset's folder holds: the records in a fixed order.

    `missing` are records that the dataset's own lists name and that are not there; `extra` are files and
    folders, relative to `root`, that lie among the dataset's and that nothing in it accounts for.
    """

    root: Path
    records: tuple[FaceRecord, ...]
    missing: tuple[FaceRecord, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def leaking(self) -> tuple[str, ...]:
        """The identities in more than one split."""
        return leaking_identities(self.records)

    @property
    def missing_names(self) -> tuple[str, ...]:
        """The missing files relative to `root` where they would lie in it."""
        return tuple(relative(record.path, self.root) for record in self.missing)

    def only(self, *, split: Split | None = None, compression: str | None = None) -> Dataset:
        """The part of one split and one compression.

        Raises `DatasetError`, naming what there is, if that holds nothing.
        """
        wanted = None if compression is None else _COMPRESSIONS.get(compression, compression)

        def chosen(records: Iterable[FaceRecord]) -> tuple[FaceRecord, ...]:
            return tuple(
                record
                for record in records
                if split in (None, record.split) and wanted in (None, record.compression)
            )

        part = replace(self, records=chosen(self.records), missing=chosen(self.missing))
        if not part.records and not part.missing:
            asked = " ".join(name for name in (split, compression) if name is not None)
            here = sorted({" ".join(filter(None, (one.split, one.compression))) for one in self.records})
            raise DatasetError(f"{self.root}: holds no {asked}; it holds {', '.join(here)}")
        return part


@dataclass(frozen=True)
class ReadOptions:
    """`splits` is the folder of the official split files where they do not lie with the dataset."""

    splits: Path | None = None


class DatasetModule(Protocol):
    """What a file in `forensics/datasets/` gives. The file's name is the dataset's name.

    `LAYOUT` says in one line how the folder must look; `SPLIT_FILES` are the official split files that may
    lie elsewhere.
    """

    SUMMARY: str
    LAYOUT: str
    SPLIT_FILES: tuple[str, ...]

    def read(self, root: Path, options: ReadOptions) -> Dataset:
        """What `root` holds; nothing is opened but lists and archives' tables of contents.

        Raises `DatasetError` for another layout, broken lists, and labels that contradict folders.
        """
        ...


def dataset_names() -> tuple[str, ...]:
    """The names of all known datasets."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(forensics.datasets.__path__)))


def dataset_module(name: str) -> DatasetModule:
    """The one file of dataset `name`. Raises UsageFault for an unknown name."""
    names = dataset_names()
    if name not in names:
        near = difflib.get_close_matches(name.lower(), names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names)}"
        raise UsageFault(f"there is no dataset {name!r}; {hint}")
    return cast(DatasetModule, importlib.import_module(f"forensics.datasets.{name}"))


def read_dataset(name: str, root: Path, options: ReadOptions | None = None) -> Dataset:
    """What the folder (or manifest) `root` holds, read as dataset `name`.

    Links are followed, also out of the folder: on clusters, datasets are linked together. Raises
    `DatasetError` as the dataset's `read` does and for a folder that cannot be listed, UsageFault for an
    unknown name and for split files where the dataset has none.
    """
    module = dataset_module(name)
    options = options or ReadOptions()
    if options.splits is not None and not module.SPLIT_FILES:
        raise UsageFault(f"{name} has no split files; leave out --splits")
    if not root.exists():
        raise DatasetError(f"{root}: does not exist; give the folder of {name}")
    try:
        dataset = module.read(root, options)
    except OSError as error:
        raise DatasetError(f"{error.filename or root}: cannot be read: {error.strerror}") from error
    if not dataset.records and not dataset.missing:
        raise wrong_layout(root, module.LAYOUT)
    return dataset


def refuse_faults(
    dataset: Dataset, *, allow_missing: bool = False, allow_leaks: bool = False, both_classes: bool = False
) -> None:
    """Raise `DatasetError`, all faults in one line, for missing files, for identities in more than one split
    and, if `both_classes` are asked for, for splits without real or without fake records."""
    faults = []
    if dataset.missing and not allow_missing:
        names = dataset.missing_names
        faults.append(f"{len(names)} files do not exist: {some(names)}")
    if (leaking := dataset.leaking) and not allow_leaks:
        faults.append(f"{len(leaking)} identities lie in more than one split: {some(leaking)}")
    if both_classes:
        kinds = defaultdict(set)
        for record in dataset.records:
            kinds[record.split].add(record.label is Label.REAL)
        for split, here in sorted(kinds.items()):
            if len(here) == 1:
                faults.append(f"{split} holds no {'fake' if True in here else 'real'} record")
    if faults:
        raise DatasetError(f"{dataset.root}: {'; '.join(faults)}")


def count(records: Iterable[FaceRecord]) -> Counter[tuple[Split, Label, str, str]]:
    """How many records there are of each split, label, method and compression."""
    return Counter((one.split, one.label, one.method, one.compression) for one in records)


def compare(root: Path, expected: Iterable[FaceRecord], present: Iterable[Path]) -> Dataset:
    """The dataset of which `expected` is listed and `present` lies in its folders; a link that leads nowhere
    and a folder that lacks its pictures are missing."""
    records: list[FaceRecord] = []
    missing: list[FaceRecord] = []
    for record in sorted(expected, key=lambda record: record.path):
        (records if is_there(record.path) else missing).append(record)
    unlisted = set(present).difference(record.path for record in (*records, *missing))
    extra = tuple(relative(path, root) for path in sorted(unlisted))
    return Dataset(root, tuple(records), tuple(missing), extra)
