"""ROC, DET and reliability plots: one of each per comparison, a line per detector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeVar

import numpy as np
from scipy.stats import norm

from forensics.evaluation.charts import DIAGONAL, Chart, across, line_of, upwards
from forensics.evaluation.curves import Curve, Reliability

Drawn = TypeVar("Drawn", Curve, Reliability)
_EVEN = [(value, f"{value:g}") for value in (0.0, 0.25, 0.5, 0.75, 1.0)]
# Error rates of the axes of a DET plot, those of a normal deviate; what lies outside is drawn at their ends.
_DET_RATES = (0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)


def roc_charts(curves: Sequence[Curve], styles: Mapping[str, int]) -> Iterator[Chart]:
    """The share of manipulated videos found over that of real ones called fake."""
    for title, group in _by_comparison(curves):
        lines = {
            one.detector: zip(one.false_positive_rates, one.true_positive_rates, strict=True) for one in group
        }
        names = ("false positive rate", "true positive rate")
        yield _even(f"ROC, {title}", names, lines, styles, dots=False)


def det_charts(curves: Sequence[Curve], styles: Mapping[str, int]) -> Iterator[Chart]:
    """Both errors on the axes of Martin et al. (Eurospeech 1997), where normal scores give straight lines."""
    ticks = [(_deviate(rate), f"{rate:g}") for rate in _DET_RATES]
    for title, group in _by_comparison(curves):
        lines = tuple(
            line_of(
                one.detector,
                styles,
                (
                    (_deviate(alarms), _deviate(1 - hits))
                    for alarms, hits in zip(one.false_positive_rates, one.true_positive_rates, strict=True)
                ),
                dots=False,
            )
            for one in group
        )
        names = ("false positive rate", "false negative rate")
        yield Chart(f"DET, {title}", *names, across(ticks), upwards(ticks), lines, DIAGONAL)


def reliability_charts(found: Sequence[Reliability], styles: Mapping[str, int]) -> Iterator[Chart]:
    """The share of manipulated videos over what was stated: on the diagonal, the two are the same."""
    for title, group in _by_comparison(found):
        lines = {one.detector: [(point.stated, point.found) for point in one.points] for one in group}
        names = ("stated P(fake), cross-validated", "share that is fake")
        yield _even(f"Reliability, {title}", names, lines, styles, dots=True)


def _deviate(rate: float) -> float:
    """The place of an error rate on an axis of a DET plot, as a share of its length."""
    low, high = norm.ppf(_DET_RATES[0]), norm.ppf(_DET_RATES[-1])
    return float((np.clip(norm.ppf(rate), low, high) - low) / (high - low))


def _even(
    title: str,
    names: tuple[str, str],
    lines: Mapping[str, Iterable[tuple[float, float]]],
    styles: Mapping[str, int],
    *,
    dots: bool,
) -> Chart:
    """Both axes from 0 to 1, the diagonal as guide."""
    drawn = tuple(line_of(name, styles, points, dots=dots) for name, points in lines.items())
    return Chart(title, *names, across(_EVEN), upwards(_EVEN), drawn, DIAGONAL)


def _by_comparison(found: Sequence[Drawn]) -> Iterator[tuple[str, list[Drawn]]]:
    """What belongs into one plot, with its title; those of one comparison follow one another."""
    for comparison, group in groupby(found, key=lambda one: one.comparison):
        yield f"{comparison.dataset}: {comparison.title}", list(group)
