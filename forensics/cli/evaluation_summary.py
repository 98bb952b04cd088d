"""What `forensics evaluate detectors` and `evaluate join` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

if TYPE_CHECKING:
    from forensics.evaluation.comparisons import Row
    from forensics.evaluation.result import Evaluation

# So many names are shown of what could not be analysed; unscored.csv has all.
_NAMES_SHOWN = 5
_FIGURES = ("real+fake", "AUC [95 %]", "EER", "TPR 1%", "Cllr")


def print_evaluation(evaluation: Evaluation) -> None:
    """The video-level figures as a table, and what has no score."""
    from forensics.evaluation.scores import Level

    for dataset in evaluation.datasets:
        names = (
            Column(escape(f"{dataset.name}: real against"), overflow="fold"),
            Column("detector", overflow="fold"),
        )
        table = Table(*names, *(Column(title, no_wrap=True) for title in _FIGURES))
        for row in evaluation.rows:
            if row.level is Level.VIDEO and row.comparison.dataset == dataset.name:
                table.add_row(
                    escape(row.comparison.against),
                    escape(row.detector),
                    f"{row.real}+{row.manipulated}",
                    *_cells(row),
                )
        Console().print(table)
    for detector in evaluation.detectors:
        reasons = [one.reason for one in evaluation.unscored if one.detector == detector.name]
        counts = ", ".join(f"{reasons.count(reason)} {reason}" for reason in sorted(set(reasons)))
        click.echo(f"{detector.name}: without a score: {counts or 'none'}")
    for one in evaluation.unreadable[:_NAMES_SHOWN]:
        click.echo(f"cannot be read: {one.fault}", err=True)
    if len(evaluation.unreadable) > _NAMES_SHOWN:
        click.echo(f"cannot be read: {len(evaluation.unreadable)} in all", err=True)


def _cells(row: Row) -> tuple[str, ...]:
    if row.figures is None:
        return ("one class only",)
    auc, error, hits = (
        row.figures.auc,
        row.figures.equal_error_rate.value,
        row.figures.true_positive_rate.value,
    )
    cllr = "-" if row.calibrated is None else f"{row.calibrated.cllr.value:.2f}"
    return (f"{auc.value:.3f} [{auc.low:.2f}, {auc.high:.2f}]", f"{error:.3f}", f"{hits:.2f}", cllr)
