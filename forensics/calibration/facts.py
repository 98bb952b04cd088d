"""What a calibration states about itself: ranges it has seen, its videos, files and figures of merit."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """What the calibration data covered, both ends included."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not -math.inf < self.low <= self.high < math.inf:
            raise ValueError("a range must be finite and rise")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Input:
    """One detector's score, as it enters the model, and the scores that were seen."""

    detector: str
    score: Range


@dataclass(frozen=True)
class Conditions:
    """How well the scored faces of a case could be seen: medians of their size and sharpness."""

    size_pixels: float
    sharpness: float


@dataclass(frozen=True)
class SeenConditions:
    """The ranges of `Conditions` over the calibration videos."""

    size_pixels: Range
    sharpness: Range


@dataclass(frozen=True)
class Digest:
    """A file and its sha256."""

    name: str
    sha256: str


@dataclass(frozen=True)
class DataFacts:
    """The labelled videos. Without given groups every video is its own; `left_out` had no score."""

    description: str
    manipulated: int
    not_manipulated: int
    groups: int
    groups_given: bool
    left_out: int
    sources: tuple[Digest, ...]


@dataclass(frozen=True)
class Figure:
    """A figure of merit with its 95 % bootstrap interval over groups."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Figures:
    """How good the calibration is on videos it was not fitted on (`forensics.calibration.fit`)."""

    auc: Figure
    equal_error_rate: Figure
    cllr: Figure
    cllr_min: Figure
    expected_calibration_error: Figure
    folds: int
    calibration_error_bins: int
    resamples: int
    seed: int
