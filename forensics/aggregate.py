"""From face scores to findings: per track and per video, without pooling different people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from forensics.scores import FrameScores

# A mean over fewer scored frames says more about those frames than about the person.
DEFAULT_MIN_FRAMES = 3


class Label(StrEnum):
    """What may be said without a calibration. Nothing is ever called real or fake here."""

    CUES = "manipulation cues found"
    NO_CUE = "no cue found"
    INCONCLUSIVE = "inconclusive"


class Reason(StrEnum):
    """Why a finding is inconclusive. The values are the reason codes of reports."""

    NO_FACE = "no_face"
    NOTHING_SCORED = "nothing_scored"
    TOO_FEW_FRAMES = "too_few_frames"
    BETWEEN_THRESHOLDS = "between_thresholds"
    DETECTOR_FAILED = "detector_failed"

    @property
    def sentence(self) -> str:
        """The reason in words, to follow "inconclusive: "."""
        return {
            Reason.NO_FACE: "no face found",
            Reason.NOTHING_SCORED: "no face was good enough to score",
            Reason.TOO_FEW_FRAMES: "too few scored frames",
            Reason.BETWEEN_THRESHOLDS: "the score lies between the thresholds",
            Reason.DETECTOR_FAILED: "no detector ran",
        }[self]


# Inconclusive for want of material, as against an undecided score.
NO_VERDICT_REASONS = frozenset(Reason) - {Reason.BETWEEN_THRESHOLDS}


@dataclass(frozen=True)
class Thresholds:
    """Where a track's mean score counts as a cue (`cue` or above) and as none (`clear` or below)."""

    cue: float
    clear: float
    source: str

    def __post_init__(self) -> None:
        if not self.clear <= self.cue:
            raise ValueError(f"clear {self.clear} must not exceed cue {self.cue}")


@dataclass(frozen=True)
class TrackFinding:
    """What one detector found on one track: `mean_score` over the `scored` faces, `None` without any."""

    detector: str
    track: int
    label: Label
    reason: Reason | None
    mean_score: float | None
    scored: int
    abstained: int


@dataclass(frozen=True)
class VideoFinding:
    """What one detector found on a whole video; tracks are listed, never averaged.

    `most_suspicious` is the track with the highest mean score among those with enough scored frames.
    """

    detector: str
    label: Label
    reason: Reason | None
    most_suspicious: int | None
    tracks: tuple[TrackFinding, ...]


def find_in_track(
    scores: FrameScores, track: int, thresholds: Thresholds, *, min_frames: int = DEFAULT_MIN_FRAMES
) -> TrackFinding:
    """The finding of a face detector on `track`: its mean score against the thresholds."""
    if scores.track is None:
        raise ValueError(f"{scores.detector} scores whole frames: it has no tracks")
    own = scores.score[scores.track == track]
    given = np.sort(own[np.isfinite(own)])
    # Sorted, so that the rounding of the sum does not depend on the order of arrival.
    mean = float(given.mean()) if len(given) else None
    label, reason = _judge(mean, len(given), thresholds, min_frames)
    return TrackFinding(scores.detector, track, label, reason, mean, len(given), len(own) - len(given))


def _judge(
    mean: float | None, scored: int, thresholds: Thresholds, min_frames: int
) -> tuple[Label, Reason | None]:
    if mean is None:
        return Label.INCONCLUSIVE, Reason.NOTHING_SCORED
    if scored < min_frames:
        return Label.INCONCLUSIVE, Reason.TOO_FEW_FRAMES
    if mean >= thresholds.cue:
        return Label.CUES, None
    if mean <= thresholds.clear:
        return Label.NO_CUE, None
    return Label.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS


def find_in_video(detector: str, tracks: Sequence[TrackFinding]) -> VideoFinding:
    """Cues in any track are cues in the video; "no cue" needs a track without and none left undecided.

    Tracks with too little material (a passer-by of one frame) do not stop the others' finding.
    """
    decided = [track for track in tracks if track.reason not in NO_VERDICT_REASONS]
    top = max(decided, key=lambda track: (track.mean_score or 0.0, -track.track), default=None)
    label = Label.INCONCLUSIVE
    reason: Reason | None = _why_nothing(tracks)
    if any(track.label is Label.CUES for track in decided):
        label, reason = Label.CUES, None
    elif any(track.reason is Reason.BETWEEN_THRESHOLDS for track in decided):
        reason = Reason.BETWEEN_THRESHOLDS
    elif decided:
        label, reason = Label.NO_CUE, None
    return VideoFinding(detector, label, reason, None if top is None else top.track, tuple(tracks))


def _why_nothing(tracks: Sequence[TrackFinding]) -> Reason:
    if not tracks:
        return Reason.NO_FACE
    if any(track.reason is Reason.TOO_FEW_FRAMES for track in tracks):
        return Reason.TOO_FEW_FRAMES
    return Reason.NOTHING_SCORED
