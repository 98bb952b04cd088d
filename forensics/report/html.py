"""Writes `report.html`: one page that needs no network, made from the report alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from forensics.findings import Label, TrackFinding
from forensics.identity_handover import SIGNAL_NOTE
from forensics.report.json import to_plain
from forensics.report.model import Report
from forensics.report.people import Person, person_name, reference_headline
from forensics.report.policy import content_policy
from forensics.report.reference import REFERENCE_NOTE, reference_grounds
from forensics.report.rows import FaceHeatmap, FacePicture, FaceRow
from forensics.report.timeline import timeline
from forensics.report.timeline_shapes import HEIGHT, WIDTH, Timeline
from forensics.report.verdict import deciding_scope
from forensics.report.words import (
    MARKS,
    abstention_words,
    clock_time,
    component_words,
    components_sentence,
    found_sentence,
    meaning_of,
    peaks_sentence,
    pin_words,
    segment_sentence,
    settings_sentence,
    thresholds_sentence,
    versions_sentence,
)

FILE_NAME = "report.html"
# Of an A4 sheet, what the margins and the axis leave.
PRINT_WIDTH = 630.0
SHOWN_OVER_TIME = 8
SHOWN_EXTREMES = 3
# Beyond so many, one colour and dash would stand for two people; the names still tell them apart.
LINE_STYLES = 24


@dataclass(frozen=True)
class Shot:
    """A picture with what was said of that face."""

    picture: FacePicture
    row: FaceRow
    score: float | None


@dataclass(frozen=True)
class Heat:
    """A heatmap with the row of its face and that face's score."""

    picture: FaceHeatmap
    row: FaceRow
    score: float | None


@dataclass(frozen=True)
class Card:
    """One person's part of the page; `finding` is that of the first face detector that ran."""

    person: Person
    findings: tuple[TrackFinding, ...]
    shots: tuple[Shot, ...]
    most: tuple[Shot, ...]
    least: tuple[Shot, ...]
    heatmap: Heat | None


def write_html(report: Report, folder: Path) -> Path:
    path = folder / FILE_NAME
    path.write_text(render_html(report), encoding="utf-8")
    return path


def render_html(report: Report, *, printed: bool = False) -> str:
    """The page. Everything that comes from the evidence or the user is escaped by the template.

    `printed` draws the charts for a sheet of paper, in PRINT_WIDTH pixels that nothing stretches.
    """
    width = PRINT_WIDTH if printed else WIDTH
    drawn = timeline(report, width=width)
    style, script = _asset("report.css"), _asset("report.js")
    return _page().render(
        report=report,
        case=to_plain(report.case),
        probe=to_plain(report.evidence.probe),
        c2pa=to_plain(report.evidence.c2pa),
        settings=to_plain(report.settings),
        run=to_plain(report.run),
        label_class={Label.CUES: "cues", Label.NO_CUE: "clear", Label.INCONCLUSIVE: "open"}[
            report.verdict.label
        ],
        meaning=meaning_of(
            report.verdict.label, report.verdict.reason, scope=deciding_scope(report.detectors)
        ),
        timeline=drawn,
        cards=cards(report),
        whole_frames=_whole_frames(report),
        series=None if drawn is None else _json_for_script(_series(drawn)),
        style=Markup(style),
        script=Markup(script),
        policy=content_policy(style, script),
        panel_height=HEIGHT,
        panel_width=width,
        chart_style=Markup(_asset("chart_print.css")) if printed else None,
        handover_note=SIGNAL_NOTE,
        reference_note=REFERENCE_NOTE,
    )


def cards(report: Report) -> tuple[Card, ...]:
    """One card per person, the most suspicious first, people who could not be judged last."""
    runs = [run for run in report.detectors if run.finding is not None]
    seen: defaultdict[int, dict[int, FaceRow]] = defaultdict(dict)
    for row in report.faces:
        seen[row.track][row.frame_index] = row
    heats = {
        heat.track: Heat(heat, of_heat, _score(of_heat, heat.detector))
        for heat in report.heatmaps
        if (of_heat := seen[heat.track].get(heat.frame_index))
    }
    made = []
    for person in report.people:
        findings = tuple(
            found for run in runs if run.finding for found in run.finding.tracks if found.track == person.id
        )
        detector = findings[0].detector if findings else ""
        shots = [
            Shot(picture, shown, _score(shown, detector))
            for picture in report.pictures
            if picture.track == person.id and (shown := seen[person.id].get(picture.frame_index))
        ]
        ranked = sorted(
            (shot for shot in shots if shot.score is not None), key=lambda shot: shot.score or 0.0
        )
        made.append(
            Card(
                person=person,
                findings=findings,
                shots=tuple(shots),
                most=tuple(reversed(ranked[-SHOWN_EXTREMES:])),
                least=tuple(ranked[:SHOWN_EXTREMES]),
                heatmap=heats.get(person.id),
            )
        )
    return tuple(sorted(made, key=_suspicion))


def _whole_frames(report: Report) -> tuple[TrackFinding, ...]:
    """What whole-frame detectors found, in the order in which they ran."""
    found = (run.finding for run in report.detectors if run.finding is not None)
    return tuple(track for finding in found for track in finding.tracks if track.of_whole_frames)


def _suspicion(card: Card) -> tuple[bool, float, int]:
    mean = card.findings[0].mean_score if card.findings else None
    return (mean is None, -(mean or 0.0), card.person.id)


def _score(row: FaceRow, detector: str) -> float | None:
    return next((score.score for score in row.scores if score.detector == detector), None)


def _series(drawn: Timeline) -> list[dict[str, object]]:
    """The values behind the lines, for the pointer: panel by panel, line by line."""
    return [
        {
            "name": line.name,
            "track": line.track,
            "panel": number,
            "title": panel.title,
            "unit": panel.unit,
            "frame": [point.frame_index for point in line.points],
            "seconds": [round(point.seconds, 4) for point in line.points],
            "value": [None if point.value is None else round(point.value, 4) for point in line.points],
            "reason": [point.reason and abstention_words(point.reason) for point in line.points],
        }
        for number, panel in enumerate(drawn.panels)
        for line in panel.lines
    ]


def _json_for_script(value: object) -> Markup:
    """JSON that no value in it can end the script element of."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _asset(name: str) -> str:
    return resources.files("forensics.report").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _page() -> Template:
    # Compiled once: that takes longer than an analysis of a few frames.
    return _environment().from_string(_asset("report.html.j2"))


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["abstention"] = abstention_words
    environment.filters["clock"] = clock_time
    environment.filters["signed"] = lambda value: "-" if value is None else f"{value:+z.2f}"
    environment.filters["share"] = lambda value: "-" if value is None else f"{value:z.2f}"
    environment.filters["spread"] = _spread
    environment.filters["line_style"] = lambda track: "whole" if track is None else f"p{track % LINE_STYLES}"
    environment.filters["pin"] = pin_words
    environment.globals["settings_sentence"] = settings_sentence
    environment.globals["versions_sentence"] = versions_sentence
    environment.globals["mark_words"] = MARKS
    environment.globals["person_name"] = person_name
    environment.globals["found_sentence"] = found_sentence
    environment.globals["reference_grounds"] = reference_grounds
    environment.globals["reference_headline"] = reference_headline
    environment.globals["segment_sentence"] = segment_sentence
    environment.globals["peaks_sentence"] = peaks_sentence
    environment.globals["components_sentence"] = components_sentence
    environment.globals["component_words"] = component_words
    environment.globals["thresholds_sentence"] = thresholds_sentence
    return environment


def _spread(shots: Sequence[Shot]) -> list[Shot]:
    """At most SHOWN_OVER_TIME of them, evenly over time."""
    if len(shots) <= SHOWN_OVER_TIME:
        return list(shots)
    last = len(shots) - 1
    return [shots[round(place * last / (SHOWN_OVER_TIME - 1))] for place in range(SHOWN_OVER_TIME)]
