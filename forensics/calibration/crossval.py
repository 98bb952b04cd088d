"""Figures of merit of a calibration on videos it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from forensics.calibration.facts import Figure, Figures
from forensics.calibration.fit import Method, fit_model
from forensics.calibration.table import ScoreTable
from forensics.errors import CalibrationError
from forensics.metrics import (
    Floats,
    Labels,
    auc,
    bootstrap_interval,
    cllr,
    cllr_min,
    equal_error_rate,
    expected_calibration_error,
)

MAX_FOLDS = 10
RESAMPLES = 1000
# A bin of the calibration error with fewer videos has no frequency to speak of.
VIDEOS_PER_BIN, MAX_BINS = 10, 10


def cross_validated_ratios(table: ScoreTable, method: Method, seed: int) -> tuple[Floats, Floats, int]:
    """Bounded and unbounded log10 ratios [N] by models that saw no video of the same group, and the folds."""
    scores, labels, groups = table.scores, table.labels, np.array(table.groups)
    fewest = min(len(set(groups[labels == wanted].tolist())) for wanted in (True, False))
    folds = min(MAX_FOLDS, fewest)
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    bounded, unbounded = np.empty(len(labels)), np.empty(len(labels))
    for training, held_out in split.split(scores, labels, groups):
        if labels[training].all() or not labels[training].any():
            raise CalibrationError(
                f"{table.sources[0].name}: the groups leave a fold with one label only; give smaller groups"
            )
        model = fit_model(scores[training], labels[training], method)
        bounded[held_out] = model.log10_lrs(scores[held_out])
        unbounded[held_out] = model.curve.log10_lrs(scores[held_out] @ np.asarray(model.weights))
    return bounded, unbounded, folds


def cross_validated_figures(table: ScoreTable, method: Method, seed: int) -> Figures:
    """Cllr and the calibration error of the cross-validated ratios; ranking figures of the score itself.

    A rising curve does not change how a single score ranks videos; a fused score exists only with a model,
    so there the cross-validated one is ranked. Probabilities are at the data's own prior. The intervals are
    those of the videos drawn, with the fits as they are.
    """
    labels = table.labels
    ratios, unbounded, folds = cross_validated_ratios(table, method, seed)
    ranking = table.scores[:, 0] if len(table.detectors) == 1 else unbounded
    prior_odds = labels.mean() / (1 - labels.mean())
    probabilities = 1 / (1 + 10**-ratios / prior_odds)
    bins = min(MAX_BINS, len(labels) // VIDEOS_PER_BIN)

    def figure(values: Floats, measure: Callable[[Floats, Labels], float]) -> Figure:
        def statistic(drawn: npt.NDArray[np.intp]) -> float:
            return measure(values[drawn], labels[drawn])

        interval = bootstrap_interval(statistic, labels, groups=table.groups, resamples=RESAMPLES, seed=seed)
        return Figure(measure(values, labels), interval.low, interval.high)

    return Figures(
        auc=figure(ranking, auc),
        equal_error_rate=figure(ranking, equal_error_rate),
        cllr=figure(ratios, cllr),
        cllr_min=figure(ranking, cllr_min),
        expected_calibration_error=figure(
            probabilities, lambda values, known: expected_calibration_error(values, known, bins=bins)
        ),
        folds=folds,
        calibration_error_bins=bins,
        resamples=RESAMPLES,
        seed=seed,
    )
