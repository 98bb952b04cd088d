"""Fits the model of a calibration: from labelled scores to bounded likelihood ratios."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from sklearn.linear_model import LogisticRegression

from forensics.calibration.curve import Bounds, IsotonicCurve, LogisticCurve, ScoreModel
from forensics.calibration.elub import elub
from forensics.metrics import Floats, Labels, balanced_pav, balanced_weights

# Inverse strength of the penalty on standardised scores: only keeps separable data from a step.
PENALTY_FREEDOM = 1e3


class Method(StrEnum):
    """How scores become likelihood ratios."""

    LOGISTIC = "logistic"
    ISOTONIC = "isotonic"


def fit_model(scores: Floats, labels: Labels, method: Method) -> ScoreModel:
    """The model for scores [N, D] and labels [N]; isotonic takes one score only.

    Both classes weigh the same, so the training prior odds are one and the posterior odds are the
    likelihood ratio. The bounds are ELUB's on the ratios of these same videos.
    """
    curve: LogisticCurve | IsotonicCurve
    if method is Method.LOGISTIC:
        weights, curve = _logistic(scores, labels)
    else:
        weights, curve = (1.0,), _isotonic(scores[:, 0], labels)
    low, high = elub(curve.log10_lrs(scores @ np.asarray(weights)), labels)
    return ScoreModel(weights, curve, Bounds(low, high))


def _logistic(scores: Floats, labels: Labels) -> tuple[tuple[float, ...], LogisticCurve]:
    """Logistic regression on standardised scores, told in the scores' own units."""
    mean, deviation = scores.mean(axis=0), scores.std(axis=0)
    # A fold may hold one value only; that score then says nothing.
    deviation[deviation == 0] = 1.0
    regression = LogisticRegression(C=PENALTY_FREEDOM, max_iter=1000)
    regression.fit((scores - mean) / deviation, labels, sample_weight=balanced_weights(labels))
    weights = regression.coef_[0] / deviation
    intercept = float(regression.intercept_[0] - weights @ mean)
    return tuple(weights.tolist()), LogisticCurve(intercept)


def _isotonic(scores: Floats, labels: Labels) -> IsotonicCurve:
    fit = balanced_pav(scores, labels)
    return IsotonicCurve(tuple(fit.X_thresholds_.tolist()), tuple(fit.y_thresholds_.tolist()))
