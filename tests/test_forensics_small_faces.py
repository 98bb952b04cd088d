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

from face.detect import load_detector
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
