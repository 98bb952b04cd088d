"""The files that are made from a report: one list for analysing and for rendering again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from forensics.report.html import FILE_NAME as PAGE
from forensics.report.html import write_html
from forensics.report.json import write_json
from forensics.report.model import Report
from forensics.report.table import FILE_NAME as TABLE
from forensics.report.table import write_table

# Writes one output into a folder, from the report alone.
Renderer = Callable[[Report, Path], Path]

RENDERERS: Mapping[str, Renderer] = MappingProxyType({TABLE: write_table, PAGE: write_html})


def write_outputs(report: Report, folder: Path) -> None:
    """Write `report.json` and everything that is rendered from it into `folder`."""
    write_json(report, folder)
    render(report, folder)


def render(report: Report, folder: Path) -> None:
    """Write everything that is rendered from a report, but not the report itself, into `folder`."""
    for write in RENDERERS.values():
        write(report, folder)
