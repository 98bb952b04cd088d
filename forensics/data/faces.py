"""Labelled face material: one record per picture, clip or sequence of pictures, and splits by identity."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from forensics.errors import ExitCode, ForensicsError

# Between the people in one record: a face swap shows the one and wears the other.
IDENTITY_SEPARATOR = "|"
# So many names are spelled out in a message; the rest are counted.
_NAMES_IN_MESSAGE = 5


class DatasetError(ForensicsError):
    """Training or evaluation material is missing, mislabelled or split wrongly."""

    exit_code = ExitCode.INPUT


class Label(StrEnum):
    """`FAKE` is a real picture that was manipulated, `GENERATED` one that no camera took."""

    REAL = "real"
    FAKE = "fake"
    GENERATED = "generated"


class Split(StrEnum):
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


@dataclass(frozen=True)
class FaceRecord:
    """One picture, clip, or sequence of pictures.

    `path` is a file, a folder of pictures in the order of their numbers, or a member of a tar as if that were
    a folder (`forensics.data.media` reads all three). `identity` names who (or, unknown, which clip) must not
    lie in two splits, several joined by `IDENTITY_SEPARATOR`; `method` is the manipulation, or the source of
    a real picture; `group` is free (age, sex, ...), `compression` as the dataset calls it (c23, ...).
    """

    path: Path
    label: Label
    split: Split
    method: str
    identity: str
    group: str = ""
    compression: str = ""

    @property
    def identities(self) -> frozenset[str]:
        return frozenset(self.identity.split(IDENTITY_SEPARATOR))


def joined(*identities: str) -> str:
    """The `identity` of a record that shows several, each named once."""
    return IDENTITY_SEPARATOR.join(dict.fromkeys(identities))


def leaking_identities(records: Iterable[FaceRecord]) -> tuple[str, ...]:
    """The identities that lie in more than one split, sorted."""
    splits: dict[str, set[Split]] = defaultdict(set)
    for record in records:
        for identity in record.identities:
            splits[identity].add(record.split)
    return tuple(sorted(identity for identity, where in splits.items() if len(where) > 1))


def split_by_identity(
    records: Sequence[FaceRecord], seed: int, *, val_ratio: float = 0.15
) -> list[FaceRecord]:
    """The records with `split` set to train or val by a hash of seed and identity.

    A record keeps its split whatever else is added or left out.
    """

    def split(identity: str) -> Split:
        digest = hashlib.sha256(f"{seed}:{identity}".encode()).digest()
        return Split.VAL if int.from_bytes(digest[:8], "big") < val_ratio * 2**64 else Split.TRAIN

    return [replace(record, split=split(record.identity)) for record in records]


def some(names: Sequence[str]) -> str:
    """The first few names as a message tells them, the rest counted."""
    more = len(names) - _NAMES_IN_MESSAGE
    return ", ".join(names[:_NAMES_IN_MESSAGE]) + (f" and {more} more" if more > 0 else "")
