"""An analysis with stub models on generated clips."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import media
import pytest
from stubs import StubDetector, stub_models

from forensics.errors import ForensicsError
from forensics.findings import Label, Reason
from forensics.models import Models
from forensics.pipeline import analyze_video
from forensics.report.json import report_json
from forensics.report.model import Report
from forensics.report.verdict import Status
from forensics.settings import AnalysisSettings
from video.sampling import Sampling


def settings(*names: str, **changes: object) -> AnalysisSettings:
    base = AnalysisSettings(sampling=Sampling.all(), detectors=names, device="cpu", chunk_frames=4)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def analysed(path: Path, models: Models, *names: str, **changes: object) -> Report:
    return analyze_video(path, models, settings(*names, **changes))


def without_run(report: Report) -> str:
    plain = json.loads(report_json(report))
    del plain["run"]
    return json.dumps(plain)


def rising(index: int) -> float:
    return index / 10 + 1


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.h264(tmp_path_factory.mktemp("clip") / "clip.mp4", count=10)


def test_two_runs_give_the_same_bytes_apart_from_the_run_block(clip: Path) -> None:
    models = stub_models(StubDetector("a", rising))
    first, second = analysed(clip, models, "a"), analysed(clip, models, "a")
    assert without_run(first) == without_run(second)
    assert json.loads(report_json(first))["run"]["python"]


def test_the_chunk_size_changes_no_row(clip: Path) -> None:
    models = stub_models(StubDetector("a", rising))
    one, other = analysed(clip, models, "a"), analysed(clip, models, "a", chunk_frames=3)
    assert one.faces == other.faces
    assert one.verdict == other.verdict
    assert len(one.faces) == 10


def test_the_mean_of_the_scores_is_the_persons(clip: Path) -> None:
    report = analysed(clip, stub_models(StubDetector("a", rising)), "a")
    finding = report.detectors[0].finding
    assert finding is not None
    assert finding.tracks[0].mean_score == pytest.approx(1.45)
    assert report.verdict.label is Label.CUES


def test_no_face_is_an_outcome_without_any_score(clip: Path) -> None:
    report = analysed(clip, stub_models(StubDetector("a", rising), found=False), "a")
    assert (report.verdict.label, report.verdict.reason) == (Label.INCONCLUSIVE, Reason.NO_FACE)
    assert report.verdict.sentence == "inconclusive: no face found"
    assert report.faces == ()


def test_a_detector_that_fails_is_named_and_the_others_go_on(clip: Path) -> None:
    def fail(index: int) -> float:
        raise FloatingPointError("boom")

    models = stub_models(StubDetector("bad", fail), StubDetector("good", rising))
    report = analysed(clip, models, "bad", "good")
    bad, good = report.detectors
    assert (bad.status, bad.reason, bad.finding) == (Status.FAILED, "FloatingPointError: boom", None)
    assert good.status is Status.RAN
    assert {score.detector for row in report.faces for score in row.scores} == {"good"}


def test_a_detector_that_fails_late_gives_no_finding_and_no_scores(clip: Path) -> None:
    def fail_late(index: int) -> float:
        if index > 5:
            raise FloatingPointError("late")
        return 9.0

    report = analysed(clip, stub_models(StubDetector("late", fail_late)), "late")
    assert report.verdict.reason is Reason.DETECTOR_FAILED
    assert not any(row.scores for row in report.faces)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_outputs_that_are_not_finite_are_never_scores(clip: Path, value: float) -> None:
    report = analysed(clip, stub_models(StubDetector("a", lambda index: value)), "a")
    assert report.verdict.reason is Reason.NOTHING_SCORED
    said = {(score.score, score.abstained) for row in report.faces for score in row.scores}
    assert said == {(None, "not_finite")}


def test_one_frame_is_too_few(tmp_path: Path) -> None:
    clip = media.h264(tmp_path / "one.mp4", count=1)
    report = analysed(clip, stub_models(StubDetector("a", rising)), "a")
    assert report.verdict.reason is Reason.TOO_FEW_FRAMES
    assert len(report.faces) == 1


def test_the_evidence_is_only_read(clip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    copy.chmod(0o444)
    before = copy.stat()
    analysed(copy, stub_models(StubDetector("a", rising)), "a")
    after = copy.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    assert copy.read_bytes() == clip.read_bytes()


def test_a_file_that_changes_during_the_analysis_is_refused(clip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())

    def tamper(index: int) -> float:
        with copy.open("ab") as file:
            file.write(b"x")
        return 0.0

    with pytest.raises(ForensicsError, match="changed during the analysis"):
        analysed(copy, stub_models(StubDetector("a", tamper)), "a")


def test_a_truncated_file_is_warned_about(tmp_path: Path) -> None:
    report = analysed(media.truncated(tmp_path / "cut.mp4"), stub_models(StubDetector("a", rising)), "a")
    assert report.warnings
    assert report.evidence.delivery.declared != report.evidence.delivery.decoded
