"""Figures of merit of scores and likelihood ratios on labelled material, with bootstrap intervals.

Labels are True for manipulated. Scores are higher for what looks more manipulated; they must be finite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import auc as area_under
from sklearn.metrics import roc_auc_score, roc_curve

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]
# A figure of the sample at these indices; an index may occur several times.
Statistic = Callable[[npt.NDArray[np.intp]], float]


@dataclass(frozen=True)
class Interval:
    """A bootstrap percentile interval."""

    low: float
    high: float


def auc(scores: Floats, labels: Labels) -> float:
    """The area under the ROC curve: how often a manipulated one scores above another; a tie counts half."""
    return float(roc_auc_score(labels, scores))


@dataclass(frozen=True)
class RocCurve:
    """The ROC: the shares of negatives and positives that pass from each of the falling `limits` [K] on."""

    false_alarms: Floats
    hits: Floats
    limits: Floats

    @property
    def area(self) -> float:
        return float(area_under(self.false_alarms, self.hits))

    @property
    def equal_error(self) -> tuple[float, float]:
        """The rate at which as many positives are missed as negatives pass, and the limit it is at.

        Between two points the curve is a straight line.
        """
        # Climbs from -1 to 1 along the curve.
        surplus = self.false_alarms - (1 - self.hits)
        rate, limit = (float(np.interp(0, surplus, values)) for values in (self.false_alarms, self.limits))
        return rate, limit


def roc(scores: Floats, labels: Labels) -> RocCurve:
    """The ROC of scikit-learn, every score a point; it begins at a limit just above the highest score."""
    false_alarms, hits, limits = roc_curve(labels, scores, drop_intermediate=False)
    # scikit-learn begins with an infinite limit, which nothing passes; any above the highest score does.
    limits[0] = np.nextafter(limits[1], np.inf)
    return RocCurve(false_alarms, hits, limits)


def equal_error_rate(scores: Floats, labels: Labels) -> float:
    """The error rate where as many of the one class are missed as of the other are taken for it."""
    rate, _ = roc(scores, labels).equal_error
    return rate


def cllr(log10_lrs: Floats, labels: Labels) -> float:
    """The cost of log-likelihood ratios (Bruemmer and du Preez 2006), in bits: 1 is worth nothing.

    Both classes weigh the same, whatever their numbers.
    """
    natural = log10_lrs * np.log(10)
    missed = np.logaddexp(0.0, -natural[labels]).mean()
    alarmed = np.logaddexp(0.0, natural[~labels]).mean()
    return float((missed + alarmed) / 2 / np.log(2))


def cllr_min(scores: Floats, labels: Labels) -> float:
    """The least Cllr any rising calibration could have reached on these very scores, found by PAV."""
    probabilities = balanced_pav(scores, labels).predict(scores)
    missed = np.log2(probabilities[labels]).mean()
    alarmed = np.log2(1 - probabilities[~labels]).mean()
    return float(0.0 - (missed + alarmed) / 2)


def balanced_pav(scores: Floats, labels: Labels) -> IsotonicRegression:
    """The rising step fit (PAV) of P(manipulated | score) at equal priors, linear between its knots."""
    fit = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    return fit.fit(scores, labels.astype(np.float64), sample_weight=balanced_weights(labels))


def balanced_weights(labels: Labels) -> Floats:
    """Weights [N] of mean 1 with which both classes weigh the same: training prior odds of one."""
    share = labels.mean()
    return np.asarray(np.where(labels, 0.5 / share, 0.5 / (1 - share)), dtype=np.float64)


def expected_calibration_error(probabilities: Floats, labels: Labels, *, bins: int) -> float:
    """The mean distance between the stated P(manipulated) and its frequency, over bins of equal mass.

    Equal probabilities share a bin, so that the order of the rows makes no difference; there may then be
    fewer than `bins`.
    """
    edges = np.quantile(probabilities, np.linspace(0, 1, bins + 1)[1:-1])
    number = np.searchsorted(edges, probabilities, side="right")
    distances = [
        (number == one).mean() * abs(probabilities[number == one].mean() - labels[number == one].mean())
        for one in np.unique(number)
    ]
    return float(sum(distances))


def bootstrap_interval(
    statistic: Statistic,
    labels: Labels,
    *,
    groups: Sequence[str],
    resamples: int,
    seed: int,
    level: float = 0.95,
) -> Interval:
    """The percentile interval of `statistic` when whole groups are drawn again with replacement.

    Draws without both classes are drawn anew. Raises ValueError if `labels` lack one.
    """
    values = [statistic(drawn) for drawn in bootstrap_draws(labels, groups, resamples=resamples, seed=seed)]
    return percentile_interval(values, level=level)


def bootstrap_draws(
    labels: Labels, groups: Sequence[str], *, resamples: int, seed: int
) -> Iterator[npt.NDArray[np.intp]]:
    """The indices of `resamples` samples of whole groups, drawn with replacement, that hold both classes.

    Raises ValueError if `labels` lack one.
    """
    if labels.all() or not labels.any():
        raise ValueError("labels of one class have no figures")
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(number, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    random = np.random.default_rng(seed)
    done = 0
    while done < resamples:
        drawn = np.concatenate([members[one] for one in random.integers(len(members), size=len(members))])
        if labels[drawn].any() and not labels[drawn].all():
            done += 1
            yield drawn


def percentile_interval(values: Sequence[float], *, level: float = 0.95) -> Interval:
    """The middle `level` of bootstrap `values`."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
