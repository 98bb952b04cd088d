"""From scores to findings: per track, per whole picture and per video, without pooling different people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from forensics.findings import (
    ABSTENTION_REASONS,
    NO_VERDICT_REASONS,
    AbstentionCount,
    CropPeaks,
    Label,
    Reason,
    Thresholds,
    TrackFinding,
    VideoFinding,
)
from forensics.sampled_frames import SampledFrames
from forensics.score_series import score_series
from forensics.scores import Abstention, FrameScores, ScoreKind
from forensics.segment_settings import DEFAULT_SETTINGS, SegmentSettings
from forensics.segments import find_segments
from forensics.track_statistics import track_statistics

# A mean over fewer scored frames says more about those frames than about the person.
DEFAULT_MIN_FRAMES = 3


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
    parts = find_segments(
        series,
        cue=thresholds.cue,
        clear=thresholds.clear,
        components={
            name: score_series(scores.frame_index[own], values[own], sampled)
            for name, values in scores.components.items()
        },
        settings=segments,
    )
    label, reason = _judge(mean, scored, thresholds, min_frames, stands_out=bool(parts))
    abstentions = _counted(
        Counter(why for why, of_track in zip(scores.abstained, own.tolist(), strict=True) if of_track and why)
    )
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
        abstentions=abstentions,
        reason_detail=_detail(reason, abstentions),
        peaks=None if scores.peak is None else _peaks(scores.peak[own][given]),
        components={
            name: component
            for name, values in scores.components.items()
            if (component := _mean(values[own][given])) is not None
        },
    )


def _peaks(peak: npt.NDArray[np.float64]) -> CropPeaks | None:
    mean = _mean(peak)
    return None if mean is None else CropPeaks(mean, float(peak.max()))


def _counted(why: Counter[Abstention]) -> tuple[AbstentionCount, ...]:
    """The most frequent reason first, equally frequent ones by name."""
    return tuple(AbstentionCount(one, why[one]) for one in sorted(why, key=lambda one: (-why[one], one)))


def _detail(reason: Reason | None, abstentions: Sequence[AbstentionCount]) -> Abstention | None:
    """The most frequent reason to abstain, where a finding is inconclusive for want of scores."""
    return abstentions[0].reason if reason in ABSTENTION_REASONS and abstentions else None


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
    why: Counter[Abstention] = Counter()
    for track in tracks:
        why.update({one.reason: one.count for one in track.abstentions})
    return VideoFinding(
        detector=detector,
        label=label,
        reason=reason,
        most_suspicious=None if top is None else top.track,
        tracks=tuple(tracks),
        reason_detail=_detail(reason, _counted(why)),
    )


def _why_nothing(tracks: Sequence[TrackFinding]) -> Reason | None:
    if not tracks:
        return Reason.NO_FACE
    if any(track.reason is Reason.TOO_FEW_FRAMES for track in tracks):
        return Reason.TOO_FEW_FRAMES
    return Reason.NOTHING_SCORED
