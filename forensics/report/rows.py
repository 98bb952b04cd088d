"""What a report says of single frames and faces, and the pictures of faces that it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class DetectorScore:
    """One detector's word on one face or frame; without a score there is a reason.

    `peak` is the highest score of a frame's crops, where a detector looks at several. `components` are the
    log-odds of each prompt against the real one, by name, where the score weighs several.
    """

    detector: str
    score: float | None
    probability: float | None
    abstained: str | None
    peak: float | None = None
    components: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FrameRow:
    """One sampled frame with what whole-frame detectors say of it; `shot` counts from 0."""

    frame_index: int
    pts: int
    time_base: str
    pts_seconds: float
    shot: int
    scores: tuple[DetectorScore, ...]


@dataclass(frozen=True)
class FaceRow:
    """One face in one sampled frame. Boxes are pixels of the delivered (upright, square-pixel) frame.

    `identity_similarity` is the cosine of the face's identity embedding to its track's typical one (the
    median in each coordinate),
    `reference_similarity` that to the reference person, if there is one; both are `None` for a face too
    poor to tell.
    """

    frame_index: int
    pts: int
    time_base: str
    pts_seconds: float
    track: int
    box_xyxy: tuple[float, float, float, float]
    confidence: float
    size_pixels: float
    sharpness: float
    yaw_degrees: float
    pitch_degrees: float
    visible_ratio: float
    covered_ratio: float
    identity_similarity: float | None
    reference_similarity: float | None
    scores: tuple[DetectorScore, ...]


@dataclass(frozen=True)
class FacePicture:
    """A small JPEG of one face, base64, for reports that show people."""

    track: int
    frame_index: int
    jpeg_base64: str


@dataclass(frozen=True)
class FaceHeatmap:
    """Where in one person's most suspicious face a detector's score came from, by `method`; no proof.

    Both are small JPEGs, base64: the face as the detector sees it, and the same under the colours of the
    heat, from none to the most of this one face.
    """

    track: int
    frame_index: int
    detector: str
    method: str
    crop_jpeg_base64: str
    overlay_jpeg_base64: str
