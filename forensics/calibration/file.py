"""Calibration files: versioned JSON, written whole or not at all, checked field by field when read.

A file carries the digest of its own content. That finds damage and thoughtless edits, no forgery: who changes
a file on purpose can write a new digest. Which file an analysis was judged by is in its report, by sha256.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from forensics.calibration.record import KIND, SCHEMA_VERSION, Calibration
from forensics.checked import first_fault
from forensics.errors import CalibrationError, OutputError
from forensics.report.json import to_plain
from forensics.whole_file import whole_file
from video.errors import printable

OWN_DIGEST = "content_sha256"


def content_digest(plain: dict[str, Any]) -> str:
    """The sha256 of the content of a calibration file without its own digest, however it is laid out."""
    content = {name: value for name, value in plain.items() if name != OWN_DIGEST}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()


def load_calibration(path: Path) -> Calibration:
    """Read a calibration file. Raises CalibrationError for any other, a damaged or a newer one."""
    name = printable(path)
    try:
        text = path.read_text(encoding="utf-8")
        plain = json.loads(text, parse_constant=_refuse_constant)
        digest = content_digest(plain) if isinstance(plain, dict) else None
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
    if plain.get(OWN_DIGEST) != digest:
        raise CalibrationError(
            f"{name}: was changed since it was written; take the file as `forensics calibrate` wrote it, or "
            "calibrate again"
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
    plain: dict[str, Any] = to_plain(calibration)
    signed = plain | {OWN_DIGEST: content_digest(plain)}
    text = json.dumps(signed, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_file(path, remedy="name a file that can") as partial:
        partial.write_text(text, encoding="utf-8")


def _refuse_constant(name: str) -> None:
    """NaN and the infinities are no JSON, though Python reads them."""
    raise ValueError(f"{name} is no number")
