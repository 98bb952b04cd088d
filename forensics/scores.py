"""What detectors say: per-face or per-frame scores, and the reasons why one was not given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt


class ScoreKind(StrEnum):
    """What a raw score is. Whatever the kind, higher means more fake."""

    LOGIT = "logit"
    MARGIN = "margin"
    DISTANCE = "distance"


class Abstention(StrEnum):
    """Why a face or frame got no score. Quality reasons carry the same codes as `QualityReason`."""

    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    EXTREME_POSE = "extreme_pose"
    CUT_OFF = "cut_off"
    OCCLUDED = "occluded"
    NOT_FINITE = "not_finite"
    # Of whole-frame detectors.
    FRAME_TOO_SMALL = "frame_too_small"


@dataclass(frozen=True)
class FrameScores:
    """Scores of N faces (or frames) by one detector.

    `score` [N] float64, higher = more fake, NaN exactly where the detector abstained; `probability` [N]
    float64 P(fake) in [0,1], or `None` for a detector that has none; `frame_index` [N] int64 frame
    numbers in the video; `track` [N] int64, or `None` for whole-frame detectors; `abstained` one reason
    or `None` per item. `peak` [N] float64 is the highest score of a frame's crops where a detector looks at
    several, NaN where it abstained; `score` is then their mean. `components` [N] float64 each, NaN where it
    abstained, are what the score is made of where it weighs several prompts against real: the log-odds of
    each of them alone, by name.
    """

    detector: str
    kind: ScoreKind
    score: npt.NDArray[np.float64]
    probability: npt.NDArray[np.float64] | None
    frame_index: npt.NDArray[np.int64]
    track: npt.NDArray[np.int64] | None
    abstained: tuple[Abstention | None, ...]
    peak: npt.NDArray[np.float64] | None = None
    components: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.abstained)
        given = [("score", self.score)]
        given += [("peak", self.peak)] if self.peak is not None else []
        given += [(f"component {name}", values) for name, values in self.components.items()]
        beside = [("probability", self.probability), ("frame_index", self.frame_index), ("track", self.track)]
        for name, values in (*given, *beside):
            if values is not None and values.shape != (count,):
                raise ValueError(f"{name} must be [{count}], not {list(values.shape)}")
        silent = np.array([reason is not None for reason in self.abstained], dtype=bool)
        for name, values in given:
            if not np.array_equal(np.isnan(values), silent) or np.isinf(values).any():
                raise ValueError(f"a {name} must be finite, or NaN with a reason to abstain")

    def __len__(self) -> int:
        return len(self.abstained)


def joined(parts: Sequence[FrameScores]) -> FrameScores:
    """The scores of consecutive parts of a video, at least one, by one detector."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    probability = [part.probability for part in parts if part.probability is not None]
    track = [part.track for part in parts if part.track is not None]
    peak = [part.peak for part in parts if part.peak is not None]
    return FrameScores(
        detector=first.detector,
        kind=first.kind,
        score=np.concatenate([part.score for part in parts]),
        probability=np.concatenate(probability) if probability else None,
        frame_index=np.concatenate([part.frame_index for part in parts]),
        track=np.concatenate(track) if track else None,
        abstained=tuple(reason for part in parts for reason in part.abstained),
        peak=np.concatenate(peak) if peak else None,
        components={
            name: np.concatenate([part.components[name] for part in parts]) for name in first.components
        },
    )


def abstain_where_not_finite(
    score: npt.NDArray[np.float64], abstained: tuple[Abstention | None, ...]
) -> tuple[npt.NDArray[np.float64], tuple[Abstention | None, ...]]:
    """Turn model outputs that are NaN or infinite into abstentions; existing reasons stand."""
    reasons = tuple(
        Abstention.NOT_FINITE if reason is None and not np.isfinite(value) else reason
        for value, reason in zip(score.tolist(), abstained, strict=True)
    )
    silent = np.array([reason is not None for reason in reasons], dtype=bool)
    return np.where(silent, np.nan, score), reasons
