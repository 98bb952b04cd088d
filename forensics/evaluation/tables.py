"""Tables in the literature's layout: detectors down, datasets and manipulations across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forensics.calibration.facts import Figure
from forensics.evaluation.comparisons import By, Comparison, Row
from forensics.evaluation.scores import Level


@dataclass(frozen=True)
class AucTable:
    """The AUC of `rows`' detectors in each of the comparisons `columns`, `None` where there is none.

    `means` are those over the columns, given only where every column has a figure of that detector.
    """

    title: str
    columns: tuple[Comparison, ...]
    rows: tuple[tuple[str, tuple[Figure | None, ...]], ...]
    means: tuple[float | None, ...]


def auc_tables(rows: Sequence[Row], level: Level) -> tuple[AucTable, ...]:
    """One table across datasets, where there are several, and one across the manipulations of each."""
    own = [row for row in rows if row.level is level]
    datasets = list(dict.fromkeys(row.comparison.dataset for row in own))
    tables = []
    if len(datasets) > 1:
        tables.append(_table("across datasets", [row for row in own if row.comparison.by is By.ALL]))
    tables += [_table(name, [row for row in own if row.comparison.dataset == name]) for name in datasets]
    return tuple(tables)


def _table(title: str, rows: Sequence[Row]) -> AucTable:
    columns = tuple(dict.fromkeys(row.comparison for row in rows))
    detectors = list(dict.fromkeys(row.detector for row in rows))
    found = {(row.detector, row.comparison): None if row.figures is None else row.figures.auc for row in rows}
    cells = [tuple(found.get((detector, column)) for column in columns) for detector in detectors]
    return AucTable(
        title, columns, tuple(zip(detectors, cells, strict=True)), tuple(_mean(row) for row in cells)
    )


def _mean(figures: Sequence[Figure | None]) -> float | None:
    known = [figure.value for figure in figures if figure is not None]
    return sum(known) / len(known) if len(known) == len(figures) else None
