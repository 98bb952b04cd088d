"""Writes `index.html` of a batch: one page that links every report, needs no network and runs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from forensics.batch.folders import TABLE, analysis_name
from forensics.batch.index import Row
from forensics.batch.inputs import LeftOut
from forensics.batch.shard import Shard
from forensics.findings import Label
from forensics.report.html import FILE_NAME as REPORT
from forensics.report.model import CALIBRATION_NOTE
from forensics.report.policy import content_policy
from forensics.run_facts import tool_version

# The page is for people; the table beside it has them all.
_SHOWN_LEFT_OUT = 100
_CLASSES = {Label.CUES.value: "cues", Label.NO_CUE.value: "clear", Label.INCONCLUSIVE.value: "open"}


def render_page(
    rows: Sequence[Row], *, key: str, missing: Sequence[Shard] = (), left_out: Sequence[LeftOut] = ()
) -> str:
    """The page. File names and errors are escaped by the template."""
    style = _text("forensics.report", "report.css") + _text("forensics.batch", "index.css")
    return (
        _environment()
        .from_string(_text("forensics.batch", "index.html.j2"))
        .render(
            rows=rows,
            videos=len({row.sha256 for row in rows if row.sha256 is not None}),
            counts=Counter(row.finding or row.status.value for row in rows),
            classes=_CLASSES,
            link=_link,
            key=key,
            missing=missing,
            left_out=left_out[:_SHOWN_LEFT_OUT],
            more_left_out=max(0, len(left_out) - _SHOWN_LEFT_OUT),
            table=TABLE,
            tool_version=tool_version(),
            note=CALIBRATION_NOTE,
            style=Markup(style),
            policy=content_policy(style),
        )
    )


def _link(row: Row) -> str | None:
    """The report of a file, from the page; `None` where there is none."""
    if row.finding is None or row.sha256 is None or row.key is None:
        return None
    return f"{analysis_name(row.sha256, row.key)}/{REPORT}"


def _text(package: str, name: str) -> str:
    return resources.files(package).joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["signed"] = lambda value: "-" if value is None else f"{value:+z.2f}"
    environment.filters["words"] = lambda code: code.replace("_", " ")
    return environment
