"""`forensics schema`: the JSON Schema of report.json."""

from __future__ import annotations

import json

import click

from forensics.cli.options import debug_option


@click.command("schema", short_help="Print the JSON Schema of report.json.")
@debug_option
def schema_command() -> None:
    """Print the JSON Schema (2020-12) that every report.json of this version follows."""
    from forensics.report.schema import report_schema

    click.echo(json.dumps(report_schema(), indent=2))
