"""The plots of a robustness sweep: AUC and mean change of the score over the strength of a treatment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from forensics.evaluation.charts import Chart, across, line_of, upwards
from forensics.evaluation.robustness import SweepRow

_AUC_VALUES = (0.0, 0.25, 0.5, 0.75, 1.0)
_STEPS = 5
_SHORTEST_AXIS = 0.1
_MEASURES: tuple[tuple[str, Callable[[SweepRow], float | None]], ...] = (
    ("AUC", lambda row: None if row.auc is None else row.auc.value),
    ("mean change of fakes", lambda row: row.manipulated_change),
    ("mean change of real ones", lambda row: row.real_change),
)


def sweep_charts(rows: Sequence[SweepRow], styles: Mapping[str, int]) -> Iterator[Chart]:
    """Three plots for each treatment of each dataset, less those without a value; strengths at even steps."""
    for dataset in dict.fromkeys(row.dataset for row in rows):
        own = [row for row in rows if row.dataset == dataset]
        given = [row for row in own if row.condition.treatment is None]
        for treatment in dict.fromkeys(row.condition.treatment for row in own):
            treated = [row for row in own if row.condition.treatment is treatment]
            if treatment is None:
                continue
            for name, measure in _MEASURES:
                if any(measure(row) is not None for row in treated):
                    yield _chart(
                        f"{dataset}: {treatment.value}, {name}", name, measure, (*given, *treated), styles
                    )


def _chart(
    title: str,
    name: str,
    measure: Callable[[SweepRow], float | None],
    rows: Sequence[SweepRow],
    styles: Mapping[str, int],
) -> Chart:
    strengths = list(dict.fromkeys(row.condition for row in rows))
    place = {one: number / max(len(strengths) - 1, 1) for number, one in enumerate(strengths)}
    labels = ["given" if one.treatment is None else f"{one.strength:g}" for one in strengths]
    values = [value for row in rows if (value := measure(row)) is not None]
    axis = _AUC_VALUES if name == "AUC" else round_values(min(values), max(values))
    low, high = axis[0], axis[-1]
    lines = tuple(
        line_of(
            detector,
            styles,
            (
                (place[row.condition], (value - low) / (high - low))
                for row in rows
                if row.detector == detector and (value := measure(row)) is not None
            ),
            dots=True,
        )
        for detector in dict.fromkeys(row.detector for row in rows)
    )
    x_ticks = across(list(zip(place.values(), labels, strict=True)))
    y_ticks = upwards([((value - low) / (high - low), f"{value:g}") for value in axis])
    return Chart(title, "strength", name, x_ticks, y_ticks, lines)


def round_values(low: float, high: float) -> tuple[float, ...]:
    """Round values at even steps, from one at or below `low` and 0 to one at or above `high` and 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    # Where nothing changes there is an axis all the same.
    high = low + _SHORTEST_AXIS if low == high else high
    raw = (high - low) / _STEPS
    power = 10.0 ** np.floor(np.log10(raw))
    # 1e-9: a quotient that only rounding puts above its step.
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    ticks = np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step
    return tuple(float(value) + 0.0 for value in ticks.round(6))
