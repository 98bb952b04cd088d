"""The readable summary of a report on the terminal."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from forensics.findings import TrackFinding
from forensics.report.model import Report
from forensics.report.people import person_name
from forensics.report.reference import REFERENCE_NOTE, reference_grounds
from forensics.report.verdict import DetectorRun
from forensics.report.words import (
    components_sentence,
    found_sentence,
    peaks_sentence,
    segment_sentence,
    thresholds_sentence,
)
from video.errors import printable

# Wide enough for the table when standard output is no terminal.
_PLAIN_WIDTH_COLUMNS = 110


def print_summary(report: Report) -> None:
    """Per person: time range, frames, mean score and what was found; then what the score is not."""
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console = Console(file=sys.stdout, highlight=False, width=_PLAIN_WIDTH_COLUMNS)
    evidence = report.evidence
    console.print(Text(f"{printable(evidence.file_name)}: {report.verdict.sentence}", style="bold"))
    for sentence in report.verdict.beside:
        console.print(Text(sentence))
    console.print(
        f"sha256 {evidence.sha256}\n{evidence.delivery.sampled} of {evidence.delivery.decoded} frames "
        f"looked at, {len(report.faces)} faces, people: {len(report.people)}"
    )
    for run in report.detectors:
        _print_run(console, report, run)
    _print_comparison(console, report)
    for warning in report.warnings:
        console.print(Text(f"warning: {warning}"))
    if report.calibrated is not None:
        console.print(Text(f"calibrated: {report.calibrated.verdict.sentence}"))
        for track in report.calibrated.tracks:
            console.print(Text(f"  {person_name(track.track)}: {track.verdict.sentence}"))
    console.print(Text(report.calibration))
    restricted = sorted({file.name for file in report.weights if not file.commercial_use})
    if restricted:
        console.print(Text(f"Not for commercial use: {', '.join(restricted)}."))


def _print_comparison(console: Console, report: Report) -> None:
    """Per person how it compares with the reference person, if there is one; then what that is not."""
    if report.reference is None:
        return
    numbered = enumerate(report.reference.photos, start=1)
    photos = ", ".join(f"{number} {printable(photo.file_name)}" for number, photo in numbered)
    console.print(
        Text(f"compared by {report.reference.embedder} with the reference person of the photos {photos}")
    )
    for person in report.people:
        if person.reference is not None:
            grounds = reference_grounds(person.reference, report.reference)
            console.print(Text(f"{person.name}: {person.reference.outcome}: {grounds}"))
    console.print(Text(f"note: {REFERENCE_NOTE}"))


def _print_run(console: Console, report: Report, run: DetectorRun) -> None:
    if run.finding is None:
        console.print(Text(f"detector {run.name}: {run.status.value}: {run.reason}"))
        return
    console.print(Text(f"detector {run.name}"))
    if run.finding.tracks:
        table = Table("who", "from - to (s)", "seen", "scored", "mean score", "mean P(fake)", "finding")
        for finding in run.finding.tracks:
            table.add_row(*_cells(report, finding))
        console.print(table)
    for finding in run.finding.tracks:
        if finding.peaks is not None:
            console.print(Text(f"{_who(report, finding)}, {peaks_sentence(finding)}"))
        if finding.components:
            console.print(Text(f"{_who(report, finding)}, {components_sentence(finding)}"))
        for segment in finding.segments:
            console.print(Text(f"{_who(report, finding)}, {segment_sentence(segment)}"))
    if run.thresholds is not None:
        console.print(Text(f"score: mean {run.score_kind}; {thresholds_sentence(run.thresholds)}"))
    for note in run.notes:
        console.print(Text(f"note: {note}"))


def _who(report: Report, finding: TrackFinding) -> str:
    return "whole frame" if finding.track is None else report.people[finding.track].name


def _cells(report: Report, finding: TrackFinding) -> tuple[str, ...]:
    if finding.track is None:
        first, last, seen = report.frames[0].pts_seconds, report.frames[-1].pts_seconds, len(report.frames)
    else:
        person = report.people[finding.track]
        first, last, seen = person.first_seconds, person.last_seconds, person.detections
    return (
        _who(report, finding),
        f"{first:.2f} - {last:.2f}",
        str(seen),
        str(finding.scored),
        "-" if finding.mean_score is None else f"{finding.mean_score:+z.2f}",
        "-" if finding.mean_probability is None else f"{finding.mean_probability:.2f}",
        found_sentence(finding),
    )
