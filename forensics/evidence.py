"""Evidence: one chunk of frames with its faces, crops, identities and quality; the only front half."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from face.align import make_crops
from face.detect import FaceDetector
from face.embed import IdentityEmbedder
from face.errors import FaceError
from face.manual import ManualFaces
from face.quality import QUALITY_SPEC, QualityLimits, assess
from face.track import Tracker
from face.types import CropSpec, FaceCrops, FaceDetections, FaceQuality, IdentityEmbeddings
from forensics.errors import UsageFault
from video.frames import FrameBatch


@dataclass(frozen=True)
class Evidence:
    """What detectors see of T frames with N faces.

    `frames` [T,H,W,3] uint8 RGB on the device; `batch` carries their numbers and times; `detections`,
    `quality`, `track` [N] int64 (provisional ids until the tracker has finished) and the identities of
    each embedder are in the same order. Crops are made on demand and shared between equal specs.
    """

    frames: torch.Tensor
    batch: FrameBatch
    detections: FaceDetections
    quality: FaceQuality
    track: npt.NDArray[np.int64]
    identities: Mapping[str, IdentityEmbeddings]
    _crops: dict[CropSpec, FaceCrops] = field(default_factory=dict, repr=False)

    def crops(self, spec: CropSpec) -> FaceCrops:
        """The crops of all N faces made to `spec`."""
        if spec not in self._crops:
            self._crops[spec] = make_crops(self.frames, self.detections, spec)
        return self._crops[spec]

    @property
    def frame_index(self) -> npt.NDArray[np.int64]:
        """[N] int64: the number in the video of each face's frame."""
        return self.batch.index[self.detections.frame]

    @property
    def order_in_frame(self) -> npt.NDArray[np.int64]:
        """[N] int64: each face's place among those of its frame, from 0."""
        frame = self.detections.frame
        return np.arange(len(frame)) - np.searchsorted(frame, frame)


@dataclass(frozen=True)
class FrontHalf:
    """The loaded components that turn decoded frames into evidence. `embedders[0]` serves the tracker."""

    detector: FaceDetector
    embedders: Sequence[IdentityEmbedder]
    limits: QualityLimits
    device: torch.device

    def gather(self, batch: FrameBatch, tracker: Tracker, manual: ManualFaces) -> Evidence:
        """Detect, embed, assess and track the faces of the next chunk of a video.

        `manual` adds the faces the user pointed out. Raises UsageFault when one is not in the picture.
        """
        frames = torch.from_numpy(batch.data).to(self.device)
        height, width = batch.data.shape[1:3]
        found = self.detector.detect(batch.data)
        try:
            detections, pointed_out = manual.add(
                found, batch.pts_seconds, frame_height=height, frame_width=width
            )
        except FaceError as error:
            raise UsageFault(f"{error}; give a box inside it") from error
        crops: dict[CropSpec, FaceCrops] = {}
        for spec in {QUALITY_SPEC, *(embedder.spec for embedder in self.embedders)}:
            crops[spec] = make_crops(frames, detections, spec)
        quality = assess(
            detections,
            crops[QUALITY_SPEC],
            frame_height=height,
            frame_width=width,
            limits=self.limits,
            pointed_out=pointed_out,
        )
        identities = {embedder.name: embedder.embed(crops[embedder.spec]) for embedder in self.embedders}
        usable = np.array([not reasons for reasons in quality.reasons], dtype=bool)
        unit = identities[self.embedders[0].name].unit().cpu().numpy()
        track = tracker.update(detections, unit, usable, batch.index, batch.pts_seconds, batch.shot)
        return Evidence(frames, batch, detections, quality, track, identities, crops)
