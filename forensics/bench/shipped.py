"""The networks of an analysis as the packages that they come from run them, for the plain loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from facenet_pytorch import MTCNN

from face.detect import DetectSettings
from face.dlib import FACTS as DLIB_FACTS
from face.embed import weights_needed
from face.facts import WithFacts
from face.mtcnn import MIN_CONFIDENCE, MODEL_FILES
from face.mtcnn_cascade import PNET_WINDOW_PIXELS, PYRAMID_FACTOR, STAGE_THRESHOLDS
from face.onednn import without_onednn_products
from face.search import joined, kept, shrunk
from face.types import FaceCrops, FaceDetections, IdentityEmbeddings
from forensics.detectors.repdfd import RepDFDDetector
from forensics.models import Models
from forensics.settings import AnalysisSettings
from weights.store import Store


def as_shipped(models: Models, settings: AnalysisSettings, store: Store) -> Models:
    """The models, MTCNN run by facenet-pytorch, dlib's network by dlib and RepDFD by torch's own layers.

    All give what the analysis's own give, but for rounding. RepDFD is changed in `models` too.
    """
    for detector in models.detectors.values():
        if isinstance(detector, RepDFDDetector):
            without_onednn_products(detector.model)
    face_detector = models.front.detector
    if face_detector.name == ShippedMtcnn.name:
        face_detector = ShippedMtcnn(settings.detect, models.device)
    embedders = [
        ShippedDlib(store.fetch(*weights_needed(embedder.name)).path, models.device)
        if embedder.name in DLIB_FACTS
        else embedder
        for embedder in models.front.embedders
    ]
    return replace(models, front=replace(models.front, detector=face_detector, embedders=embedders))


class ShippedMtcnn:
    """facenet-pytorch's own class, one frame a call, asked for the faces that `face.mtcnn` looks for."""

    name = "mtcnn"

    def __init__(self, settings: DetectSettings, device: torch.device) -> None:
        self._settings = settings
        self._mtcnn = MTCNN(
            thresholds=list(STAGE_THRESHOLDS), factor=PYRAMID_FACTOR, select_largest=False, device=device
        )

    def files(self) -> tuple[tuple[str, str], ...]:
        """(file name, sha256) of the three networks."""
        return MODEL_FILES

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        """The faces in [T,H,W,3] uint8 RGB frames, boxes and landmarks in their pixels."""
        return joined([self._search(frame, number) for number, frame in enumerate(frames)])

    def _search(self, frame: npt.NDArray[np.uint8], number: int) -> FaceDetections:
        searched = shrunk(frame, self._settings.longest_side_pixels)
        to_full = np.array(frame.shape[1::-1]) / searched.shape[1::-1]
        self._mtcnn.min_face_size = max(self._settings.min_face_pixels / to_full.max(), PNET_WINDOW_PIXELS)
        boxes, confidence, landmarks = self._mtcnn.detect(searched, landmarks=True)
        if boxes is None:
            return FaceDetections.empty()
        return kept(
            boxes * np.tile(to_full, 2),
            landmarks * to_full,
            confidence.astype(np.float32),
            frame=number,
            settings=self._settings,
            min_confidence=MIN_CONFIDENCE,
        )


class ShippedDlib(WithFacts):
    """dlib's own network, one face a call, always on the CPU."""

    def __init__(self, path: Path, device: torch.device) -> None:
        import dlib

        (facts,) = DLIB_FACTS.values()
        super().__init__(facts)
        self._network = dlib.face_recognition_model_v1(str(path))
        self._device = device

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        """[N,128] float32 raw vectors. Raises ValueError for crops by another spec."""
        self.check(crops)
        images = crops.data.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        found = [np.asarray(self._network.compute_face_descriptor(image), np.float32) for image in images]
        vectors = np.stack(found) if found else np.zeros((0, self.dimension), np.float32)
        return IdentityEmbeddings(torch.from_numpy(vectors).to(self._device), self.name)
