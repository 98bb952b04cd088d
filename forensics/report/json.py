"""Writes a report as JSON: every number finite, every unknown null, the same bytes for the same report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from forensics.report.model import Report

FILE_NAME = "report.json"


def to_plain(value: Any) -> Any:
    """Dataclasses, enums, fractions, paths and arrays as JSON's own types.

    Paths keep only their file name: where a file lay is no fact about the evidence.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: to_plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, Path):
        return value.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


def report_json(report: Report) -> str:
    """The report as JSON text. Raises ValueError if a number is NaN or infinite."""
    return json.dumps(to_plain(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(report: Report, folder: Path) -> Path:
    path = folder / FILE_NAME
    path.write_text(report_json(report), encoding="utf-8")
    return path
