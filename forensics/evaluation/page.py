"""Writes `evaluation.html`: one page that needs no network and runs nothing."""

from __future__ import annotations

from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from forensics.evaluation.charts import SIDE
from forensics.evaluation.curve_charts import det_charts, reliability_charts, roc_charts
from forensics.evaluation.result import Evaluation
from forensics.evaluation.scores import Level
from forensics.evaluation.sweep_charts import sweep_charts
from forensics.evaluation.tables import auc_tables
from forensics.report.html import LINE_STYLES
from forensics.report.json import to_plain
from forensics.report.policy import content_policy


def render_page(evaluation: Evaluation) -> str:
    """The page. Everything that comes from datasets or the user is escaped by the template."""
    style = _text("forensics.report", "report.css") + _text("forensics.evaluation", "evaluation.css")
    styles = {detector.name: number % LINE_STYLES for number, detector in enumerate(evaluation.detectors)}
    page = _environment().from_string(_text("forensics.evaluation", "evaluation.html.j2"))
    return page.render(
        evaluation=evaluation,
        settings=to_plain(evaluation.settings),
        tables=auc_tables(evaluation.rows, Level.VIDEO),
        charts=(
            *roc_charts(evaluation.curves, styles),
            *det_charts(evaluation.curves, styles),
            *reliability_charts(evaluation.reliability, styles),
        ),
        sweep_charts=tuple(sweep_charts(evaluation.sweep, styles)),
        treatments=tuple(
            dict.fromkeys(row.condition.treatment for row in evaluation.sweep if row.condition.treatment)
        ),
        side=SIDE,
        styles=styles,
        style=Markup(style),
        policy=content_policy(style),
    )


def _text(package: str, name: str) -> str:
    return resources.files(package).joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = lambda value: "-" if value is None else f"{value:.3f}"
    environment.filters["share"] = lambda value: f"{value:.2f}"
    environment.filters["signed"] = lambda value: "-" if value is None else f"{value:+.2f}"
    return environment
