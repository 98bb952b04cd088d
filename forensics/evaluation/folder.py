"""The folder of an evaluation: its index, what lies in it, and reading it back."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forensics.errors import OutputError
from forensics.evaluation.items import Item
from forensics.evaluation.run import REPORTS, Entry, report_of
from forensics.evaluation.scores import DetectorFacts, Evaluated, detectors_in, scores_in
from forensics.evaluation.sweep import Condition
from forensics.report.facts import SettingsFacts
from forensics.report.json import to_plain
from forensics.report.model import ModelFile
from forensics.report.read import read_checked, read_report
from forensics.run_facts import tool_version
from forensics.whole_file import GO_ON, is_unfinished, whole_file
from video.errors import printable

INDEX = "index.json"
INDEX_VERSION = "1.0"
METRICS, SCORES, UNSCORED, PAGE = "metrics.json", "scores.csv", "unscored.csv", "evaluation.html"
KNOWN = frozenset({REPORTS, INDEX, METRICS, SCORES, UNSCORED, PAGE})


@dataclass(frozen=True)
class DatasetFacts:
    """A dataset as it was found: `missing` names the files that its own lists name and that are not there."""

    name: str
    items: int
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Index:
    """Everything an evaluation looked at, and what became of it."""

    schema_version: str
    tool_version: str
    datasets: tuple[DatasetFacts, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Finished:
    """The analyses of an evaluation: what was evaluated in each condition, by which detectors.

    `settings` and `weights` are those of its reports: two settings where pictures, which need one frame
    only, stand beside videos. `first_report` is a report to calibrate by, if they lie in one folder.
    """

    datasets: tuple[DatasetFacts, ...]
    evaluated: Mapping[Condition, tuple[Evaluated, ...]]
    unreadable: tuple[tuple[Item, str], ...]
    detectors: tuple[DetectorFacts, ...]
    settings: tuple[SettingsFacts, ...]
    weights: tuple[ModelFile, ...]
    first_report: str | None


def check_folder(folder: Path) -> None:
    """Raise OutputError for a folder that holds anything but an evaluation, or that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strange = [
            path.name for path in folder.iterdir() if path.name not in KNOWN and not is_unfinished(path)
        ]
    except OSError as error:
        raise OutputError(
            f"{printable(folder)}: cannot be written to ({error.strerror}); name a folder that can"
        ) from error
    if strange:
        raise OutputError(
            f"{printable(folder)}: holds {printable(sorted(strange)[0])}, which is of no evaluation; name a "
            "new folder"
        )


def write_index(folder: Path, datasets: Sequence[DatasetFacts], entries: Sequence[Entry]) -> None:
    """Write what `read_finished` reads."""
    index = Index(INDEX_VERSION, tool_version(), tuple(datasets), tuple(entries))
    write_text(folder / INDEX, json.dumps(to_plain(index), indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises OutputError."""
    with whole_file(path, remedy=GO_ON) as partial:
        partial.write_text(text, encoding="utf-8")


def read_finished(folder: Path) -> Finished:
    """The analyses in the folder of a finished evaluation. Raises ReportError for a damaged one."""
    index = read_checked(
        folder / INDEX, Index, schema_version=INDEX_VERSION, remedy="give the command that made it again"
    )
    evaluated: defaultdict[Condition, list[Evaluated]] = defaultdict(list)
    detectors: dict[str, DetectorFacts] = {}
    weights: dict[ModelFile, None] = {}
    settings: dict[SettingsFacts, None] = {}
    first: str | None = None
    for entry in index.entries:
        if entry.report is None:
            continue
        report = read_report(report_of(folder, entry))
        evaluated[entry.condition].append(Evaluated(entry.item, scores_in(report)))
        detectors = detectors_in([report]) | detectors
        weights |= dict.fromkeys(report.weights)
        settings[report.settings] = None
        first = first or entry.report
    return Finished(
        datasets=index.datasets,
        evaluated={condition: tuple(found) for condition, found in evaluated.items()},
        unreadable=tuple((entry.item, entry.fault) for entry in index.entries if entry.fault is not None),
        detectors=tuple(detectors.values()),
        settings=tuple(settings),
        weights=tuple(weights),
        first_report=first,
    )
