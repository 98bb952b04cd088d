"""`forensics detectors`: the detectors, identity encoders and face detectors, and what they need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from forensics.cli.options import debug_option
from forensics.errors import UsageFault

if TYPE_CHECKING:
    from face.types import CropSpec

NOT_MEASURED = "not measured here"

Rows = list[dict[str, Any]]


@click.command("detectors", short_help="List detectors and what they need.")
@click.option("--embedders", is_flag=True, help="List the identity encoders instead; excludes --faces.")
@click.option("--faces", is_flag=True, help="List the face detectors instead; excludes --embedders.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@debug_option
def detectors_command(embedders: bool, faces: bool, as_json: bool) -> None:
    """List the detectors: what each scores, what it is for, which weights it needs.

    Measured figures are this project's own, made by `forensics evaluate`.
    """
    if embedders and faces:
        raise UsageFault("--embedders and --faces exclude each other; choose one")
    rows, tables = _embedders() if embedders else _face_detectors() if faces else _detectors()
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False))
        return
    for table in tables:
        Console().print(table)


def _detectors() -> tuple[Rows, list[Table]]:
    from forensics.detector import LoadOptions, detector_module, detector_names

    rows = []
    table = Table("name", "scores each", "what for", "weights")
    for name in detector_names():
        module = detector_module(name)
        needed = list(module.weights_needed(LoadOptions()))
        rows.append({"name": name, "scope": module.SCOPE.value, "summary": module.SUMMARY, "weights": needed})
        table.add_row(name, module.SCOPE.value, module.SUMMARY, "\n".join(needed))
    return rows, [table]


def _embedders() -> tuple[Rows, list[Table]]:
    from face.embed import embedder_facts, embedder_names, weights_needed
    from forensics.report.json import to_plain

    rows = []
    listed = Table("identity encoder", "gives", "takes", "licence", "one person from", show_lines=True)
    measured = Table(
        "identity encoder",
        "measured on (pairs of one person + of two)",
        "AUC",
        "EER",
        "FMR",
        "FNMR",
        show_lines=True,
    )
    for name in embedder_names():
        facts, weights = embedder_facts(name), weights_needed(name)
        licence = _licences(weights)
        rows.append({**to_plain(facts), "weights": list(weights), "licence": licence})
        point = f"cosine {facts.same_person_similarity:g}, {'measured' if facts.measured else 'assumed'}"
        listed.add_row(name, f"{facts.dimension}-d", _input(facts.spec), licence, point)
        for each in facts.measurements:
            rates = (each.equal_error_rate, each.false_match_rate, each.false_non_match_rate)
            measured.add_row(name, each.pairs, f"{each.auc:.4f}", *(f"{rate:.4f}" for rate in rates))
        if not facts.measurements:
            measured.add_row(name, NOT_MEASURED)
    return rows, [listed, measured]


def _face_detectors() -> tuple[Rows, list[Table]]:
    from face.detect import detector_facts, detector_names
    from forensics.report.json import to_plain

    rows = []
    listed = Table("face detector", "what it is", "weights", "licence", show_lines=True)
    measured = Table("face detector", "measured on", "recall", "extra boxes", "ms", show_lines=True)
    for name in detector_names():
        facts = detector_facts(name)
        licence = facts.licence or _licences(facts.weights)
        rows.append({**to_plain(facts), "licence": licence})
        where = f"in {facts.shipped_in}" if facts.shipped_in else ", ".join(facts.weights)
        listed.add_row(name, facts.summary, where, licence)
        for each in facts.measurements:
            figures = (f"{each.recall:.3f}", f"{each.extra_boxes:.3f}", f"{each.milliseconds:.1f}")
            measured.add_row(name, f"{each.material}; {each.machine}", *figures)
        if not facts.measurements:
            measured.add_row(name, NOT_MEASURED)
    return rows, [listed, measured]


def _licences(weights: Sequence[str]) -> str:
    from weights import registry

    return "; ".join(registry.get(name).licence for name in weights)


def _input(spec: CropSpec) -> str:
    from face.types import Alignment

    if spec.alignment is Alignment.NONE:
        return f"{spec.size} px, {spec.margin_ratio:g} x the box"
    return f"{spec.size} px, aligned ({spec.alignment.value})"
