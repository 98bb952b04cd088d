"""From scores to findings: per track, per whole picture and per video, without pooling different people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from forensics.sampled_frames import SampledFrames
from forensics.score_series import score_series
from forensics.scores import FrameScores, ScoreKind
from forensics.segment_settings import DEFAULT_SETTINGS, SegmentSettings
from forensics.segments import Segment, find_segments
from forensics.track_statistics import TrackStatistics, track_statistics

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
    PART_STANDS_OUT = "part_stands_out"
    DETECTOR_FAILED = "detector_failed"

    @property
    def sentence(self) -> str:
        """The reason in words, to follow "inconclusive: "."""
        return {
            Reason.NO_FACE: "no face found",
            Reason.NOTHING_SCORED: "no face was good enough to score",
            Reason.TOO_FEW_FRAMES: "too few scored frames",
            Reason.BETWEEN_THRESHOLDS: "the score lies between the thresholds",
            Reason.PART_STANDS_OUT: "the mean shows no cue, but a part stands out",
            Reason.DETECTOR_FAILED: "no detector ran",
        }[self]


# Inconclusive for want of material, as against an undecided score.
NO_VERDICT_REASONS = frozenset(Reason) - {Reason.BETWEEN_THRESHOLDS, Reason.PART_STANDS_OUT}


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
    """What one detector found on one track, or on the whole picture where `track` is `None`.

    `mean_score` is over the `scored` faces (or frames), `None` without any, and `mean_probability` the
    mean of their P(fake), `None` too for a detector without one. `segments` are the parts that lie over
    the threshold or stand out of the rest, in order of time.
    """

    detector: str
    track: int | None
    label: Label
    reason: Reason | None
    mean_score: float | None
    mean_probability: float | None
    scored: int
    abstained: int
    statistics: TrackStatistics | None
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class VideoFinding:
    """What one detector found on a whole video; tracks are listed, never averaged.

    `most_suspicious` is the track with the highest mean score among those with enough scored frames.
    A whole-frame detector has one entry in `tracks`, that of the picture.
    """

    detector: str
    label: Label
    reason: Reason | None
    most_suspicious: int | None
    tracks: tuple[TrackFinding, ...]


def find_in_track(
    scores: FrameScores,
    track: int | None,
    thresholds: Thresholds,
    *,
    sampled: SampledFrames,
    min_frames: int = DEFAULT_MIN_FRAMES,
    segments: SegmentSettings = DEFAULT_SETTINGS,
) -> TrackFinding:
    """The finding on `track`, or on the whole picture for `None`: its mean score against the thresholds.

    `sampled` are all frames of the video that were looked at. The order in which scores arrive makes no
    difference. Raises ValueError for a track of a whole-frame detector and the other way round.
    """
    if (scores.track is None) != (track is None):
        raise ValueError(f"{scores.detector} scores {'whole frames' if scores.track is None else 'tracks'}")
    own = np.ones(len(scores), dtype=bool) if scores.track is None else scores.track == track
    score = scores.score[own]
    given = np.isfinite(score)
    scored = int(given.sum())
    mean = _mean(score[given])
    if scores.kind is not ScoreKind.LOGIT:
        # How far a part must stand out is known in logits only.
        segments = replace(segments, min_excess=math.inf)
    series = score_series(scores.frame_index[own], score, sampled)
    parts = find_segments(series, cue=thresholds.cue, clear=thresholds.clear, settings=segments)
    label, reason = _judge(mean, scored, thresholds, min_frames, stands_out=bool(parts))
    return TrackFinding(
        detector=scores.detector,
        track=track,
        label=label,
        reason=reason,
        mean_score=mean,
        mean_probability=None if scores.probability is None else _mean(scores.probability[own][given]),
        scored=scored,
        abstained=len(score) - scored,
        statistics=track_statistics(series, cue=thresholds.cue),
        segments=parts,
    )


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    """Sorted, so that the rounding of the sum does not depend on the order of arrival."""
    return float(np.sort(values).mean()) if len(values) else None


def _judge(
    mean: float | None, scored: int, thresholds: Thresholds, min_frames: int, *, stands_out: bool
) -> tuple[Label, Reason | None]:
    if mean is None:
        return Label.INCONCLUSIVE, Reason.NOTHING_SCORED
    if scored < min_frames:
        return Label.INCONCLUSIVE, Reason.TOO_FEW_FRAMES
    if mean >= thresholds.cue:
        return Label.CUES, None
    if mean > thresholds.clear:
        return Label.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS
    # A manipulated part is averaged away by the rest: such a mean clears nobody.
    return (Label.INCONCLUSIVE, Reason.PART_STANDS_OUT) if stands_out else (Label.NO_CUE, None)


def find_in_video(detector: str, tracks: Sequence[TrackFinding]) -> VideoFinding:
    """Cues in any track are cues in the video; "no cue" needs a track without and none left undecided.

    Tracks with too little material (a passer-by of one frame) do not stop the others' finding.
    """
    decided = [track for track in tracks if track.reason not in NO_VERDICT_REASONS]
    top = max(decided, key=lambda track: (track.mean_score or 0.0, -(track.track or 0)), default=None)
    open_questions = {track.reason for track in decided} - {None}
    label, reason = Label.INCONCLUSIVE, _why_nothing(tracks)
    if any(track.label is Label.CUES for track in decided):
        label, reason = Label.CUES, None
    elif open_questions:
        # A part that stands out says more than an undecided mean.
        reason = max(open_questions, key=lambda one: one is Reason.PART_STANDS_OUT)
    elif decided:
        label, reason = Label.NO_CUE, None
    return VideoFinding(detector, label, reason, None if top is None else top.track, tuple(tracks))


def _why_nothing(tracks: Sequence[TrackFinding]) -> Reason | None:
    if not tracks:
        return Reason.NO_FACE
    if any(track.reason is Reason.TOO_FEW_FRAMES for track in tracks):
        return Reason.TOO_FEW_FRAMES
    return Reason.NOTHING_SCORED
