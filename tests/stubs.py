"""Stand-ins for the models of an analysis: a face at a fixed place, and scores by frame number."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from face.detect import FaceDetector
from face.embed import IdentityEmbedder
from face.quality import QualityLimits
from face.types import CropSpec, FaceCrops, FaceDetections, IdentityEmbeddings
from forensics.detector import Detector, Scope
from forensics.evidence import Evidence, FrontHalf
from forensics.findings import Thresholds
from forensics.models import Models
from forensics.report.model import ModelFile
from forensics.scores import FrameScores, ScoreKind, abstain_where_not_finite
from weights.results import WeightFile

CPU = torch.device("cpu")
BOX = (10.0, 4.0, 60.0, 54.0)
LANDMARKS = ((25.0, 22.0), (45.0, 22.0), (35.0, 33.0), (27.0, 43.0), (43.0, 43.0))
# Test cards are flat: nothing in them is to be judged blurred or small.
ANY_QUALITY = QualityLimits(min_size_pixels=1.0, min_sharpness=0.0)


class OneFace:
    """Finds one face at a fixed place in every frame, or none at all."""

    name = "stub"

    def __init__(self, *, found: bool = True) -> None:
        self._found = found

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        count = len(frames) if self._found else 0
        return FaceDetections(
            np.tile(np.float32(BOX), (count, 1)),
            np.tile(np.float32(LANDMARKS), (count, 1, 1)),
            np.ones(count, np.float32),
            np.arange(count, dtype=np.int64),
        )

    def files(self) -> tuple[tuple[str, str], ...]:
        return (("stub.pt", "0" * 64),)


class OneIdentity:
    """Takes everybody for the same person."""

    name = "dlib"
    dimension = 4
    spec = CropSpec(size=16)
    same_person_similarity = 0.9

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        return IdentityEmbeddings(torch.ones(len(crops), 4), self.name)


class ColourIdentity:
    """Tells people apart by the mean colour of their faces: the same colour is the same person."""

    name = "dlib"
    dimension = 3
    spec = CropSpec(size=16)
    same_person_similarity = 0.9

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        return IdentityEmbeddings(crops.data.float().mean(dim=(2, 3)), self.name)


class StubDetector:
    """Scores each face with `score_of(frame number)`."""

    scope = Scope.FACE
    embedder = None
    thresholds = Thresholds(cue=1.0, clear=-1.0, source="test")
    weights: tuple[WeightFile, ...] = ()
    notes: tuple[str, ...] = ()

    def __init__(self, name: str, score_of: Callable[[int], float]) -> None:
        self.name = name
        self._score_of = score_of

    def score(self, evidence: Evidence) -> FrameScores:
        raw = np.array([self._score_of(int(index)) for index in evidence.frame_index], np.float64)
        score, abstained = abstain_where_not_finite(raw, (None,) * len(raw))
        return FrameScores(
            self.name, ScoreKind.LOGIT, score, None, evidence.frame_index, evidence.track, abstained
        )


class WholeFrameStub:
    """Scores frames with `scores` in turn, `None` for silence; a frame's peak lies 1 above its score."""

    scope = Scope.FRAME
    embedder = None
    thresholds = Thresholds(cue=1.0, clear=-1.0, source="test")
    weights: tuple[WeightFile, ...] = ()
    notes: tuple[str, ...] = ()

    def __init__(self, name: str, scores: Sequence[float | None]) -> None:
        self.name = name
        self._scores = scores

    def score(self, evidence: Evidence) -> FrameScores:
        index = evidence.batch.index
        given = [self._scores[number % len(self._scores)] for number in index.tolist()]
        raw = np.array([np.nan if score is None else score for score in given], np.float64)
        score, abstained = abstain_where_not_finite(raw, (None,) * len(raw))
        return FrameScores(self.name, ScoreKind.MARGIN, score, None, index, None, abstained, peak=score + 1)


def stub_models(
    *detectors: Detector,
    found: bool = True,
    faces: FaceDetector | None = None,
    identity: IdentityEmbedder | None = None,
) -> Models:
    front = FrontHalf(faces or OneFace(found=found), [identity or OneIdentity()], ANY_QUALITY, CPU)
    files = (ModelFile("stub.pt", "0" * 64, "MIT", True, "sha256", "test"),)
    return Models(front, {detector.name: detector for detector in detectors}, (), files, CPU)
