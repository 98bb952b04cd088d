"""Models without numbers or out of memory: an abstention with its reason, the same finding, a record."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import media
import numpy as np
import numpy.typing as npt
import pytest
import torch
from command_line import assert_refused, run
from people import RED, photo
from stubs import OneFace, OneIdentity, StubDetector, WholeFrameStub, stub_models

from face.manual import ManualFace
from face.types import FaceCrops, FaceDetections, IdentityEmbeddings
from forensics.comparison import other_platform
from forensics.detector import Detector
from forensics.errors import ExitCode, ForensicsError, ReferencePhotoError
from forensics.evidence import Evidence
from forensics.findings import Label, Reason
from forensics.memory import PartSizes
from forensics.models import Models
from forensics.pipeline import analyze_video
from forensics.report.facts import MemoryShortage
from forensics.report.html import render_html
from forensics.report.json import report_json
from forensics.report.model import Report
from forensics.report.verdict import Status
from forensics.scores import FrameScores
from forensics.settings import AnalysisSettings
from video.sampling import Sampling

FRAMES, CHUNK = 10, 8
NOT_NUMBERS = [math.nan, math.inf, -math.inf]
TOLD = "CUDA out of memory. Tried to allocate 20.00 MiB."


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.h264(tmp_path_factory.mktemp("clip") / "clip.mp4", count=FRAMES)


def analysed(clip: Path, models: Models, **changes: object) -> Report:
    settings = AnalysisSettings(
        sampling=Sampling.all(), detectors=tuple(models.detectors), device="cpu", chunk_frames=CHUNK
    )
    return analyze_video(clip, models, replace(settings, **changes))  # type: ignore[arg-type]


def rising() -> StubDetector:
    return StubDetector("a", lambda index: index / 10 + 1)


def out_of_memory_above(limit: int, frames: int) -> None:
    """What a device does that has room for `limit` frames."""
    if frames > limit:
        raise torch.OutOfMemoryError(TOLD)


class Crowded(StubDetector):
    """Has room for so many frames at once."""

    def __init__(self, limit: int) -> None:
        super().__init__("a", lambda index: index / 10 + 1)
        self._limit = limit

    def score(self, evidence: Evidence) -> FrameScores:
        out_of_memory_above(self._limit, len(evidence.frames))
        assert len(evidence.batch) == len(evidence.frames)
        assert len(evidence.crops(OneIdentity.spec)) == len(evidence.track)
        return super().score(evidence)


class CrowdedFrames(WholeFrameStub):
    def score(self, evidence: Evidence) -> FrameScores:
        out_of_memory_above(3, len(evidence.frames))
        return super().score(evidence)


class CrowdedFaces(OneFace):
    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        out_of_memory_above(self._limit, len(frames))
        return super().detect(frames)


class CrowdedIdentity(OneIdentity):
    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        out_of_memory_above(3, len(crops))
        return super().embed(crops)


def without_run(report: Report) -> dict[str, object]:
    plain: dict[str, object] = json.loads(report_json(report))
    del plain["run"]
    return plain


@pytest.mark.parametrize(
    ("crowded", "what"),
    [
        (lambda: stub_models(Crowded(3)), "a"),
        (lambda: stub_models(rising(), faces=CrowdedFaces(3)), "finding faces"),
        (lambda: stub_models(rising(), identity=CrowdedIdentity()), "finding faces"),
    ],
    ids=["detector", "face detector", "identity encoder"],
)
def test_out_of_memory_halves_what_is_worked_on_at_once_and_changes_nothing_else(
    clip: Path, crowded: Callable[[], Models], what: str
) -> None:
    undisturbed = analysed(clip, stub_models(rising()))
    report = analysed(clip, crowded())
    assert without_run(report) == without_run(undisturbed)
    assert report.run.memory_shortages == (MemoryShortage(what, 8, 4), MemoryShortage(what, 4, 2))
    assert undisturbed.run.memory_shortages == ()


def test_whole_frames_are_halved_too(clip: Path) -> None:
    scores = (0.5, None, 2.0)
    undisturbed = analysed(clip, stub_models(WholeFrameStub("w", scores)))
    report = analysed(clip, stub_models(CrowdedFrames("w", scores)))
    assert without_run(report) == without_run(undisturbed)
    assert len(report.run.memory_shortages) == 2


def test_a_face_pointed_out_is_not_lost_where_its_chunk_is_done_again(clip: Path) -> None:
    manual = (ManualFace((70.0, 50.0, 110.0, 90.0), 0.2),)
    undisturbed = analysed(clip, stub_models(rising()), manual_faces=manual)
    report = analysed(clip, stub_models(rising(), identity=CrowdedIdentity()), manual_faces=manual)
    assert len(report.faces) == FRAMES + 1
    assert without_run(report) == without_run(undisturbed)


def test_the_page_and_a_comparison_of_reports_say_that_memory_ran_out(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Otherwise four frames would not be too many to begin with.
    monkeypatch.setattr("forensics.side_by_side.FRAMES_IN_PART", 8)
    undisturbed, report = analysed(clip, stub_models(rising())), analysed(clip, stub_models(Crowded(4)))
    sentence = "out of memory for a with 8 frames at once, went on with 4"
    assert sentence in render_html(report)
    assert other_platform(undisturbed, report) == (f"out of memory {sentence} instead of never",)


def test_a_detector_without_room_for_one_frame_fails_with_that_reason_and_the_others_go_on(
    clip: Path,
) -> None:
    small: Detector = Crowded(0)
    report = analysed(clip, stub_models(small, StubDetector("b", lambda index: 2.0)))
    failed, ran = report.detectors
    assert (failed.status, failed.reason) == (Status.FAILED, f"OutOfMemoryError: {TOLD}")
    assert ran.status is Status.RAN
    assert report.verdict.label is Label.CUES


def test_no_room_to_find_faces_in_one_frame_is_an_error_with_the_remedy(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = stub_models(rising(), faces=CrowdedFaces(0))
    with pytest.raises(ForensicsError, match=r"clip\.mp4: cpu has too little memory.*128 x 96; free some"):
        analysed(clip, models)
    monkeypatch.setattr("forensics.models.fetch_weights", lambda *_, **__: ())
    monkeypatch.setattr("forensics.api.load_models", lambda *_, **__: models)
    assert_refused(run("analyze", clip, "-o", tmp_path / "out"), ExitCode.FAULT, "--device")
    assert not (tmp_path / "out").exists()


def test_another_error_is_not_taken_for_a_shortage_of_memory(clip: Path) -> None:
    def fail(index: int) -> float:
        raise RuntimeError("CUDA error: device-side assert triggered")

    report = analysed(clip, stub_models(StubDetector("a", fail)))
    assert report.run.memory_shortages == ()
    assert report.verdict.reason is Reason.DETECTOR_FAILED


def test_a_part_that_did_not_fit_is_forgotten_before_the_next_is_tried() -> None:
    """What the failed attempt had computed would else stay in memory beside the second."""
    alive: list[int] = []

    class Buffer:
        def __init__(self) -> None:
            alive.append(1)

        def __del__(self) -> None:
            alive.pop()

    def work(first: int, last: int) -> int:
        assert not alive
        buffer = Buffer()
        out_of_memory_above(2, last - first)
        del buffer
        return last - first

    sizes = PartSizes()
    assert list(sizes.in_parts("x", 7, work)) == [2, 2, 2, 1]
    assert list(sizes.in_parts("x", 5, work)) == [2, 2, 1]
    assert [shortage.fewer for shortage in sizes.shortages] == [4, 2]


def test_what_a_detector_computed_in_vain_is_let_go_before_it_gets_less(clip: Path) -> None:
    alive: list[int] = []

    class Buffer:
        def __init__(self) -> None:
            alive.append(1)

        def __del__(self) -> None:
            alive.pop()

    class Hoarding(Crowded):
        def score(self, evidence: Evidence) -> FrameScores:
            assert not alive
            buffer = Buffer()
            scores = super().score(evidence)
            del buffer
            return scores

    report = analysed(clip, stub_models(Hoarding(3)), chunk_frames=FRAMES)
    assert report.detectors[0].status is Status.RAN, report.detectors[0].reason
    assert len(report.run.memory_shortages) == 2


class GivesNoNumber(OneIdentity):
    """Gives `value` among the numbers of the first face and every second one after it."""

    def __init__(self, value: float) -> None:
        self._value = value

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        data = super().embed(crops).data.clone()
        data[::2, 1] = self._value
        return IdentityEmbeddings(data, self.name)


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_a_face_without_numbers_for_its_identity_abstains_and_the_others_are_scored(
    clip: Path, value: float
) -> None:
    report = analysed(clip, stub_models(rising_where_good(), identity=GivesNoNumber(value)))
    said = [score.abstained for row in report.faces for score in row.scores]
    assert said == ["not_finite", None] * (FRAMES // 2)
    # Nobody can say whose the others are, so that they join nobody.
    assert len({row.track for row in report.faces if row.scores[0].abstained is None}) == 1
    assert report.verdict.label is Label.CUES


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_identities_that_are_no_numbers_at_all_leave_nothing_to_judge_by(clip: Path, value: float) -> None:
    class Broken(OneIdentity):
        def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
            return IdentityEmbeddings(torch.full((len(crops), 4), value), self.name)

    report = analysed(clip, stub_models(rising_where_good(), identity=Broken()))
    assert report.verdict.reason is Reason.NOTHING_SCORED
    assert {score.abstained for row in report.faces for score in row.scores} == {"not_finite"}


def test_a_reference_photo_without_numbers_for_its_identity_is_refused(clip: Path, tmp_path: Path) -> None:
    models = stub_models(rising(), identity=GivesNoNumber(math.nan))
    settings = AnalysisSettings(detectors=("a",), device="cpu")
    with pytest.raises(ReferencePhotoError, match=r"red\.png: dlib gave no numbers"):
        analyze_video(clip, models, settings, references=[photo(tmp_path / "red.png", RED)])


class NoPlace(OneFace):
    """Finds a second face in every frame whose box or landmarks are no numbers."""

    def __init__(self, field: str, value: float) -> None:
        super().__init__()
        self._field, self._value = field, value

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        found = super().detect(frames)
        twice = {name: np.repeat(values, 2, axis=0) for name, values in vars(found).items()}
        twice[self._field].reshape(len(twice["frame"]), -1)[1::2, -1] = self._value
        return FaceDetections(**twice)


@pytest.mark.parametrize("value", NOT_NUMBERS)
@pytest.mark.parametrize("field", ["boxes_xyxy", "landmarks", "confidence"])
def test_a_face_whose_place_is_no_number_is_left_out_and_the_report_warns(
    clip: Path, field: str, value: float
) -> None:
    undisturbed = analysed(clip, stub_models(rising()))
    report = analysed(clip, stub_models(rising(), faces=NoPlace(field, value)))
    assert (report.faces, report.verdict) == (undisturbed.faces, undisturbed.verdict)
    warning = f"faces left out because the face detector gave no numbers for their place: {FRAMES}"
    assert report.warnings == (warning,)


def rising_where_good() -> Detector:
    """As `rising`, silent for faces that are not good enough, as the real face detectors are."""
    from forensics.face_scores import score_faces

    class Real(StubDetector):
        def score(self, evidence: Evidence) -> FrameScores:
            return score_faces(self.name, evidence, lambda chosen: evidence.frame_index[chosen] / 10 + 1)

    return Real("a", lambda index: 0.0)
