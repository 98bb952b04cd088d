"""Evidence: one chunk of frames with its faces, crops, identities and quality; the only front half."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from face.types import (
    CropSpec,
    FaceCrops,
    FaceDetections,
    FaceQuality,
    IdentityEmbeddings,
    QualityReason,
)
from forensics.errors import UsageFault
from video.frames import FrameBatch


@dataclass(frozen=True)
class Evidence:
    """What detectors see of T frames with N faces.

    `frames` [T,H,W,3] uint8 RGB on the device; `batch` carries their numbers and times; `detections`,
    `quality`, `track` [N] int64 (provisional ids until the tracker has finished) and the identities of
    each embedder are in the same order. A face without a finite vector by every embedder is too poor to
    score and has zeros there. `left_out` counts what the face detector called a face and gave a place that
    is no number. Crops are made on demand and shared between equal specs.
    """

    frames: torch.Tensor
    batch: FrameBatch
    detections: FaceDetections
    quality: FaceQuality
    track: npt.NDArray[np.int64]
    identities: Mapping[str, IdentityEmbeddings]
    left_out: int = 0
    _crops: dict[CropSpec, FaceCrops] = field(default_factory=dict, repr=False)

    def crops(self, spec: CropSpec) -> FaceCrops:
        """The crops of all N faces made to `spec`."""
        if spec not in self._crops:
            self._crops[spec] = make_crops(self.frames, self.detections, spec)
        return self._crops[spec]

    def part(self, first: int, last: int) -> Evidence:
        """The evidence of the frames from position `first` up to, but not with, `last`."""
        if (first, last) == (0, len(self.batch)):
            return self
        faces = slice(*np.searchsorted(self.detections.frame, (first, last)).tolist())
        return Evidence(
            frames=self.frames[first:last],
            batch=self.batch.part(first, last),
            detections=self.detections.chosen(faces).moved(-first),
            quality=self.quality.chosen(faces),
            track=self.track[faces],
            identities={
                name: IdentityEmbeddings(given.data[faces], name) for name, given in self.identities.items()
            },
            _crops={spec: FaceCrops(crops.data[faces], spec) for spec, crops in self._crops.items()},
        )

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

    def gather(
        self,
        batch: FrameBatch,
        tracker: Tracker,
        manual: ManualFaces,
        *,
        found: Callable[[], FaceDetections] | None = None,
    ) -> Evidence:
        """Detect, embed, assess and track the faces of the next chunk of a video.

        `found` waits for what the face detector finds in it, where that has been started already. `manual`
        adds the faces the user pointed out. Raises UsageFault when one is not in the picture. What fails
        changes neither `tracker` nor `manual`, so that it can be tried again.
        """
        with manual.kept_on_failure():
            claimed = self.detector.detect(batch.data) if found is None else found()
            return self._gather(batch, claimed, tracker, manual)

    def _gather(
        self, batch: FrameBatch, claimed: FaceDetections, tracker: Tracker, manual: ManualFaces
    ) -> Evidence:
        frames = _uploaded(batch.data, self.device)
        height, width = batch.data.shape[1:3]
        sound = claimed.chosen(claimed.finite)
        try:
            detections, pointed_out = manual.add(
                sound, batch.pts_seconds, frame_height=height, frame_width=width
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
        identities: dict[str, IdentityEmbeddings] = {}
        for embedder in self.embedders:
            embedded = embedder.embed(crops[embedder.spec])
            quality = quality.also(QualityReason.NOT_FINITE, ~embedded.finite)
            identities[embedder.name] = _without_infinities(embedded)
        usable = np.array([not reasons for reasons in quality.reasons], dtype=bool)
        unit = identities[self.embedders[0].name].unit().cpu().numpy()
        track = tracker.update(detections, unit, usable, batch.index, batch.pts_seconds, batch.shot)
        left_out = len(claimed) - len(sound)
        return Evidence(frames, batch, detections, quality, track, identities, left_out, crops)


def _uploaded(frames: npt.NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """The frames on the device; to a GPU they travel while this thread goes on."""
    here = torch.from_numpy(frames)
    return here.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else here.to(device)


def _without_infinities(embedded: IdentityEmbeddings) -> IdentityEmbeddings:
    """The same vectors, zeros in place of those with a NaN or an infinity, which would spread to others."""
    sound = torch.from_numpy(embedded.finite).to(embedded.data.device)
    if bool(sound.all()):
        return embedded
    return IdentityEmbeddings(torch.where(sound[:, None], embedded.data, 0.0), embedded.embedder)
