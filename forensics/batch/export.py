"""The index as files to read: one table and one page of all shards, in the order of the input."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from forensics.batch.folders import LEFT_OUT, LOCK, PAGE, PARQUET, TABLE, analysis_name, index_path
from forensics.batch.index import Index, IndexInUseError, Row
from forensics.batch.inputs import LeftOut
from forensics.batch.page import render_page
from forensics.batch.shard import Shard
from forensics.report.parquet import check_parquet
from forensics.report.table import inert
from forensics.whole_file import GO_ON, whole_file

# What differs between two runs of the same batch stands last: everything before it is the same to the byte.
RUN_COLUMNS = ("seconds", "attempts")
COLUMNS = (
    "path",
    "sha256",
    "status",
    "finding",
    "reason",
    "detector",
    "score",
    "error",
    "report",
    *RUN_COLUMNS,
)
_NUMBERS = {"score": "float64", "seconds": "float64", "attempts": "int64"}


@dataclass(frozen=True)
class Merged:
    """The rows of all shards whose index is there and in nobody's use, and the shards that are missing."""

    rows: tuple[Row, ...]
    missing: tuple[Shard, ...]


def merged(out: Path, count: int, key: str) -> Merged:
    """What the shards of a batch found under that key."""
    rows: list[Row] = []
    missing: list[Shard] = []
    for shard in (Shard(number, count) for number in range(1, count + 1)):
        found = _rows_of(index_path(out, shard), key)
        if found is None:
            missing.append(shard)
        else:
            rows += found
    return Merged(tuple(sorted(rows, key=lambda row: row.position)), tuple(missing))


def export(
    out: Path, count: int, key: str, *, left_out: Sequence[LeftOut] = (), parquet: bool = False
) -> Merged:
    """Write the table and the page of all shards that are not at work. Raises OutputError.

    A shard exports when its own index is closed, one at a time: whichever ends last sees all the others.
    """
    with FileLock(out / LOCK):
        found = merged(out, count, key)
        _write(out / TABLE, _csv(COLUMNS, table(found.rows)))
        _write(out / LEFT_OUT, _csv(("path", "reason"), ((one.name, one.reason) for one in left_out)))
        _write(out / PAGE, render_page(found.rows, key=key, missing=found.missing, left_out=left_out))
        if parquet:
            _write_parquet(out / PARQUET, found.rows)
    return found


def table(rows: Iterable[Row]) -> list[tuple[object, ...]]:
    """A row for each file of the input, a cell for each of COLUMNS, `None` for what is not given."""
    return [
        (
            row.path,
            row.sha256,
            row.status.value,
            row.finding,
            row.reason,
            row.detector,
            row.score,
            row.error,
            report_folder(row),
            row.seconds,
            row.attempts,
        )
        for row in rows
    ]


def report_folder(row: Row) -> str | None:
    """Where the outputs of a file lie, `None` where there are none."""
    if row.finding is None or row.sha256 is None or row.key is None:
        return None
    return analysis_name(row.sha256, row.key)


def _rows_of(path: Path, key: str) -> tuple[Row, ...] | None:
    """`None` where there is no such index, it speaks of other settings, or a shard is at work on it."""
    if not path.exists():
        return None
    try:
        with Index(path) as index:
            return index.rows() if index.key == key else None
    except IndexInUseError:
        return None


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([inert(cell) for cell in row] for row in rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    with whole_file(path, remedy=GO_ON) as partial:
        partial.write_text(text, encoding="utf-8", newline="")


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    check_parquet()
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _NUMBERS.get(name, "string")) for name in COLUMNS])
    cells = pa.Table.from_pylist([dict(zip(COLUMNS, row, strict=True)) for row in table(rows)], schema=schema)
    with whole_file(path, remedy=GO_ON) as partial:
        pq.write_table(cells, partial)
