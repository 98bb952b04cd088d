"""`forensics detectors`: which detectors there are and what they need."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from forensics.cli.options import debug_option


@click.command("detectors")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@debug_option
def detectors_command(as_json: bool) -> None:
    """List the detectors: what each scores, what it is for, which weights it needs."""
    from forensics.detector import LoadOptions, detector_module, detector_names

    rows = []
    for name in detector_names():
        module = detector_module(name)
        rows.append(
            {
                "name": name,
                "scope": module.SCOPE.value,
                "summary": module.SUMMARY,
                "weights": list(module.weights_needed(LoadOptions())),
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    table = Table("name", "scores each", "what for", "weights")
    for row in rows:
        table.add_row(str(row["name"]), str(row["scope"]), str(row["summary"]), "\n".join(row["weights"]))
    Console().print(table)
