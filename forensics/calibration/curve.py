"""The calibrated map from the scores of a case to a bounded likelihood ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from forensics.metrics import Floats


@dataclass(frozen=True)
class LogisticCurve:
    """ln LR = the weighted sum of the scores + `intercept`."""

    intercept: float
    method: Literal["logistic"] = "logistic"

    def __post_init__(self) -> None:
        _check_finite(self.intercept)

    def log10_lrs(self, combined: Floats) -> Floats:
        return (combined + self.intercept) / math.log(10)


@dataclass(frozen=True)
class IsotonicCurve:
    """P(manipulated) at equal priors, at `knots` of the weighted sum of the scores and linear in between."""

    knots: tuple[float, ...]
    probabilities: tuple[float, ...]
    method: Literal["isotonic"] = "isotonic"

    def __post_init__(self) -> None:
        _check_finite(*self.knots, *self.probabilities)
        if not self.knots or len(self.knots) != len(self.probabilities):
            raise ValueError("there must be as many knots as probabilities")
        if any(low >= high for low, high in pairwise(self.knots)):
            raise ValueError("knots must rise")
        if any(low > high for low, high in pairwise((0.0, *self.probabilities, 1.0))):
            raise ValueError("probabilities must rise and lie in 0 to 1")

    def log10_lrs(self, combined: Floats) -> Floats:
        """Infinite where the data held one class only; the bounds make that finite."""
        probability = np.interp(combined, self.knots, self.probabilities)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log10(probability) - np.log10(1 - probability), dtype=np.float64)


@dataclass(frozen=True)
class Bounds:
    """How far the data support a likelihood ratio: log10, `low` at most 0, `high` at least 0."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_finite(self.low, self.high)
        if not self.low <= 0 <= self.high:
            raise ValueError("bounds must lie around 0")


@dataclass(frozen=True)
class ScoreModel:
    """One weight per score, the curve over their weighted sum, and the bounds of what comes out."""

    weights: tuple[float, ...]
    curve: LogisticCurve | IsotonicCurve
    bounds: Bounds

    def __post_init__(self) -> None:
        _check_finite(*self.weights)

    def log10_lrs(self, scores: Floats) -> Floats:
        """Bounded log10 likelihood ratios [N] of scores [N, one per weight]."""
        unbounded = self.curve.log10_lrs(scores @ np.asarray(self.weights))
        return np.clip(unbounded, self.bounds.low, self.bounds.high)


def _check_finite(*numbers: float) -> None:
    if not all(map(math.isfinite, numbers)):
        raise ValueError("numbers must be finite")
