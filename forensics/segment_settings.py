"""When a run of scores is a segment: the limits, with what they were measured to find."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True)
class SegmentSettings:
    """When a run of faces is a segment. Every limit counts at the limit itself."""

    # From the first to the last frame of a segment: at four frames a second, four in a row.
    min_seconds: float = 0.7
    # As for a finished track: fewer scores say more about those frames than about the part.
    min_scored: int = 3
    # Scores are smoothed by a running median over this time and never fewer than three frames, so that a
    # single frame neither makes nor breaks a segment, however densely they were sampled.
    smoothing_seconds: float = 0.75
    # How far the scores of a part that stands out lie above those of the rest, at least: in units of the
    # score, which is in logits here, and in robust standard deviations of the rest. With these, 12 frames of
    # the 11 real `train` clips raised by 1.5, 2, 2.5 and 3 logits were found in 51, 67,
    # 85 and 94 % of 88 trials, and nothing in the clips as they are; change points found by `ruptures` and
    # held to the same limits found 41, 57, 77 and 91 %. In 72 trials on the 9 of the clips with faces enough
    # for 12 to be a lesser part: the score 51, 83, 94 and 99 %; of its components fake 58, 85, 96 and 99 %,
    # generated 4, 6, 8 and 11 %, which `min_component` holds back; nothing in all 11 clips as they are.
    min_excess: float = 1.5
    min_excess_deviations: float = 2.5
    # A part that stands out is a lesser part of the face's scores: of two halves, neither is the usual one.
    max_share: float = 0.5
    # The least mean of a part that stands out in a component: odds of one to four. Far below, a prompt has no
    # say in the score and its log-odds vary freely; without this limit one of the real clips had such a part,
    # where those of the generated prompt rise from -5.3 to -2.4.
    min_component: float = -1.386

    def __post_init__(self) -> None:
        for name in ("min_seconds", "smoothing_seconds"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} cannot be negative: {getattr(self, name)}")
        for name in ("min_excess", "min_excess_deviations"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if not isfinite(self.min_component):
            raise ValueError(f"min_component must be a number, not {self.min_component}")
        if self.min_scored < 1:
            raise ValueError(f"min_scored must be at least 1, not {self.min_scored}")
        if not 0 < self.max_share <= 0.5:
            raise ValueError(f"max_share lies above 0 and up to 0.5, not at {self.max_share}")


DEFAULT_SETTINGS = SegmentSettings()
