"""A calibration applied to a report: ratios where it holds, refusals where it does not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from calibrations import FILES, calibration
from reports import report_of
from stubs import StubDetector, stub_models

from forensics.api import analyze
from forensics.calibration.apply import calibrated_report
from forensics.calibration.facts import Digest, Range, SeenConditions
from forensics.calibration.file import save_calibration
from forensics.calibration.record import Calibration, recorded_settings, weights_of
from forensics.calibration.verdict import NoRatio
from forensics.detector import Scope
from forensics.errors import CalibrationError
from forensics.face2text import PromptMode
from forensics.report.html import render_html
from forensics.report.json import write_json
from forensics.report.model import Report
from forensics.report.read import read_report
from forensics.rerun import rerun
from forensics.settings import AnalysisSettings
from weights.store import Store

# ln LR is the mean score.
MEANS = (2.0, -1.5)
ANY = Range(0.0, 1e9)
SEEN = SeenConditions(size_pixels=ANY, sharpness=ANY, least_frames=8, people=Range(1.0, 2.0))


@pytest.fixture
def report() -> Report:
    return report_of(*[[mean] * 8 for mean in MEANS])


def fitting(report: Report, **changes: object) -> Calibration:
    """A calibration made with the models and the settings of `report`."""
    made = replace(
        calibration("a"),
        weights=weights_of(report.weights, ["a"]),
        settings=recorded_settings(report.settings, ["a"]),
        conditions=SEEN,
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
    settings = {**recorded_settings(report.settings, ["a"]), "face_detector": "yunet"}
    judged = calibrated_report(report, saved(fitting(report, settings=settings), tmp_path))
    assert judged.warnings == ("the calibration was made with face_detector yunet, this analysis uses mtcnn",)


def test_faces_unlike_those_seen_get_no_ratio(report: Report, tmp_path: Path) -> None:
    tiny = replace(SEEN, size_pixels=Range(1.0, 2.0))
    judged = calibrated_report(report, saved(fitting(report, conditions=tiny), tmp_path))
    assert judged.calibrated is not None
    verdict = judged.calibrated.verdict
    assert (verdict.likelihood_ratio, verdict.reason) == (None, NoRatio.OUT_OF_DOMAIN)


def test_a_video_of_more_people_than_were_seen_gets_no_ratio_and_each_person_still_does(
    report: Report, tmp_path: Path
) -> None:
    alone = replace(SEEN, people=Range(1.0, 1.0))
    judged = calibrated_report(report, saved(fitting(report, conditions=alone), tmp_path))
    assert judged.calibrated is not None
    assert judged.calibrated.verdict.reason is NoRatio.OUT_OF_DOMAIN
    assert "people judged 2, seen 1 to 1" in judged.calibrated.verdict.sentence
    assert all(track.verdict.likelihood_ratio is not None for track in judged.calibrated.tracks)
    assert "among many people one or another is high by chance" in judged.calibration


@pytest.mark.parametrize(
    ("scopes", "subject"),
    [
        ([Scope.FACE], "the face"),
        ([Scope.FRAME], "the picture"),
        ([Scope.FACE, Scope.FRAME], "the video"),
    ],
)
def test_the_ratio_speaks_of_what_was_scored(scopes: list[Scope], subject: str, tmp_path: Path) -> None:
    report = report_of([2.0] * 8)
    runs = [
        replace(report.detectors[0], name=name, scope=scope)
        for name, scope in zip("ab", scopes, strict=False)
    ]
    names = [run.name for run in runs]
    made = replace(
        calibration(*names, weights=(1.0,) * len(names)),
        weights=weights_of(report.weights, names),
        settings=recorded_settings(report.settings, names),
    )
    judged = calibrated_report(replace(report, detectors=tuple(runs)), saved(made, tmp_path))
    assert judged.calibrated is not None
    assert f"more probable if {subject} is manipulated in the way of" in judged.calibrated.verdict.sentence


def test_people_without_enough_frames_are_not_counted(tmp_path: Path) -> None:
    report = report_of([2.0] * 8, [1.0] * 2, [None] * 8)
    judged = calibrated_report(report, saved(fitting(report, conditions=None), tmp_path))
    assert judged.calibrated is not None
    assert judged.calibrated.verdict.likelihood_ratio == pytest.approx(math.exp(2.0))
    for track in judged.calibrated.tracks[1:]:
        assert track.verdict.reason is NoRatio.NO_SCORE


def test_a_person_gets_no_ratio_where_all_scores_seen_were_the_highest_of_several(
    report: Report, tmp_path: Path
) -> None:
    crowds = replace(SEEN, people=Range(2.0, 5.0))
    judged = calibrated_report(report, saved(fitting(report, conditions=crowds), tmp_path))
    assert judged.calibrated is not None
    assert judged.calibrated.verdict.likelihood_ratio == pytest.approx(math.exp(MEANS[0]))
    assert {track.verdict.reason for track in judged.calibrated.tracks} == {NoRatio.OUT_OF_DOMAIN}


def test_a_calibration_that_knows_nothing_of_faces_says_so_in_a_warning(
    report: Report, tmp_path: Path
) -> None:
    judged = calibrated_report(report, saved(fitting(report, conditions=None), tmp_path))
    (warning,) = judged.warnings
    assert warning.startswith("calibration.json: does not say how the faces of its videos were seen")


def test_without_a_description_no_empty_brackets_are_shown(report: Report, tmp_path: Path) -> None:
    made = fitting(report)
    bare = replace(made, data=replace(made.data, description=""))
    judged = calibrated_report(report, saved(bare, tmp_path))
    assert "10 other videos: Cllr" in judged.calibration


def test_a_calibration_for_other_models_or_settings_is_refused_before_a_frame_is_decoded(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a frame was decoded")

    models = replace(stub_models(StubDetector("a", lambda _: 1.0)), files=FILES)
    monkeypatch.setattr("forensics.api.load_models", lambda *_: models)
    monkeypatch.setattr("forensics.rerun.load_models", lambda *_: models)
    monkeypatch.setattr("forensics.api.analyze_video", fail)
    monkeypatch.setattr("forensics.rerun.analyze_video", fail)
    settings = AnalysisSettings(detectors=("a",), device="cpu", prompt=PromptMode.FIXED)
    path = tmp_path / "other.json"
    made = replace(calibration("a"), weights=weights_of(FILES, ["a"]), settings={"prompt": "face"})
    save_calibration(made, path)
    with pytest.raises(CalibrationError, match="made with prompt face, this analysis uses fixed"):
        analyze(tmp_path / "clip.mp4", settings=settings, calibration=path)
    other = (Digest("other", "f" * 64),)
    save_calibration(replace(made, weights=other), path, overwrite=True)
    with pytest.raises(CalibrationError, match="made for other weights"):
        analyze(tmp_path / "clip.mp4", settings=settings, calibration=path)
    with pytest.raises(CalibrationError, match="made for other weights"):
        rerun(report, tmp_path / "clip.mp4", store=Store(tmp_path), calibration=path)


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
