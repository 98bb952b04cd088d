"""What may be found of a track and of a video: labels, reasons, thresholds, and the findings themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from forensics.scores import Abstention
from forensics.segments import Segment
from forensics.track_statistics import TrackStatistics


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


# Inconclusive for want of material, as against an undecided score.
NO_VERDICT_REASONS = frozenset(Reason) - {Reason.BETWEEN_THRESHOLDS, Reason.PART_STANDS_OUT}
# Inconclusive because too many faces (or frames) got no score, if there were any.
ABSTENTION_REASONS = frozenset({Reason.NOTHING_SCORED, Reason.TOO_FEW_FRAMES})


@dataclass(frozen=True)
class Thresholds:
    """Where a track's mean score counts as a cue (`cue` or above) and as none (`clear` or below).

    Both are one where a method was published with a bare decision and nothing is known of a margin around
    it; the mean at it counts as a cue.
    """

    cue: float
    clear: float
    source: str

    def __post_init__(self) -> None:
        if not self.clear <= self.cue:
            raise ValueError(f"clear {self.clear} must not exceed cue {self.cue}")

    @property
    def has_margin(self) -> bool:
        """Whether scores between the two thresholds decide nothing."""
        return self.clear < self.cue


@dataclass(frozen=True)
class AbstentionCount:
    """How many of a track's faces, or of the frames, got no score for this `reason`."""

    reason: Abstention
    count: int


@dataclass(frozen=True)
class CropPeaks:
    """Of the highest crop of each scored frame, its mean over the frames and the highest of all."""

    mean: float
    highest: float


@dataclass(frozen=True)
class TrackFinding:
    """What one detector found on one track, or on the whole picture where `track` is `None`.

    `mean_score` is over the `scored` faces (or frames), `None` without any, and `mean_probability` the
    mean of their P(fake), `None` too for a detector without one. `segments` are the parts that lie over
    the threshold or stand out of the rest, in order of time. `abstentions` say why the `abstained` got no
    score, the most frequent reason first; it is the `reason_detail` of a finding that is inconclusive for
    want of scores. `peaks` stand beside the score where a detector looks at several crops of a frame.
    `components` are the means of what the score is made of, by name, where it weighs several prompts.
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
    abstentions: tuple[AbstentionCount, ...] = ()
    reason_detail: Abstention | None = None
    peaks: CropPeaks | None = None
    components: Mapping[str, float] = field(default_factory=dict)

    @property
    def of_whole_frames(self) -> bool:
        return self.track is None


@dataclass(frozen=True)
class VideoFinding:
    """What one detector found on a whole video; tracks are listed, never averaged.

    `most_suspicious` is the track with the highest mean score among those with enough scored frames.
    A whole-frame detector has one entry in `tracks`, that of the picture. `reason_detail` is the most
    frequent reason of all abstentions, where the finding is inconclusive for want of scores.
    """

    detector: str
    label: Label
    reason: Reason | None
    most_suspicious: int | None
    tracks: tuple[TrackFinding, ...]
    reason_detail: Abstention | None = None

    @property
    def of_whole_frames(self) -> bool:
        return any(track.of_whole_frames for track in self.tracks)
