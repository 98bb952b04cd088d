"""The timeline: where things are drawn, and that thinning loses no peak."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from reports import detector_score, face, frame, report_of, report_with_part

from forensics.report.model import Report
from forensics.report.timeline import timeline
from forensics.report.timeline_points import MAX_POINTS
from forensics.report.timeline_shapes import HEIGHT, WIDTH, Timeline
from forensics.report.words import MARKS
from video.frames import Shot


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


def with_shots(report: Report, *starts: float) -> Report:
    """The report with these shots met while decoding; those of its sampled frames follow from them."""
    shots = tuple(Shot(number, start) for number, start in enumerate(starts))
    frames = tuple(
        replace(row, shot=sum(start <= row.pts_seconds for start in starts) - 1) for row in report.frames
    )
    delivery = replace(report.evidence.delivery, shots=shots)
    return replace(report, frames=frames, evidence=replace(report.evidence, delivery=delivery))


def test_cuts_lie_where_a_shot_begins_and_not_at_the_next_frame_looked_at() -> None:
    # Frames at 0, 0.25, ... 1.0 s: the first of the second shot that was looked at is that of 0.5 s.
    assert drawn(with_shots(report_of([0.0] * 5), 0.0, 0.3)).cuts == (0.3 * WIDTH,)


def test_cuts_outside_of_what_is_shown_are_left_out() -> None:
    report = with_shots(report_of([0.0] * 5), 0.0, 0.5, 7.0)
    assert drawn(report).cuts == (WIDTH / 2,)


def lasting(report: Report, seconds: float | None, *, start: float | None = 0.0) -> Report:
    probe = replace(report.evidence.probe, duration_seconds=seconds, start_seconds=start)
    return replace(report, evidence=replace(report.evidence, probe=probe))


def windowed(report: Report, start: str | None, end: str | None) -> Report:
    window = {"start_seconds": start and Fraction(start), "end_seconds": end and Fraction(end)}
    return replace(report, settings=replace(report.settings, **window))


def test_the_whole_clip_is_shown_and_not_only_the_frames_looked_at() -> None:
    later = tuple(replace(row, pts_seconds=row.pts_seconds + 0.2) for row in report_of([0.0] * 5).frames)
    shown = drawn(lasting(replace(report_of([0.0] * 5), frames=later), 3.0))
    assert (shown.first_seconds, shown.last_seconds) == (0.0, 3.0)
    late = drawn(lasting(report_of([0.0] * 5), 3.0, start=-0.5))
    assert (late.first_seconds, late.last_seconds) == (-0.5, 2.5)


def test_a_window_of_the_settings_is_what_is_shown() -> None:
    report = lasting(report_of([0.0] * 9), 10.0)
    inside = replace(report, frames=report.frames[2:5], faces=report.faces[2:5])
    shown = drawn(windowed(inside, "2/5", "3/2"))
    assert (shown.first_seconds, shown.last_seconds) == (0.4, 1.5)
    open_end = drawn(windowed(inside, "2/5", None))
    assert (open_end.first_seconds, open_end.last_seconds) == (0.4, 10.0)
    past_the_end = drawn(windowed(inside, None, "99"))
    assert (past_the_end.first_seconds, past_the_end.last_seconds) == (0.0, 10.0)


@pytest.mark.parametrize("declared", [None, 0.1])
def test_no_frame_lies_outside_whatever_the_file_declares(declared: float | None) -> None:
    shown = drawn(lasting(report_of([0.0] * 5), declared, start=None))
    assert (shown.first_seconds, shown.last_seconds) == (0.0, 1.0)


def test_frames_without_a_face_are_marked() -> None:
    report = report_of([0.0] * 5)
    faces = tuple(row for row in report.faces if row.frame_index != 2)
    shown = drawn(replace(report, faces=faces))
    assert shown.faceless == ((2, 0.5),)
    assert shown.panels[0].faceless == f"M{WIDTH / 2:g} 0v6"
    assert drawn(report).panels[0].faceless == ""


def test_hours_without_a_face_stay_light() -> None:
    report = report_of([0.0] * 28_800)
    shown = drawn(replace(report, faces=report.faces[:2]))
    assert MAX_POINTS / 2 < len(shown.faceless) <= MAX_POINTS + 1


def test_people_nobody_scored_have_no_timeline() -> None:
    assert timeline(replace(report_of([0.0] * 4), people=(), faces=())) is None


def test_the_key_names_what_is_drawn_and_nothing_else() -> None:
    plain = replace(report_of([0.0] * 5).detectors[0], thresholds=None)
    assert drawn(replace(report_of([0.0] * 5), detectors=(plain,))).marks == ()
    report = with_shots(report_of([0.0, None, 5.0, 5.0, 5.0]), 0.0, 0.3)
    marks = drawn(replace(report, faces=report.faces[:-1])).marks
    assert {"threshold", "silent", "faceless", "cut"} <= set(marks)
    kinds = {band.kind for panel in drawn(report).panels for band in panel.bands}
    assert kinds
    assert kinds == set(marks) & {"over_threshold", "stands_out"}
    assert set(marks) <= set(MARKS)


def test_a_part_by_one_component_is_a_band_that_names_it() -> None:
    (band,) = (band for panel in drawn(report_with_part()).panels for band in panel.bands)
    assert (band.name, band.kind, band.component) == ("person A", "stands_out", "fake")
    (plain,) = drawn(report_of([-3.0] * 8 + [3.0] * 8)).panels[0].bands
    assert plain.component is None


def test_a_component_with_a_part_has_a_panel_of_its_values_below_the_score_s() -> None:
    score, fake = drawn(report_with_part()).panels[:2]
    assert not score.bands
    assert "fake prompt" in fake.title
    assert [band.component for band in fake.bands] == ["fake"]
    ((line),) = fake.lines
    assert [point.value for point in line.points] == [-3.0] * 16 + [-0.5] * 12 + [-3.0] * 12
    assert fake.low < -3.0
    assert fake.high > -0.5


def test_the_identity_has_a_panel_of_its_own_without_thresholds() -> None:
    report = report_of([0.0] * 4)
    faces = tuple(replace(row, identity_similarity=0.9) for row in report.faces)
    *_, panel = drawn(replace(report, faces=faces)).panels
    assert panel.unit == "cosine"
    assert panel.thresholds == ()
    assert {point.value for point in panel.lines[0].points} == {0.9}
    assert len(drawn(report).panels) == 1


def test_no_axis_promises_a_cosine_above_one() -> None:
    report = report_of([0.0] * 4)
    faces = tuple(replace(row, identity_similarity=0.2) for row in report.faces)
    *_, panel = drawn(replace(report, faces=faces)).panels
    assert max(float(tick.label) for tick in panel.ticks) == 1.0
    faces = tuple(replace(row, identity_similarity=0.95) for row in report.faces)
    *_, panel = drawn(replace(report, faces=faces)).panels
    assert max(float(tick.label) for tick in panel.ticks) == 1.0
    assert all(tick.y > 0 for tick in panel.ticks)


def test_axis_labels_are_round_and_inside() -> None:
    panel = drawn(report_of([-2.9, -0.5, 1.3])).panels[0]
    values = [float(tick.label) for tick in panel.ticks]
    assert len(values) >= 3
    assert all(panel.low <= value <= panel.high for value in values)
    assert {round(after - before, 6) for before, after in pairwise(values)} == {1.0}
