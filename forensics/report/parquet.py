"""Writes `frames.parquet`: the table of `frames.csv` with types."""

from __future__ import annotations

from pathlib import Path

from forensics.errors import UsageFault
from forensics.report.model import Report
from forensics.report.table import table_columns, table_rows

FILE_NAME = "frames.parquet"
NOT_INSTALLED = (
    f"{FILE_NAME}: the package pyarrow is not installed; pip install 'face-video-forensics[parquet]'"
)
WHOLE_NUMBERS = ("frame_index", "shot", "track")
TEXTS = ("person", "detector", "abstained")


def check_parquet() -> None:
    """Raise UsageFault where pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise UsageFault(NOT_INSTALLED) from error


def write_parquet(report: Report, folder: Path) -> Path:
    """The columns and rows of `write_table`, null where a cell is empty; texts are as they are, also `=1+1`.

    Raises UsageFault as `check_parquet` does.
    """
    check_parquet()
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = dict.fromkeys(WHOLE_NUMBERS, pa.int64()) | dict.fromkeys(TEXTS, pa.string())
    columns = table_columns(report)
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in columns])
    rows = [dict(zip(columns, row, strict=True)) for row in table_rows(report)]
    path = folder / FILE_NAME
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path
