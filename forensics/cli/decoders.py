"""`forensics decoders`: what each video backend can and cannot do."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from forensics.cli.options import debug_option


@click.command("decoders", short_help="Compare the video backends.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@debug_option
def decoders_command(as_json: bool) -> None:
    """Compare the video backends, kind of file by kind of file.

    The tests hold every backend to this table both ways. At "yes", times equal those of an independent
    decode, and pictures differ from its pictures by at most 4 of 255 levels in the mean, though single
    samples at edges of colours differ by more than half of the scale; anything else is refused. Scores
    of two backends differ accordingly.
    """
    from video.backends import BACKENDS, capability_rows

    rows = capability_rows()
    if as_json:
        plain = [{"kind": row.kind, **dict(zip(BACKENDS, row.answers, strict=True))} for row in rows]
        click.echo(json.dumps(plain, indent=1))
        return
    table = Table("kind of file", *BACKENDS)
    for row in rows:
        table.add_row(row.kind, *row.answers)
    Console().print(table)
