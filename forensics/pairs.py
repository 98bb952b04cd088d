"""Labelled pairs of pictures of faces, and the file they are listed in."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from forensics.data.faces import DatasetError
from video.errors import printable

COLUMNS = ("first", "second", "same")


@dataclass(frozen=True)
class FacePair:
    """Two pictures by their names in the pairs file, and whether they show one person."""

    first: str
    second: str
    same: bool


@dataclass(frozen=True)
class PairSheet:
    """A pairs file that was read: its pairs, and the folder their names start from."""

    path: Path
    pairs: tuple[FacePair, ...]

    @property
    def pictures(self) -> tuple[str, ...]:
        """Every picture once, in order of first appearance."""
        return tuple(dict.fromkeys(name for pair in self.pairs for name in (pair.first, pair.second)))


def read_pairs(path: Path) -> PairSheet:
    """The pairs of a CSV with the columns `first,second,same`, whose names start from its folder.

    Raises DatasetError for a file that cannot be read, missing columns, a `same` that is neither 0 nor 1,
    pictures that do not exist, and pairs of one kind only.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{printable(path)}: cannot be read ({error}); give a CSV of pairs") from error
    table = csv.DictReader(text.splitlines())
    absent = [name for name in COLUMNS if name not in (table.fieldnames or ())]
    if absent:
        raise DatasetError(
            f"{printable(path)}: no column {', '.join(absent)}; its first line must name {','.join(COLUMNS)}"
        )
    pairs = []
    for row in table:
        first, second, same = ((row[name] or "").strip() for name in COLUMNS)
        if not (first and second and first != second and same in ("0", "1")):
            raise DatasetError(
                f"{printable(path)}, line {table.line_num}: has {first!r}, {second!r}, {same!r}; "
                "give two different file names and 0 or 1"
            )
        pairs.append(FacePair(first, second, same == "1"))
    check_both_kinds(path, pairs, "add pairs of the other kind")
    sheet = PairSheet(path, tuple(pairs))
    missing = [name for name in sheet.pictures if not (path.parent / name).is_file()]
    if missing:
        raise DatasetError(
            f"{printable(path)}: {len(missing)} of its pictures do not exist, first {missing[0]!r}; "
            "their names start from the folder of the CSV"
        )
    return sheet


def check_both_kinds(path: Path, pairs: Sequence[FacePair], remedy: str) -> None:
    """Raise DatasetError, which ends in `remedy`, unless there are pairs of one person and pairs of two."""
    same = sum(pair.same for pair in pairs)
    if same in (0, len(pairs)):
        raise DatasetError(
            f"{printable(path)}: {same} usable pairs of one person and {len(pairs) - same} of two, "
            f"both kinds are needed; {remedy}"
        )
