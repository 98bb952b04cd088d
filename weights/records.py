"""What the cache remembers about one weight: the digest it had at first use and where it came from."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from weights.errors import CorruptWeightsError

RECORD_FILE = "record.json"


@dataclass(frozen=True)
class Record:
    """Written before the file it describes and kept when that goes: the pin where no digest is registered."""

    sha256: str
    source: str


def read_record(folder: Path) -> Record | None:
    """The record in `folder`, None when there is none. Raises CorruptWeightsError when it is unreadable."""
    path = folder / RECORD_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Record(sha256=str(content["sha256"]), source=str(content["source"]))
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptWeightsError(
            f"{path}: the record of the first use is damaged; delete {folder} and fetch the weight again"
        ) from error


def write_record(folder: Path, record: Record) -> None:
    """Write `record` to `folder` in one step, so that no reader sees half of it."""
    temporary = folder / f".{RECORD_FILE}.{os.getpid()}.part"
    try:
        temporary.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, folder / RECORD_FILE)
    finally:
        temporary.unlink(missing_ok=True)
