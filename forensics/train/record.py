"""What a training was told, as config.json beside its weights: options, settings, caches, versions, seed."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from forensics.data.cache import CacheSpec
from forensics.repdfd_config import RepDFDConfig
from forensics.run_facts import package_versions, tool_version
from forensics.train.repdfd_stages import TrainSettings
from forensics.whole_file import make_folder, whole_file

RECORD_FILE = "config.json"


def write_record(
    out: Path,
    *,
    options: Mapping[str, object],
    settings: TrainSettings,
    config: RepDFDConfig,
    caches: Mapping[str, CacheSpec],
    processes: int,
    device: str,
) -> None:
    """Write the resolved recipe into the folder `out`: what was asked for, and what became of it.

    Raises OutputError where it cannot be written.
    """
    record = {
        "tool_version": tool_version(),
        "options": options,
        "settings": asdict(settings),
        "model": json.loads(config.to_json()),
        "caches": {folder: asdict(spec) for folder, spec in caches.items()},
        "processes": processes,
        "device": device,
        "python": platform.python_version(),
        "packages": package_versions(),
    }
    make_folder(out)
    with whole_file(out / RECORD_FILE) as partial:
        # Paths and tuples of paths among the options are told as text.
        partial.write_text(json.dumps(record, indent=1, sort_keys=True, default=str), encoding="utf-8")
