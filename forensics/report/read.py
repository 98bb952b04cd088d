"""Reads report.json back to the report it was written from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from forensics.checked import first_fault
from forensics.errors import ReportError
from forensics.report.json import FILE_NAME
from forensics.report.model import SCHEMA_VERSION, Report
from video.errors import printable

T = TypeVar("T")


def read_report(path: Path) -> Report:
    """The report in the file `path`, or in that folder; every field is checked, none may be missing or more.

    Raises ReportError for a file that is missing, damaged or of another schema version.
    """
    if path.is_dir():
        path = path / FILE_NAME
    return read_checked(
        path,
        Report,
        schema_version=SCHEMA_VERSION,
        remedy="restore it from a copy or analyse the video again",
    )


def read_checked(path: Path, kind: type[T], *, schema_version: str, remedy: str) -> T:
    """The dataclass `kind` in the JSON file `path`. Raises ReportError, which ends with `remedy`."""
    name = printable(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReportError(
            f"{name}: cannot be read ({error.strerror}); name the folder of an analysis"
        ) from error
    try:
        plain = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise ReportError(f"{name}: is damaged: no JSON ({error}); {remedy}") from error
    _check_version(plain, name, schema_version)
    try:
        return TypeAdapter(kind).validate_json(data, strict=True, extra="forbid")
    except ValidationError as error:
        raise ReportError(f"{name}: is damaged: {first_fault(error)}; {remedy}") from error


def _check_version(plain: Any, name: str, expected: str) -> None:
    found = plain.get("schema_version") if isinstance(plain, dict) else None
    if found == expected:
        return
    if not isinstance(found, str):
        raise ReportError(f"{name}: says no schema version; name a file that this tool wrote")
    made_by = printable(str(plain.get("tool_version")))
    raise ReportError(
        f"{name}: has the schema version {printable(found)} and was written by version {made_by} of the "
        f"tool; this one reads {expected}: analyse the video again"
    )
