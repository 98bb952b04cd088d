"""The files that are made from a report: one list for analysing and for rendering again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from forensics.report.html import FILE_NAME as PAGE
from forensics.report.html import write_html
from forensics.report.json import write_json
from forensics.report.model import Report
from forensics.report.parquet import FILE_NAME as PARQUET
from forensics.report.parquet import check_parquet, write_parquet
from forensics.report.pdf import FILE_NAME as PDF
from forensics.report.pdf import check_pdf, write_pdf
from forensics.report.table import FILE_NAME as TABLE
from forensics.report.table import write_table

# Writes one output into a folder, from the report alone.
Renderer = Callable[[Report, Path], Path]

RENDERERS: Mapping[str, Renderer] = MappingProxyType({TABLE: write_table, PAGE: write_html})


# Made only where asked for by name: each needs the packages of an extra.
OPTIONAL: Mapping[str, Renderer] = MappingProxyType({PDF: write_pdf, PARQUET: write_parquet})
_CHECKS: Mapping[str, Callable[[], None]] = MappingProxyType({PDF: check_pdf, PARQUET: check_parquet})


def check_optional(names: Iterable[str]) -> None:
    """Raise UsageFault where what one of these optional outputs needs is not installed."""
    for name in names:
        _CHECKS[name]()


def write_outputs(report: Report, folder: Path, *, also: Iterable[str] = ()) -> None:
    """Write `report.json` and everything that is rendered from it into `folder`."""
    write_json(report, folder)
    render(report, folder, also=also)


def render(report: Report, folder: Path, *, also: Iterable[str] = ()) -> None:
    """Write everything that is rendered from a report into `folder`, but not the report itself.

    `also` names optional outputs. Raises UsageFault where what one needs is not installed.
    """
    for write in (*RENDERERS.values(), *(OPTIONAL[name] for name in also)):
        write(report, folder)
