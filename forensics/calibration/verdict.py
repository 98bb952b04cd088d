"""What a likelihood ratio is called, and the verdict of a calibration on one case."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Support(StrEnum):
    """The side the evidence supports. Neither side is a statement that something is real or fake."""

    MANIPULATION = "manipulation"
    NO_MANIPULATION = "no manipulation"
    NEITHER = "neither"


class Band(StrEnum):
    """The verbal scale of the ENFSI guideline for evaluative reporting (2015)."""

    NONE = "no support either way"
    WEAK = "weak support"
    MODERATE = "moderate support"
    MODERATELY_STRONG = "moderately strong support"
    STRONG = "strong support"
    VERY_STRONG = "very strong support"
    EXTREMELY_STRONG = "extremely strong support"


class NoRatio(StrEnum):
    """Why there is no likelihood ratio. The values are the reason codes of reports."""

    NO_SCORE = "no_score"
    OUT_OF_DOMAIN = "out_of_domain"


# The guideline's scale begins with a ratio of 2.
_LEAST_SUPPORT = 2.0
# Upper ends of the bands; a ratio on a border takes the weaker one.
_BAND_ENDS = (
    (10.0, Band.WEAK),
    (100.0, Band.MODERATE),
    (1_000.0, Band.MODERATELY_STRONG),
    (10_000.0, Band.STRONG),
    (1_000_000.0, Band.VERY_STRONG),
)
_MANIPULATED = "is manipulated in the way of the calibration data"
_UNTOUCHED = "is not manipulated"


@dataclass(frozen=True)
class CalibratedVerdict:
    """The likelihood ratio of one case with its words, or the reason why there is none.

    `at_bound` says that the calibration data support no ratio further from 1. The probability is that
    of manipulation if both sides were equally probable before.
    """

    likelihood_ratio: float | None
    log10_lr: float | None
    probability_at_equal_priors: float | None
    band: Band | None
    supports: Support | None
    at_bound: bool
    inside_domain: bool
    reason: NoRatio | None
    sentence: str


def verdict_of(log10_lr: float, *, at_bound: bool, subject: str = "the face") -> CalibratedVerdict:
    """The verdict on a case whose likelihood ratio is known; `subject` is what was scored, in words."""
    strength = 10 ** abs(log10_lr)
    band = next((band for end, band in _BAND_ENDS if strength <= end), Band.EXTREMELY_STRONG)
    if strength < _LEAST_SUPPORT:
        band = Band.NONE
    supports = Support.MANIPULATION if log10_lr > 0 else Support.NO_MANIPULATION
    if band is Band.NONE:
        supports = Support.NEITHER
    sides = (
        f"{_MANIPULATED} than if it is not" if log10_lr >= 0 else f"{_UNTOUCHED} than if it {_MANIPULATED}"
    )
    times = f"the score is {_rounded_down(strength)} times more probable if {subject} {sides}"
    words = band.value if supports is Support.NEITHER else f"{band.value} for {supports.value}"
    limit = "; the calibration data support no stronger statement" if at_bound else ""
    return CalibratedVerdict(
        likelihood_ratio=10**log10_lr,
        log10_lr=log10_lr,
        probability_at_equal_priors=1 / (1 + 10**-log10_lr),
        band=band,
        supports=supports,
        at_bound=at_bound,
        inside_domain=True,
        reason=None,
        sentence=f"{times}: {words}{limit}",
    )


def no_score(detector: str) -> CalibratedVerdict:
    """No verdict, because a detector the calibration needs gave no score."""
    return _without_ratio(
        NoRatio.NO_SCORE, f"no likelihood ratio: {detector} gave no score to judge by", inside=True
    )


def out_of_domain(outside: Sequence[str]) -> CalibratedVerdict:
    """No verdict, because the case lies `outside` what the calibration has seen."""
    sentence = f"no likelihood ratio: outside the calibration data: {'; '.join(outside)}"
    return _without_ratio(NoRatio.OUT_OF_DOMAIN, sentence, inside=False)


def _without_ratio(reason: NoRatio, sentence: str, *, inside: bool) -> CalibratedVerdict:
    return CalibratedVerdict(None, None, None, None, None, False, inside, reason, sentence)


def _rounded_down(strength: float) -> str:
    """Two significant digits, never rounded up, so that the number stays inside its band."""
    step = 10.0 ** (math.floor(math.log10(strength)) - 1)
    return f"{math.floor(strength / step + 1e-9) * step:,.10g}"
