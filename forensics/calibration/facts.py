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

    def outside(self, what: str, value: float) -> tuple[str, ...]:
        """What to say of a value that was not covered; nothing of one that was."""
        return () if value in self else (f"{what} {value:.4g}, seen {self.low:.4g} to {self.high:.4g}",)


@dataclass(frozen=True)
class Input:
    """One detector's score, as it enters the model, and the scores that were seen."""

    detector: str
    score: Range


@dataclass(frozen=True)
class Conditions:
    """How a case was seen: medians of size and sharpness of the faces whose mean score it has.

    `scored_frames` is how many scores the mean is over, `people` of how many people's means it is the
    highest: one for a person who is judged alone.
    """

    size_pixels: float
    sharpness: float
    scored_frames: int
    people: int


@dataclass(frozen=True)
class SeenConditions:
    """What the calibration videos covered of `Conditions`.

    Of frames only the least number counts: a mean over fewer scatters more than those that were fitted.
    """

    size_pixels: Range
    sharpness: Range
    least_frames: int
    people: Range

    def outside(self, case: Conditions) -> tuple[str, ...]:
        """In what the case is unlike the calibration videos, in words."""
        few = case.scored_frames < self.least_frames
        return (
            *self.size_pixels.outside("face size in pixels", case.size_pixels),
            *self.sharpness.outside("sharpness", case.sharpness),
            *((f"scored frames {case.scored_frames}, seen {self.least_frames} or more",) if few else ()),
            *self.people.outside("people judged", case.people),
        )


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
