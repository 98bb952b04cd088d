"""Analyses every item of an evaluation once; what is finished is kept, and a killed run goes on from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from forensics.data.faces import DatasetError, some
from forensics.errors import UsageFault
from forensics.evaluation.items import Item, Source
from forensics.evaluation.material import is_picture, material_sha256, opened_material
from forensics.evaluation.sweep import AS_GIVEN, Condition, treated
from forensics.models import Models
from forensics.pipeline import analyze_video
from forensics.progress import Progress, no_progress
from forensics.report.json import FILE_NAME, report_json, to_plain
from forensics.report.model import SCHEMA_VERSION, Report
from forensics.run_facts import tool_version
from forensics.settings import AnalysisSettings
from forensics.whole_file import GO_ON, make_folder, whole_file
from video.errors import VideoError, printable

REPORTS = "reports"


@dataclass(frozen=True)
class Entry:
    """What became of an item in one condition: the folder of its report, or why it cannot be read."""

    item: Item
    condition: Condition
    sha256: str | None
    report: str | None
    fault: str | None


def analyse_sources(
    sources: Sequence[Source],
    models: Models,
    settings: AnalysisSettings,
    folder: Path,
    *,
    conditions: Sequence[Condition] = (AS_GIVEN,),
    max_unreadable: int = 0,
    progress: Progress = no_progress,
) -> tuple[Entry, ...]:
    """Analyse each item in each condition that applies to it; its report is kept in `folder`.

    A report is kept under a digest of the item's bytes, the condition, the settings, the weights and the
    versions of tool and report, so that whatever is there already is what an analysis would give. A picture
    has one frame, which is all a finding on it needs. Raises `DatasetError` as soon as more than
    `max_unreadable` items cannot be read, OutputError where a report cannot be written.
    """
    entries: list[Entry] = []
    unreadable: list[str] = []
    for number, source in enumerate(sources, start=1):
        own = replace(settings, min_frames=1) if is_picture(source.path) else settings
        try:
            made = list(_entries(source, models, own, folder, conditions))
        except (VideoError, OSError, UsageFault) as error:
            made = [Entry(source.item, AS_GIVEN, None, None, _sentence(error, source))]
            unreadable.append(source.item.name)
        if len(unreadable) > max_unreadable:
            raise DatasetError(
                f"{len(unreadable)} items cannot be read, more than --max-unreadable {max_unreadable}: "
                f"{some(unreadable)} ({made[0].fault}); what is finished is kept"
            )
        entries += made
        progress(number, len(sources))
    return tuple(entries)


def report_of(folder: Path, entry: Entry) -> Path:
    """Where the report of a read item lies in the folder of its evaluation."""
    return folder / REPORTS / (entry.report or "") / FILE_NAME


def _entries(
    source: Source,
    models: Models,
    settings: AnalysisSettings,
    folder: Path,
    conditions: Sequence[Condition],
) -> Iterator[Entry]:
    sha256 = material_sha256(source.path)
    wanted = [condition for condition in conditions if condition.applies_to(source.path)]
    found = [
        Entry(source.item, condition, sha256, _key(sha256, condition, models, settings), None)
        for condition in wanted
    ]
    if absent := [entry for entry in found if not report_of(folder, entry).is_file()]:
        with opened_material(source.path) as file:
            for entry in absent:
                with treated(file, entry.condition, sampling=settings.sampling) as copy:
                    report = analyze_video(copy, models, settings)
                _keep(report, report_of(folder, entry))
    yield from found


def _key(sha256: str, condition: Condition, models: Models, settings: AnalysisSettings) -> str:
    settled = settings.settled(models.detectors.values()).facts()
    files = sorted((file.used_by, file.name, file.sha256) for file in models.files)
    facts = to_plain([sha256, condition.name, settled, files, tool_version(), SCHEMA_VERSION])
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _keep(report: Report, path: Path) -> None:
    """Write the report whole or not at all."""
    make_folder(path.parent)
    with whole_file(path, remedy=GO_ON) as partial:
        partial.write_text(report_json(report), encoding="utf-8")


def _sentence(error: Exception, source: Source) -> str:
    """The fault in one line, whatever raised it."""
    if isinstance(error, OSError):
        return f"{printable(source.path)}: cannot be read ({error.strerror or error})"
    return str(error)
