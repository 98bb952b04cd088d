"""The curves of an evaluation as points: ROC of each comparison, and how often a stated P(fake) is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_curve

from forensics.evaluation.comparisons import By, Comparison, Row, units
from forensics.evaluation.scores import Evaluated, Level


@dataclass(frozen=True)
class Curve:
    """The ROC of videos: the share of real and of manipulated ones that pass as the limit falls.

    Both rise from 0 to 1; points between which the curve is straight are left out.
    """

    comparison: Comparison
    detector: str
    false_positive_rates: tuple[float, ...]
    true_positive_rates: tuple[float, ...]


@dataclass(frozen=True)
class ReliabilityPoint:
    """Videos of one bin: the mean P(fake) stated of them, and the share that is manipulated."""

    stated: float
    found: float
    videos: int


@dataclass(frozen=True)
class Reliability:
    """The reliability of one detector's cross-validated probabilities, in bins of equal mass."""

    comparison: Comparison
    detector: str
    points: tuple[ReliabilityPoint, ...]


def curves_of(evaluated: Sequence[Evaluated], rows: Sequence[Row]) -> Iterator[Curve]:
    """A curve for each row of videos that has both classes and compares with all or with one kind."""
    for row in rows:
        if row.level is not Level.VIDEO or row.figures is None or row.comparison.by not in (By.ALL, By.KIND):
            continue
        held = [one for one in evaluated if row.comparison.holds(one.item)]
        scores, labels, _ = units(held, row.detector, Level.VIDEO)
        alarms, hits, _ = roc_curve(labels, scores)
        yield Curve(row.comparison, row.detector, tuple(alarms.tolist()), tuple(hits.tolist()))


def reliabilities_of(rows: Sequence[Row]) -> Iterator[Reliability]:
    """The reliability of each row that has calibrated figures, over the bins of its ECE."""
    for row in rows:
        if row.calibrated is None:
            continue
        stated = np.array(row.calibrated.probabilities)
        labels = np.array(row.calibrated.labels)
        edges = np.quantile(stated, np.linspace(0, 1, row.calibrated.bins + 1)[1:-1])
        number = np.searchsorted(edges, stated, side="right")
        points = tuple(
            ReliabilityPoint(
                float(stated[number == one].mean()),
                float(labels[number == one].mean()),
                int((number == one).sum()),
            )
            for one in np.unique(number)
        )
        yield Reliability(row.comparison, row.detector, points)
