"""Faces too small to score: an analysis says that they are there, instead of finding nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut
from stubs import ColourIdentity, StubDetector, stub_models

from face.detect import DetectSettings, load_detector
from face.manual import ManualFace
from face.quality import QualityLimits
from forensics.errors import UsageFault
from forensics.evidence import Evidence, FrontHalf
from forensics.face_scores import score_faces
from forensics.findings import Reason
from forensics.models import Models
from forensics.pipeline import analyze_video
from forensics.scores import Abstention, FrameScores
from forensics.settings import AnalysisSettings

CPU = torch.device("cpu")
SETTINGS = AnalysisSettings(detectors=("a",), device="cpu", min_frames=1)


class Careful(StubDetector):
    """Scores what is good enough by the evidence's quality, as real detectors do."""

    def score(self, evidence: Evidence) -> FrameScores:
        return score_faces(self.name, evidence, lambda chosen: np.full(len(chosen), 3.0))


def models(settings: AnalysisSettings) -> Models:
    front = FrontHalf(
        load_detector(device=CPU, settings=settings.detect), [ColourIdentity()], settings.quality, CPU
    )
    return replace(stub_models(Careful("a", lambda index: 0.0)), front=front)


def portrait(folder: Path, face_pixels: float) -> Path:
    """The astronaut with a face of that height on a grey ground."""
    scale = face_pixels / 111
    small = cv2.resize(astronaut()[20:220, 120:320], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = np.full((240, 320, 3), 90, np.uint8)
    frame[60 : 60 + small.shape[0], 100 : 100 + small.shape[1]] = small
    path = folder / "portrait.png"
    cv2.imwrite(str(path), frame[:, :, ::-1])
    return path


def test_a_face_under_the_limit_is_listed_with_its_reason(tmp_path: Path) -> None:
    report = analyze_video(portrait(tmp_path, 34), models(SETTINGS), SETTINGS)
    (face,) = report.faces
    assert 20 <= face.size_pixels < 40
    assert [score.abstained for score in face.scores] == [Abstention.TOO_SMALL.value]
    assert report.verdict.reason is Reason.NOTHING_SCORED
    assert report.verdict.sentence == "inconclusive: no face could be scored (mostly: face too small)"


@pytest.mark.parametrize(("face_pixels", "scored"), [(34, [None]), (60, [3.0])])
def test_the_size_alone_decides(tmp_path: Path, face_pixels: float, scored: list[float | None]) -> None:
    report = analyze_video(portrait(tmp_path, face_pixels), models(SETTINGS), SETTINGS)
    assert [score.score for face in report.faces for score in face.scores] == scored


# The face in `portrait` at 90 pixels.
POINTED_OUT = ManualFace((149.0, 93.0, 220.0, 183.0), 0.0)


def test_a_limit_of_size_does_not_hold_for_a_face_that_is_pointed_out(tmp_path: Path) -> None:
    settings = replace(
        SETTINGS,
        detect=DetectSettings(min_face_pixels=150, keep_smaller=True),
        quality=QualityLimits(min_size_pixels=150.0),
    )
    path = portrait(tmp_path, 90)
    (listed,) = analyze_video(path, models(settings), settings).faces
    assert [score.abstained for score in listed.scores] == [Abstention.TOO_SMALL.value]
    settings = replace(settings, manual_faces=(POINTED_OUT,))
    (scored,) = analyze_video(path, models(settings), settings).faces
    assert [score.score for score in scored.scores] == [3.0]


def test_a_box_larger_than_the_picture_is_a_fault_of_usage(tmp_path: Path) -> None:
    settings = replace(SETTINGS, manual_faces=(ManualFace((0.0, 0.0, 1e5, 1e5), 0.0),))
    with pytest.raises(UsageFault, match="larger than the picture of 320 x 240 px; give a box inside it"):
        analyze_video(portrait(tmp_path, 60), models(settings), settings)
