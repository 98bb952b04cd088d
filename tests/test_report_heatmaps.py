"""Whose face is explained, how the heat is drawn, and that a heatmap never costs a report."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import cv2
import media
import numpy as np
import numpy.typing as npt
import pytest
import torch
from reports import report_of
from stubs import StubDetector, stub_models

from face.track import Tracks
from face.types import CropSpec
from forensics.attribution import Each
from forensics.comparison import first_difference
from forensics.detector import FaceInputs
from forensics.evidence import Evidence
from forensics.pipeline import analyze_video
from forensics.report.heatmaps import MAX_HEATMAPS, MAX_KEPT, HeatmapKeeper, overlay
from forensics.report.html import render_html
from forensics.report.json import write_json
from forensics.report.model import Report
from forensics.report.read import read_report
from forensics.report.rows import FaceHeatmap
from forensics.scores import FrameScores, ScoreKind
from forensics.settings import AnalysisSettings
from video.sampling import Sampling

SPEC = CropSpec(size=16)


class ExplainingStub(StubDetector):
    """Explains every face by heat in its upper left quarter."""

    explanation = "made up"
    broken = False

    def inputs(self, evidence: Evidence, chosen: npt.NDArray[np.intp]) -> FaceInputs:
        return FaceInputs(evidence.crops(SPEC).data[chosen], torch.zeros(len(chosen), 4))

    def explain(self, inputs: FaceInputs, *, each: Each = map) -> torch.Tensor:
        if self.broken:
            raise FloatingPointError("it\nbroke")
        heat = torch.zeros(len(inputs.crops), 4, 4)
        heat[:, :2, :2] = 3.0
        return heat


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.h264(tmp_path_factory.mktemp("clip") / "clip.mp4", count=10)


def rising_then_low(index: int) -> float:
    return float("nan") if index == 8 else float(index % 7)


def analysed(clip: Path, *, chunk_frames: int = 4, broken: bool = False, pictures: bool = True) -> Report:
    detector = ExplainingStub("a", rising_then_low)
    detector.broken = broken
    settings = AnalysisSettings(
        sampling=Sampling.all(),
        detectors=("a",),
        device="cpu",
        chunk_frames=chunk_frames,
        pictures=pictures,
    )
    return analyze_video(clip, stub_models(detector), settings)


def picture_of(text: str) -> npt.NDArray[np.uint8]:
    data = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(data, cv2.COLOR_BGR2RGB), np.uint8)


def test_the_highest_scored_face_is_explained_whatever_the_chunks(clip: Path) -> None:
    (heat,) = analysed(clip).heatmaps
    assert (heat.track, heat.frame_index, heat.detector, heat.method) == (0, 6, "a", "made up")
    assert analysed(clip, chunk_frames=3).heatmaps == (heat,)
    assert picture_of(heat.crop_jpeg_base64).shape == (16, 16, 3)


def test_heat_is_yellow_over_grey_and_its_absence_blue(clip: Path) -> None:
    crop = np.full((64, 64, 3), 128, np.uint8)
    drawn = overlay(crop, np.pad(np.full((2, 2), 0.01, np.float32), (0, 2))).astype(int)
    hot, cold = drawn[:32, :32].reshape(-1, 3), drawn[33:, 33:].reshape(-1, 3)
    assert (hot[:, 0] > hot[:, 2] + 40).all()
    assert (cold[:, 2] > cold[:, 0] + 40).all()


def test_no_heat_at_all_is_drawn_as_none() -> None:
    drawn = overlay(np.full((8, 8, 3), 128, np.uint8), np.zeros((4, 4), np.float32))
    assert (drawn == drawn[0, 0]).all()


def test_a_report_without_pictures_has_no_heatmaps(clip: Path) -> None:
    report = analysed(clip, pictures=False)
    assert report.heatmaps == ()
    assert "data:image" not in render_html(report)


def test_a_heatmap_that_cannot_be_made_is_a_warning_and_the_scores_stay(clip: Path) -> None:
    whole, report = analysed(clip), analysed(clip, broken=True)
    assert report.heatmaps == ()
    (warning,) = report.warnings
    assert warning == "no heatmap of what drove the scores of a: FloatingPointError: it broke"
    assert report.faces == whole.faces


def test_heatmaps_come_back_from_the_file_and_are_on_the_page(clip: Path, tmp_path: Path) -> None:
    report = analysed(clip)
    assert read_report(write_json(report, tmp_path)) == report
    (heat,) = report.heatmaps
    page = render_html(report)
    assert heat.crop_jpeg_base64 in page
    assert heat.overlay_jpeg_base64 in page
    assert "where the score came from (made up)" in page
    assert "Not proof" in page


def test_a_repetition_elsewhere_may_draw_other_pictures_but_not_here(clip: Path) -> None:
    report = analysed(clip)
    other = replace(report, heatmaps=(replace(report.heatmaps[0], frame_index=5),), pictures=())
    assert first_difference(report, other, tolerant=True) is None
    found = first_difference(report, other)
    assert found is not None
    assert found.field == "pictures"


def given(evidence: Evidence, tracks: list[int], scores: list[float]) -> tuple[Evidence, FrameScores]:
    """The evidence with other tracks, and these scores of its faces."""
    track = np.array(tracks, np.int64)
    said = FrameScores(
        "a", ScoreKind.LOGIT, np.array(scores), None, evidence.frame_index, track, (None,) * len(scores)
    )
    return replace(evidence, track=track), said


def evidence(count: int) -> Evidence:
    from tiny_towers import Colours, evidence_of

    frames = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(count, 64, 80, 3)
    return evidence_of(frames.contiguous(), [Colours("dlib", 4)])


def heats(tracks: list[int], scores: list[float]) -> tuple[FaceHeatmap, ...]:
    """The heatmaps of faces of people with these mean scores in as many frames."""
    seen, said = given(evidence(len(tracks)), tracks, scores)
    keeper = HeatmapKeeper(ExplainingStub("a", float))
    keeper.add(seen, {"a": said})
    report = report_of(
        *([float(np.mean(np.array(scores)[np.array(tracks) == one]))] * 3 for one in set(tracks))
    )
    found, warnings = keeper.heatmaps(Tracks((), np.arange(max(tracks) + 1)), report.detectors)
    assert warnings == ()
    return found


def test_the_most_suspicious_people_are_explained_the_most_suspicious_first() -> None:
    found = heats([0, 1, 2, 3, 4], [0.0, 5.0, -1.0, 7.0, 2.0])
    assert [heat.track for heat in found] == [3, 1, 4]
    assert len(found) == MAX_HEATMAPS


def test_of_equal_scores_the_earlier_face_is_explained() -> None:
    assert [heat.frame_index for heat in heats([0, 0, 0], [1.0, 4.0, 4.0])] == [1]


def test_memory_is_bounded_and_the_highest_scores_survive() -> None:
    keeper = HeatmapKeeper(ExplainingStub("a", float))
    count = MAX_KEPT + 40
    one = evidence(1)
    for track in range(count):
        seen, said = given(one, [track], [float(-track)])
        keeper.add(seen, {"a": said})
    assert sorted(keeper._highest) == list(range(MAX_KEPT))


def test_two_analyses_give_the_same_heatmaps_byte_for_byte(clip: Path) -> None:
    first, second = (json.dumps([vars(heat) for heat in analysed(clip).heatmaps]) for _ in range(2))
    assert first == second
