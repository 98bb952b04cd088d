"""Writes what an evaluation found: the scores as tables, the figures as JSON, and the page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from forensics.evaluation.folder import METRICS, PAGE, SCORES, UNSCORED, Finished, write_text
from forensics.evaluation.page import render_page
from forensics.evaluation.result import Evaluation
from forensics.evaluation.sweep import AS_GIVEN
from forensics.report.json import to_plain

# As `forensics calibrate` reads them.
_CALIBRATION_COLUMNS = ("video", "label", "group", "score", "detector")
_SCORE_COLUMNS = (*_CALIBRATION_COLUMNS, "kind", "dataset", "method", "compression", "attributes")


def write_evaluation(evaluation: Evaluation, finished: Finished, folder: Path) -> None:
    """Write every output into `folder`. Raises OutputError where one cannot be written."""
    text = json.dumps(to_plain(evaluation), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(folder / METRICS, text)
    write_text(folder / SCORES, _scores_csv(finished))
    write_text(folder / UNSCORED, _unscored_csv(evaluation))
    write_text(folder / PAGE, render_page(evaluation))


def _scores_csv(finished: Finished) -> str:
    """A row for each video with a score and each detector; `group` is its identity, `kind` its own label."""
    return _csv(
        _SCORE_COLUMNS,
        (
            (
                one.item.name,
                "fake" if one.item.manipulated else "real",
                one.item.identity,
                repr(scores.video),
                detector,
                one.item.label.value,
                one.item.dataset,
                one.item.method,
                one.item.compression,
                one.item.group,
            )
            for one in finished.evaluated.get(AS_GIVEN, ())
            for detector, scores in one.scores.items()
            if scores.video is not None
        ),
    )


def _unscored_csv(evaluation: Evaluation) -> str:
    """A row for each item without a score: by which detector, by none if unreadable, and why."""
    rows = [(one.item, one.detector, one.reason) for one in evaluation.unscored]
    rows += [(one.item, "", one.fault) for one in evaluation.unreadable]
    return _csv(("video", "detector", "reason"), rows)


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
