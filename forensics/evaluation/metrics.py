"""Figures of merit of one detector on real against manipulated units, with intervals over videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sklearn

from forensics.calibration.crossval import MAX_BINS, VIDEOS_PER_BIN, cross_validated_ratios
from forensics.calibration.facts import Digest, Figure
from forensics.calibration.fit import Method
from forensics.calibration.table import LabelledVideo, ScoredVideo, ScoreTable
from forensics.errors import CalibrationError
from forensics.metrics import (
    Floats,
    Labels,
    RocCurve,
    bootstrap_draws,
    cllr,
    cllr_min,
    expected_calibration_error,
    percentile_interval,
    roc,
)

SEED = 7
# Allowed share of real ones called fake where hits are counted.
STRICT_FALSE_POSITIVE_RATE = 0.01
# With fewer groups of either label, cross-validated fits say more about the folds than about the scores.
MIN_GROUPS = 5
# One bin compares no more than two means.
MIN_BINS = 2


@dataclass(frozen=True)
class RankingFigures:
    """How well scores separate the labels; accuracy is that at `threshold`, at or above which is fake."""

    auc: Figure
    average_precision: Figure
    equal_error_rate: Figure
    true_positive_rate: Figure
    accuracy: Figure
    threshold: float


@dataclass(frozen=True)
class CalibratedFigures:
    """What likelihood ratios are worth that cross-validated logistic regression makes of the scores.

    `probabilities` are P(fake) at the prior of these videos, each by a fit that saw no video of the same
    identity, in the order of `labels` (True for manipulated): they draw the reliability plot.
    """

    cllr: Figure
    cllr_min: Figure
    expected_calibration_error: Figure
    folds: int
    bins: int
    probabilities: tuple[float, ...]
    labels: tuple[bool, ...]


def ranking_figures(
    scores: Floats, labels: Labels, videos: Sequence[str], *, threshold: float, resamples: int
) -> RankingFigures:
    """The figures of units with `scores` [N] and `labels` [N] of both classes.

    `videos` [N] names the video of each unit: the 95 % bootstrap intervals draw whole videos. Raises
    ValueError if the labels lack a class.
    """
    with sklearn.config_context(skip_parameter_validation=True):
        values = _ranking(scores, labels, threshold)
        drawn = [
            _ranking(scores[sample], labels[sample], threshold)
            for sample in bootstrap_draws(labels, videos, resamples=resamples, seed=SEED)
        ]
    return RankingFigures(threshold=threshold, **_figures(values, drawn))


def true_positive_rate_at(curve: RocCurve, false_positive_rate: float) -> float:
    """The highest share of positives found while at most that share of negatives passes, at a real limit."""
    return float(curve.hits[curve.false_alarms <= false_positive_rate].max())


def calibrated_figures(
    scores: Floats, labels: Labels, videos: Sequence[str], groups: Sequence[str], *, resamples: int
) -> CalibratedFigures | str:
    """Cllr and calibration error of videos' cross-validated ratios, or why there are none.

    `videos` [N] are their names; those of one of the `groups` [N] are never torn apart by the folds. The
    ratios keep to what the data of their fit support (ELUB), as a calibration's do.
    """
    for wanted, name in ((True, "manipulated"), (False, "real")):
        here = {group for group, label in zip(groups, labels, strict=True) if label == wanted}
        if len(here) < MIN_GROUPS:
            return f"{len(here)} identities of {name} videos; cross-validation needs {MIN_GROUPS}"
    if roc(scores, labels).area <= 0.5:
        # A fit would turn the detector round, which no calibration may.
        return "the scores do not rise with manipulation"
    order = sorted(range(len(videos)), key=lambda number: videos[number])
    known = labels[order]
    table = ScoreTable(
        videos=tuple(
            ScoredVideo(LabelledVideo(videos[one], bool(labels[one]), groups[one]), {"": float(scores[one])})
            for one in order
        ),
        detectors=("",),
        groups_given=True,
        left_out=0,
        sources=(Digest("the evaluated videos", ""),),
    )
    try:
        ratios, _, folds = cross_validated_ratios(table, Method.LOGISTIC, SEED)
    except CalibrationError as error:
        return str(error)
    share = known.mean()
    probabilities = 1 / (1 + 10**-ratios * (1 - share) / share)
    bins = max(MIN_BINS, min(MAX_BINS, len(known) // VIDEOS_PER_BIN))
    ranked = scores[order]

    def measured(at: npt.NDArray[np.intp]) -> dict[str, float]:
        error = expected_calibration_error(probabilities[at], known[at], bins=bins)
        return {
            "cllr": cllr(ratios[at], known[at]),
            "cllr_min": cllr_min(ranked[at], known[at]),
            "expected_calibration_error": error,
        }

    names = [videos[one] for one in order]
    values = measured(np.arange(len(known)))
    drawn = [measured(sample) for sample in bootstrap_draws(known, names, resamples=resamples, seed=SEED)]
    return CalibratedFigures(
        folds=folds,
        bins=bins,
        probabilities=tuple(probabilities.tolist()),
        labels=tuple(known.tolist()),
        **_figures(values, drawn),
    )


def average_precision(curve: RocCurve, *, positives: int, negatives: int) -> float:
    """The mean precision at the limits where another positive passes, as scikit-learn defines it.

    Of the ROC curve, because a bootstrap can afford only one curve a draw.
    """
    found, alarms = curve.hits * positives, curve.false_alarms * negatives
    precision = found[1:] / (found[1:] + alarms[1:])
    return float(np.sum(np.diff(curve.hits) * precision))


def _ranking(scores: Floats, labels: Labels, threshold: float) -> dict[str, float]:
    """The values of `RankingFigures` by their names."""
    curve = roc(scores, labels)
    positives = int(labels.sum())
    return {
        "auc": curve.area,
        "average_precision": average_precision(curve, positives=positives, negatives=len(labels) - positives),
        "equal_error_rate": curve.equal_error[0],
        "true_positive_rate": true_positive_rate_at(curve, STRICT_FALSE_POSITIVE_RATE),
        "accuracy": float(np.mean((scores >= threshold) == labels)),
    }


def _figures(values: Mapping[str, float], drawn: Sequence[Mapping[str, float]]) -> dict[str, Figure]:
    """Each value with the interval of what was drawn for it."""
    intervals = {name: percentile_interval([one[name] for one in drawn]) for name in values}
    return {name: Figure(value, intervals[name].low, intervals[name].high) for name, value in values.items()}
