"""The timeline: where things are drawn, and that thinning loses no peak."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from reports import detector_score, face, frame, report_of

from forensics.report.model import Report
from forensics.report.timeline import HEIGHT, MAX_POINTS, WIDTH, Timeline, timeline


def drawn(report: Report) -> Timeline:
    made = timeline(report)
    assert made is not None
    return made


def test_one_frame_has_no_timeline() -> None:
    report = report_of([0.0] * 4)
    assert timeline(replace(report, frames=report.frames[:1])) is None


def test_time_runs_over_the_whole_width_and_higher_scores_lie_higher() -> None:
    scores = [-1.0, 0.0, 3.0]
    report = report_of(scores)
    panel = drawn(report).panels[0]
    (line,) = panel.lines
    xs = [float(step[1:].split()[0]) for step in line.path.replace("L", "|M").split("|")]
    ys = [float(step.split()[1]) for step in line.path.replace("L", "|M").split("|")]
    assert xs == [0.0, WIDTH / 2, WIDTH]
    assert ys == sorted(ys, reverse=True)
    assert all(0 <= y <= HEIGHT for y in ys)
    assert [point.value for point in line.points] == scores
    # Straight between the ends, as the values are.
    assert (ys[0] - ys[1]) / (ys[0] - ys[2]) == pytest.approx(0.25, abs=0.01)


def test_thresholds_are_drawn_where_the_values_are() -> None:
    report = report_of([1.0, -1.0, 1.0])
    panel = drawn(report).panels[0]
    ys = [float(step.split()[1]) for step in panel.lines[0].path.replace("L", "|M").split("|")]
    clear, cue = panel.thresholds
    # The stub's thresholds are -1 and 1, as are the scores.
    assert (cue.y, clear.y) == (ys[0], ys[1])
    assert "+1.00" in cue.label


def test_a_long_gap_breaks_the_line() -> None:
    seconds = [0.0, 0.25, 0.5, 3.0, 3.25, 3.5]
    frames = tuple(frame(number, at) for number, at in enumerate(seconds))
    faces = tuple(face(number, at, detector_score(0.0)) for number, at in enumerate(seconds))
    report = replace(report_of([0.0] * 4), frames=frames, faces=faces)
    assert drawn(report).panels[0].lines[0].path.count("M") == 2


def test_silent_frames_are_marked_and_never_drawn_as_scores() -> None:
    report = report_of([1.0, None, 1.0, 1.0])
    (line,) = drawn(report).panels[0].lines
    assert line.silent.count("M") == 1
    assert line.path.count("L") + line.path.count("M") == 3
    assert [point.reason for point in line.points] == [None, "blurred", None, None]


def test_hours_are_thinned_to_their_lowest_and_highest() -> None:
    scores: list[float | None] = [0.0] * 28_800
    scores[12_345], scores[20_001] = 9.0, -9.0
    (line,) = drawn(report_of(scores)).panels[0].lines
    values = [point.value for point in line.points]
    assert len(values) <= MAX_POINTS
    assert {max(v for v in values if v is not None), min(v for v in values if v is not None)} == {9.0, -9.0}
    assert [point.seconds for point in line.points] == sorted(point.seconds for point in line.points)


def test_cuts_lie_where_a_shot_begins() -> None:
    report = report_of([0.0] * 5)
    frames = tuple(replace(row, shot=int(number >= 2)) for number, row in enumerate(report.frames))
    assert drawn(replace(report, frames=frames)).cuts == (WIDTH / 2,)


def test_the_identity_has_a_panel_of_its_own_without_thresholds() -> None:
    report = report_of([0.0] * 4)
    faces = tuple(replace(row, identity_similarity=0.9) for row in report.faces)
    *_, panel = drawn(replace(report, faces=faces)).panels
    assert panel.unit == "cosine"
    assert panel.thresholds == ()
    assert {point.value for point in panel.lines[0].points} == {0.9}
    assert len(drawn(report).panels) == 1


def test_axis_labels_are_round_and_inside() -> None:
    panel = drawn(report_of([-2.9, -0.5, 1.3])).panels[0]
    values = [float(tick.label) for tick in panel.ticks]
    assert len(values) >= 3
    assert all(panel.low <= value <= panel.high for value in values)
    assert {round(after - before, 6) for before, after in pairwise(values)} == {1.0}
