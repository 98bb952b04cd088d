"""A calibration applied to a report: ratios where it holds, refusals where it does not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from calibrations import calibration
from reports import report_of

from forensics.calibration.apply import calibrated_report
from forensics.calibration.facts import Digest, Range, SeenConditions
from forensics.calibration.file import save_calibration
from forensics.calibration.record import Calibration, recorded_settings, weights_of
from forensics.calibration.verdict import NoRatio
from forensics.errors import CalibrationError
from forensics.report.html import render_html
from forensics.report.json import write_json
from forensics.report.model import Report
from forensics.report.read import read_report

# ln LR is the mean score.
MEANS = (2.0, -1.5)


@pytest.fixture
def report() -> Report:
    return report_of(*[[mean] * 8 for mean in MEANS])


def fitting(report: Report, **changes: object) -> Calibration:
    """A calibration made with the models and the settings of `report`."""
    made = replace(
        calibration("a"),
        weights=weights_of(report.weights, ["a"]),
        settings=recorded_settings(report.settings),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def saved(made: Calibration, folder: Path) -> Path:
    path = folder / "calibration.json"
    save_calibration(made, path)
    return path


def test_the_video_is_judged_by_its_most_suspicious_person_and_each_person_by_their_own(
    report: Report, tmp_path: Path
) -> None:
    judged = calibrated_report(report, saved(fitting(report), tmp_path))
    assert judged.calibrated is not None
    assert judged.calibrated.verdict.likelihood_ratio == pytest.approx(math.exp(MEANS[0]))
    ratios = {track.track: track.verdict.likelihood_ratio for track in judged.calibrated.tracks}
    assert ratios == pytest.approx({0: math.exp(MEANS[0]), 1: math.exp(MEANS[1])})
    assert judged.warnings == report.warnings
    assert judged.calibration != report.calibration
    assert "12 manipulated and 10 other videos" in judged.calibration


def test_a_calibration_changes_no_score_and_no_finding(report: Report, tmp_path: Path) -> None:
    judged = calibrated_report(report, saved(fitting(report), tmp_path))
    assert replace(judged, calibrated=None, calibration=report.calibration) == report


def test_other_weights_are_refused_by_name(report: Report, tmp_path: Path) -> None:
    others = (*fitting(report).weights[1:], Digest("stub.pt", "f" * 64))
    with pytest.raises(CalibrationError, match=r"calibration.json: made for other weights \(stub.pt"):
        calibrated_report(report, saved(fitting(report, weights=others), tmp_path))


def test_other_settings_become_warnings(report: Report, tmp_path: Path) -> None:
    settings = {**recorded_settings(report.settings), "face_detector": "yunet"}
    judged = calibrated_report(report, saved(fitting(report, settings=settings), tmp_path))
    assert judged.warnings == ("the calibration was made with face_detector yunet, this analysis uses mtcnn",)


def test_faces_unlike_those_seen_get_no_ratio(report: Report, tmp_path: Path) -> None:
    tiny = SeenConditions(size_pixels=Range(1.0, 2.0), sharpness=Range(0.0, 1e9))
    judged = calibrated_report(report, saved(fitting(report, conditions=tiny), tmp_path))
    assert judged.calibrated is not None
    verdict = judged.calibrated.verdict
    assert (verdict.likelihood_ratio, verdict.reason) == (None, NoRatio.OUT_OF_DOMAIN)


def test_a_person_without_a_score_gets_no_ratio(tmp_path: Path) -> None:
    report = report_of([2.0] * 8, [None] * 8)
    judged = calibrated_report(report, saved(fitting(report), tmp_path))
    assert judged.calibrated is not None
    assert judged.calibrated.tracks[1].verdict.reason is NoRatio.NO_SCORE


def test_a_calibrated_report_is_read_back_and_shown(report: Report, tmp_path: Path) -> None:
    judged = calibrated_report(report, saved(fitting(report), tmp_path))
    assert judged.calibrated is not None
    write_json(judged, tmp_path)
    assert read_report(tmp_path) == judged
    page = render_html(judged)
    assert page.count(judged.calibrated.verdict.sentence) == 2
    assert "made up" in page
