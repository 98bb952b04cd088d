"""The shapes in which faces travel: detections, crops, identities, quality and tracks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import torch


@dataclass(frozen=True)
class FaceDetections:
    """The faces found in a chunk of T frames, ordered by frame, then by descending confidence.

    `boxes_xyxy` [N,4] float32 pixels; `landmarks` [N,5,2] float32 pixels in the order left eye, right
    eye, nose, left mouth corner, right mouth corner as seen in the image; `confidence` [N] float32 in
    [0,1]; `frame` [N] int64 is the position inside the chunk, 0..T-1.
    """

    boxes_xyxy: npt.NDArray[np.float32]
    landmarks: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    frame: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        count = len(self.frame)
        shapes = {"boxes_xyxy": (count, 4), "landmarks": (count, 5, 2), "confidence": (count,)}
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values.shape != shape or values.dtype != np.float32:
                raise ValueError(f"{name} must be {shape} float32, not {values.shape} {values.dtype}")
        if self.frame.shape != (count,) or self.frame.dtype != np.int64:
            raise ValueError(f"frame must be [N] int64, not {self.frame.shape} {self.frame.dtype}")

    def __len__(self) -> int:
        return len(self.frame)

    def chosen(self, faces: npt.NDArray[np.bool_] | slice) -> FaceDetections:
        """Those of the faces that the [N] mask or the slice picks."""
        return FaceDetections(
            self.boxes_xyxy[faces], self.landmarks[faces], self.confidence[faces], self.frame[faces]
        )

    def moved(self, frames: int) -> FaceDetections:
        """The same faces so many frames later in their chunk, or earlier."""
        return replace(self, frame=self.frame + frames)

    @property
    def finite(self) -> npt.NDArray[np.bool_]:
        """[N]: whose box, landmarks and confidence are all numbers, none NaN or infinite."""
        sound = np.isfinite(self.boxes_xyxy).all(axis=1) & np.isfinite(self.landmarks).all(axis=(1, 2))
        return np.asarray(sound & np.isfinite(self.confidence), np.bool_)

    @staticmethod
    def empty() -> FaceDetections:
        return FaceDetections(
            np.zeros((0, 4), np.float32),
            np.zeros((0, 5, 2), np.float32),
            np.zeros(0, np.float32),
            np.zeros(0, np.int64),
        )


class Alignment(StrEnum):
    """How a crop is placed: `NONE` a square around the box, the others a 5-point similarity transform."""

    NONE = "none"
    ARCFACE = "arcface"
    DLIB = "dlib"


@dataclass(frozen=True)
class CropSpec:
    """How face crops are made. Two consumers with equal specs share one set of crops.

    `size` is the side in pixels. With `Alignment.NONE` the crop is the square of `margin_ratio` times
    the longer box side around the box centre; an aligned crop takes its extent from its template and
    has a `margin_ratio` of 1. What lies outside the frame is black.
    """

    size: int
    margin_ratio: float = 1.0
    alignment: Alignment = Alignment.NONE

    def __post_init__(self) -> None:
        if self.size < 1 or self.margin_ratio <= 0:
            raise ValueError(f"no crop has size {self.size} and margin ratio {self.margin_ratio}")
        if self.alignment is not Alignment.NONE and self.margin_ratio != 1.0:
            raise ValueError("an aligned crop takes its extent from its template: leave margin_ratio at 1")


@dataclass(frozen=True)
class FaceCrops:
    """Crops of N detections, in their order: `data` [N,3,S,S] uint8 RGB on the device, and their spec."""

    data: torch.Tensor
    spec: CropSpec

    def __post_init__(self) -> None:
        side = self.spec.size
        if self.data.shape[1:] != (3, side, side) or self.data.dtype != torch.uint8:
            raise ValueError(
                f"crops must be [N,3,{side},{side}] uint8, not {list(self.data.shape)} {self.data.dtype}"
            )

    def __len__(self) -> int:
        return len(self.data)


@dataclass(frozen=True)
class IdentityEmbeddings:
    """Identity vectors of N faces: `data` [N,D] float32, raw as the encoder gives them.

    RepDFD's pseudo-word needs the raw scale; compare identities with `unit()`.
    """

    data: torch.Tensor
    embedder: str

    def __post_init__(self) -> None:
        if self.data.ndim != 2 or self.data.dtype != torch.float32:
            raise ValueError(
                f"embeddings must be [N,D] float32, not {list(self.data.shape)} {self.data.dtype}"
            )

    def __len__(self) -> int:
        return len(self.data)

    @property
    def finite(self) -> npt.NDArray[np.bool_]:
        """[N]: whose vector is all numbers, none NaN or infinite."""
        return np.asarray(torch.isfinite(self.data).all(dim=1).cpu().numpy(), np.bool_)

    def unit(self) -> torch.Tensor:
        """[N,D] float32 of length 1; a vector of zeros stays one."""
        return torch.nn.functional.normalize(self.data, dim=1)


class QualityReason(StrEnum):
    """Why a face is not good enough to score. The values are the reason codes of reports."""

    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    EXTREME_POSE = "extreme_pose"
    CUT_OFF = "cut_off"
    OCCLUDED = "occluded"
    # Of an identity encoder that gave no numbers for it.
    NOT_FINITE = "not_finite"


@dataclass(frozen=True)
class FaceQuality:
    """Quality of N faces, in the order of their detections.

    `size_pixels` [N] float32 longer box side; `sharpness` [N] float32, variance of the Laplacian of the
    grey crop at a fixed size, on 0..255 grey; `yaw_degrees` and `pitch_degrees` [N] float32 rough head
    pose from the five landmarks; `visible_ratio` [N] float32 in [0,1], the share of the box inside the
    frame; `covered_ratio` [N] float32 in [0,1], the share of the box behind another face's box; `reasons`
    one tuple per face, empty where the face is good enough to score.
    """

    size_pixels: npt.NDArray[np.float32]
    sharpness: npt.NDArray[np.float32]
    yaw_degrees: npt.NDArray[np.float32]
    pitch_degrees: npt.NDArray[np.float32]
    visible_ratio: npt.NDArray[np.float32]
    covered_ratio: npt.NDArray[np.float32]
    reasons: tuple[tuple[QualityReason, ...], ...]

    def __len__(self) -> int:
        return len(self.reasons)

    def chosen(self, faces: slice) -> FaceQuality:
        """Those of consecutive faces."""
        return FaceQuality(**{name: values[faces] for name, values in vars(self).items()})

    def also(self, reason: QualityReason, faces: npt.NDArray[np.bool_]) -> FaceQuality:
        """With one more `reason` for the faces that the [N] mask marks."""
        more = zip(self.reasons, faces.tolist(), strict=True)
        return replace(self, reasons=tuple((*had, reason) if marked else had for had, marked in more))


@dataclass(frozen=True)
class FaceTrack:
    """One person over time.

    `id` counts from 0 in order of first appearance. First and last are the frame numbers and times of
    the first and last detection; `identity` [D] float32 is the unit mean of the unit embeddings;
    `detections` counts the faces assigned to the track.
    """

    id: int
    first_index: int
    last_index: int
    first_seconds: float
    last_seconds: float
    detections: int
    identity: npt.NDArray[np.float32]
