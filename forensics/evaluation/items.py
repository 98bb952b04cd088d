"""What is evaluated: the labelled items of datasets under unique names, and where each lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from forensics.data.dataset import Dataset
from forensics.data.faces import DatasetError, FaceRecord, Label, some
from forensics.data.folders import relative

UNKNOWN_ATTRIBUTE = "group"


@dataclass(frozen=True)
class Item:
    """One labelled video, picture or sequence of pictures.

    `name` is the dataset and the path in it, the same on every machine and in one evaluation only once;
    the other fields are those of `forensics.data.faces.FaceRecord`.
    """

    name: str
    dataset: str
    label: Label
    method: str
    identity: str
    group: str
    compression: str

    @property
    def manipulated(self) -> bool:
        """Whether it is anything but real."""
        return self.label is not Label.REAL

    @property
    def stratum(self) -> tuple[str, Label, str, str]:
        """What items are counted by: dataset, label, method, compression."""
        return self.dataset, self.label, self.method, self.compression

    @property
    def attributes(self) -> dict[str, str]:
        """What `group` says of the person by key: `age=20-39;sex=0` as {"age": "20-39", "sex": "0"}.

        A part without a key stands under "group".
        """
        found = {}
        for part in filter(None, (part.strip() for part in self.group.split(";"))):
            key, equals, value = part.partition("=")
            found[key.strip() if equals else UNKNOWN_ATTRIBUTE] = (value if equals else part).strip()
        return found


@dataclass(frozen=True)
class Source:
    """An item and where it lies: a file, a folder of pictures, or a member of a tar."""

    item: Item
    path: Path


def sources_of(dataset: Dataset, name: str) -> tuple[Source, ...]:
    """The items of `dataset`, which results call `name`, in its order."""
    return tuple(
        Source(_item(record, name, relative(record.path, dataset.root)), record.path)
        for record in dataset.records
    )


def refuse_equal_names(sources: Sequence[Source]) -> None:
    """Raise `DatasetError` for items that results could not tell apart."""
    count = Counter(source.item.name for source in sources)
    if again := [name for name, number in count.items() if number > 1]:
        raise DatasetError(f"{len(again)} items are listed more than once: {some(again)}; list each once")


def _item(record: FaceRecord, dataset: str, path: str) -> Item:
    return Item(
        name=f"{dataset}/{path}",
        dataset=dataset,
        label=record.label,
        method=record.method,
        identity=record.identity,
        group=record.group,
        compression=record.compression,
    )
