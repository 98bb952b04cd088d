"""The pictures CoDE learns from by record: checked, split, paired.

A record is one real photo and what was generated from it; the split never divides one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from forensics.code_heads import FAKE, REAL
from forensics.train.code_pictures import LAYOUTS, Picture, TrainingDataError, decoded, find_pictures

DEFAULT_MOST_UNREADABLE = 10
_MOST_NAMED = 5

# Called with the pictures checked so far, of how many.
OnChecked = Callable[[int, int], None]


@dataclass(frozen=True)
class Record:
    """The pictures of one photo: usually one real and its generated counterparts, either may be missing."""

    key: str
    real: tuple[Picture, ...]
    fake: tuple[Picture, ...]


@dataclass(frozen=True)
class Collection:
    """All readable pictures of a source by record, the names of the unreadable, and a digest of all bytes."""

    records: tuple[Record, ...]
    unreadable: tuple[str, ...]
    digest: str

    def __post_init__(self) -> None:
        for label, kind in ((REAL, "real"), (FAKE, "generated")):
            if not pictures_of(self.records, label):
                raise TrainingDataError(f"no readable {kind} picture is there to learn from; {LAYOUTS}")


def pictures_of(records: Iterable[Record], label: int | None = None) -> list[Picture]:
    """The pictures of `records`, all or those of one label."""
    pictures = [picture for record in records for picture in (*record.real, *record.fake)]
    return [picture for picture in pictures if label is None or picture.label == label]


def collect(
    source: Path,
    *,
    most_unreadable: int = DEFAULT_MOST_UNREADABLE,
    on_checked: OnChecked = lambda done, total: None,
) -> Collection:
    """Find the pictures of `source` and decode each once.

    Raises TrainingDataError for another layout, a missing class, a damaged shard, and when more than
    `most_unreadable` pictures cannot be decoded.
    """
    found = sorted(find_pictures(source), key=lambda picture: (picture.record, picture.label, picture.name))
    readable, unreadable = [], []
    with ThreadPoolExecutor() as pool:
        for done, (picture, fault) in enumerate(pool.map(_checked, found), start=1):
            if fault is None:
                readable.append(picture)
            else:
                unreadable.append(f"{picture.name}: {fault}")
            on_checked(done, len(found))
    if len(unreadable) > most_unreadable:
        named = "; ".join(unreadable[:_MOST_NAMED])
        raise TrainingDataError(
            f"{source}: {len(unreadable)} of {len(found)} pictures cannot be read, allowed are "
            f"{most_unreadable} ({named}{'; ...' if len(unreadable) > _MOST_NAMED else ''}); "
            "remove or replace them, or raise --max-unreadable"
        )
    lines = (f"{picture.record} {picture.name} {picture.label} {picture.sha256}" for picture in readable)
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    try:
        return Collection(_records(readable), tuple(unreadable), digest)
    except TrainingDataError as error:
        raise TrainingDataError(f"{source}: {error}") from error


def split(records: Sequence[Record], validation_share: float) -> tuple[list[Record], list[Record]]:
    """Records to learn from and to validate on, chosen by the hashes of their pictures.

    Records that share a picture, byte by byte, stay on one side. Raises TrainingDataError when a side
    lacks a class.
    """
    groups: dict[int, list[Record]] = {}
    for group, record in zip(_linked(records), records, strict=True):
        groups.setdefault(group, []).append(record)
    hashes = {group: min(p.sha256 for p in pictures_of(members)) for group, members in groups.items()}
    ranked = sorted(groups, key=lambda group: hashes[group])
    held_out = max(1, round(validation_share * len(ranked)))
    sides = [
        sorted((record for group in part for record in groups[group]), key=lambda record: record.key)
        for part in (ranked[held_out:], ranked[:held_out])
    ]
    for side, records_there in zip(("learn from", "validate on"), sides, strict=True):
        for label, kind in ((REAL, "real"), (FAKE, "generated")):
            if not pictures_of(records_there, label):
                raise TrainingDataError(
                    f"of {len(ranked)} independent records none with a {kind} picture is left to {side}; "
                    "bring more pictures or change --validation-share"
                )
    return sides[0], sides[1]


def pair_up(records: Sequence[Record], draw: np.random.Generator) -> list[tuple[Picture, Picture]]:
    """One pass over `records` as (real, fake) pairs, of one record wherever it has both.

    A record with several generated pictures gives one of them, drawn anew each pass. Pictures without a
    counterpart are paired with each other, the rarer class repeating.
    """

    def one_of(pictures: Sequence[Picture]) -> Picture:
        return pictures[int(draw.integers(len(pictures)))]

    both = [record for record in records if record.real and record.fake]
    pairs = [(one_of(record.real), one_of(record.fake)) for record in both]
    alone = [record for record in records if not (record.real and record.fake)]
    reals, fakes = pictures_of(alone, REAL), pictures_of(alone, FAKE)
    count = max(len(reals), len(fakes))

    def shuffled(pool: Sequence[Picture]) -> list[Picture]:
        order = draw.permutation(len(pool))
        return [pool[order[place % len(pool)]] for place in range(count)]

    if count:
        real_column = shuffled(reals or pictures_of(both, REAL))
        fake_column = shuffled(fakes or pictures_of(both, FAKE))
        pairs += zip(real_column, fake_column, strict=True)
    return pairs


def _checked(picture: Picture) -> tuple[Picture, str | None]:
    """The picture with its digest, or why it cannot be read."""
    try:
        encoded = picture.encoded()
        decoded(encoded, picture.name)
    except (OSError, TrainingDataError) as error:
        return picture, str(error).removeprefix(f"{picture.name}: ")
    return replace(picture, sha256=hashlib.sha256(encoded).hexdigest()), None


def _records(pictures: Sequence[Picture]) -> tuple[Record, ...]:
    """Records from pictures in the order of their record."""
    records = []
    for key, members in groupby(pictures, key=lambda picture: picture.record):
        together = list(members)
        real, fake = (tuple(p for p in together if p.label == label) for label in (REAL, FAKE))
        records.append(Record(key, real, fake))
    return tuple(records)


def _linked(records: Sequence[Record]) -> list[int]:
    """For each record the number of its group; records with a picture of the same bytes share one."""
    places = [(row, p.sha256) for row, record in enumerate(records) for p in pictures_of([record])]
    rows = [row for row, _ in places]
    numbers = {sha256: len(records) + place for place, (_, sha256) in enumerate(places)}
    nodes = len(records) + len(places)
    columns = [numbers[sha256] for _, sha256 in places]
    links = coo_array((np.ones(len(places)), (rows, columns)), (nodes, nodes))
    groups: list[int] = connected_components(links, directed=False)[1][: len(records)].tolist()
    return groups
