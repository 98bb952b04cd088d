"""Calibration files: versioned JSON, written whole or not at all, checked field by field when read."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from forensics.calibration.record import KIND, SCHEMA_VERSION, Calibration
from forensics.checked import first_fault
from forensics.errors import CalibrationError, OutputError
from forensics.report.json import to_plain
from video.errors import printable


def load_calibration(path: Path) -> Calibration:
    """Read a calibration file. Raises CalibrationError for any other, a damaged or a newer one."""
    name = printable(path)
    try:
        text = path.read_text(encoding="utf-8")
        plain = json.loads(text, parse_constant=_refuse_constant)
    except OSError as error:
        raise CalibrationError(
            f"{name}: cannot be read ({error.strerror}); name a calibration file"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CalibrationError(f"{name}: is damaged or no calibration ({error}); make it again") from error
    if not isinstance(plain, dict) or plain.get("kind") != KIND:
        raise CalibrationError(f"{name}: is no calibration; make one with `forensics calibrate`")
    if plain.get("schema_version") != SCHEMA_VERSION:
        raise CalibrationError(
            f"{name}: has version {plain.get('schema_version')!r}, this tool reads {SCHEMA_VERSION}; "
            "calibrate again with this version"
        )
    try:
        return TypeAdapter(Calibration).validate_json(text, strict=True)
    except ValidationError as error:
        raise CalibrationError(f"{name}: is damaged ({first_fault(error)}); make it again") from error


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError if a file is at `path` that must not be replaced."""
    if path.exists() and not overwrite:
        raise OutputError(f"{printable(path)}: is there already; name a new file or pass --overwrite")


def save_calibration(calibration: Calibration, path: Path, *, overwrite: bool = False) -> None:
    """Write the file in one step. Raises OutputError where it cannot be written or is there already."""
    refuse_existing(path, overwrite=overwrite)
    name = printable(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    text = json.dumps(to_plain(calibration), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{name}: cannot be written ({error.strerror}); name a file that can") from error


def _refuse_constant(name: str) -> None:
    """NaN and the infinities are no JSON, though Python reads them."""
    raise ValueError(f"{name} is no number")
