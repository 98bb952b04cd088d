"""Which whole-frame detector runs where only one of them has its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import media
import pytest
from stubs import StubDetector, WholeFrameStub, stub_models

from forensics.cli.summary import print_summary
from forensics.detector import LoadOptions, Scope, detector_module
from forensics.findings import CropPeaks, Label, Thresholds
from forensics.models import STAND_IN, WHOLE_FRAME, choose_detectors
from forensics.pipeline import analyze_video
from forensics.report.html import render_html
from forensics.report.verdict import Status
from forensics.settings import AnalysisSettings
from video.sampling import Sampling
from weights.store import Store


class Shelf(Store):
    """A store in which some weights are present."""

    def __init__(self, folder: Path, present: set[str]) -> None:
        super().__init__(folder, offline=True)
        self._here = present

    def present(self, name: str) -> object:  # type: ignore[override]
        return object() if name in self._here else None


def chosen(folder: Path, *, here: set[str], **changes: object) -> tuple[tuple[str, ...], dict[str, str]]:
    settings = AnalysisSettings(device="cpu", **changes)  # type: ignore[arg-type]
    names, skipped = choose_detectors(settings, Shelf(folder, here))
    assert {run.status for run in skipped} <= {Status.SKIPPED}
    assert {run.scope for run in skipped} <= {Scope.FRAME}
    return names, {run.name: run.reason or "" for run in skipped}


def test_whole_frames_are_scored_on_request_only(tmp_path: Path) -> None:
    assert chosen(tmp_path, here=set()) == (("repdfd",), {})


def test_without_codes_weights_the_stand_in_runs_and_the_report_says_why(tmp_path: Path) -> None:
    names, skipped = chosen(tmp_path, here=set(), whole_frame=True)
    assert names == ("repdfd", STAND_IN)
    assert "forensics weights fetch code-vit-tiny" in skipped[WHOLE_FRAME]


def test_with_codes_weights_code_runs(tmp_path: Path) -> None:
    needed = set(detector_module(WHOLE_FRAME).weights_needed(LoadOptions()))
    names, skipped = chosen(tmp_path, here=needed, whole_frame=True)
    assert names == ("repdfd", WHOLE_FRAME)
    assert set(skipped) == {STAND_IN}


def test_half_of_codes_weights_are_none(tmp_path: Path) -> None:
    needed = detector_module(WHOLE_FRAME).weights_needed(LoadOptions())
    names, _ = chosen(tmp_path, here={needed[0]}, whole_frame=True)
    assert names == ("repdfd", STAND_IN)


def test_a_detector_that_was_asked_for_by_name_is_not_replaced(tmp_path: Path) -> None:
    names, skipped = chosen(tmp_path, here=set(), whole_frame=True, detectors=(WHOLE_FRAME,))
    assert (names, skipped) == ((WHOLE_FRAME,), {})


def test_whole_frames_are_reported_beside_the_faces(tmp_path: Path) -> None:
    clip = media.h264(tmp_path / "clip.mp4", count=6)
    models = stub_models(
        StubDetector("faces", lambda index: -3.0), WholeFrameStub("frames", [5.0, None, 7.0])
    )
    settings = AnalysisSettings(sampling=Sampling.all(), detectors=("faces", "frames"), device="cpu")
    report = analyze_video(clip, models, settings)
    assert (report.verdict.label, report.verdict.beside) == (
        Label.NO_CUE,
        ("whole frame, frames: manipulation cues found",),
    )
    faces, frames = report.detectors
    assert (faces.scope, frames.scope) == (Scope.FACE, Scope.FRAME)
    assert frames.finding is not None
    (whole,) = frames.finding.tracks
    assert (whole.track, whole.mean_score, whole.scored, whole.abstained) == (None, 6.0, 4, 2)
    assert whole.peaks == CropPeaks(mean=7.0, highest=8.0)
    said = [row.scores[0] for row in report.frames]
    assert [score.score for score in said] == [5.0, None, 7.0, 5.0, None, 7.0]
    assert [score.peak for score in said] == [6.0, None, 8.0, 6.0, None, 8.0]
    assert all(score.detector == "faces" for row in report.faces for score in row.scores)


def test_the_summary_and_the_page_show_the_mean_and_the_highest_crops(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = media.h264(tmp_path / "clip.mp4", count=6)
    models = stub_models(StubDetector("faces", lambda index: -3.0), WholeFrameStub("frames", [5.0, 7.0]))
    settings = AnalysisSettings(sampling=Sampling.all(), detectors=("faces", "frames"), device="cpu")
    report = analyze_video(clip, models, settings)
    print_summary(report)
    # The terminal breaks lines.
    summary = " ".join(capsys.readouterr().out.split())
    page = render_html(report)
    for shown in (summary, page):
        assert "highest crop of each frame: mean +7.00, highest of all +8.00" in shown
    whole = page[page.index('id="frames"') : page.index('id="evidence"')]
    assert "(frames): mean score +6.00" in whole
    assert "highest crop" in whole
    assert 'id="frames"' not in render_html(replace(report, detectors=report.detectors[:1]))


def test_a_page_about_whole_frames_does_not_speak_of_faces_it_never_judged(tmp_path: Path) -> None:
    clip = media.h264(tmp_path / "clip.mp4", count=4)
    settings = AnalysisSettings(sampling=Sampling.all(), detectors=("frames",), device="cpu")
    silent = analyze_video(clip, stub_models(WholeFrameStub("frames", [None])), settings)
    assert (
        silent.verdict.sentence == "inconclusive: no frame could be scored (mostly: the model gave no number)"
    )
    cues = analyze_video(clip, stub_models(WholeFrameStub("frames", [5.0])), settings)
    assert "The frames as a whole score as generated pictures did" in render_html(cues)


def test_a_finding_by_a_bare_threshold_says_that_no_margin_is_known(tmp_path: Path) -> None:
    clip = media.h264(tmp_path / "clip.mp4", count=4)
    settings = AnalysisSettings(sampling=Sampling.all(), detectors=("faces", "frames"), device="cpu")
    frames, faces = WholeFrameStub("frames", [0.002]), StubDetector("faces", lambda index: 0.002)
    for stub in (frames, faces):
        stub.thresholds = Thresholds(0.0, 0.0, "published")
    report = analyze_video(clip, stub_models(faces, frames), settings)
    bare = "manipulation cues found, by a threshold without a known margin"
    assert (report.verdict.sentence, report.verdict.beside) == (bare, (f"whole frame, frames: {bare}",))
    page = render_html(report)
    assert page.count("no margin around this threshold is known") == 2
    assert "no cue at or below" not in page


@pytest.mark.parametrize("found", [True, False])
def test_whole_frames_need_no_face(tmp_path: Path, found: bool) -> None:
    clip = media.h264(tmp_path / "clip.mp4", count=4)
    models = stub_models(WholeFrameStub("frames", [5.0]), found=found)
    settings = AnalysisSettings(sampling=Sampling.all(), detectors=("frames",), device="cpu")
    assert analyze_video(clip, models, settings).verdict.label is Label.CUES
