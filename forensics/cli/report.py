"""`forensics report`: the outputs of an analysis again, from its report.json."""

from __future__ import annotations

from pathlib import Path

import click

from forensics.cli.chosen import chosen_renderings
from forensics.cli.options import debug_option


@click.command("report", short_help="Render the outputs of an analysis again.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--pdf", is_flag=True, help="Write report.pdf too (needs the extra `pdf`).")
@click.option("--parquet", is_flag=True, help="Write frames.parquet too (needs the extra `parquet`).")
@debug_option
def report_command(folder: Path, pdf: bool, parquet: bool) -> None:
    """Render everything in the output FOLDER of an analysis again, from its report.json alone.

    The evidence is not needed. A report.json that is not the one its manifest.json lists is refused with
    exit code 7.
    """
    from forensics.rendering import render_again
    from forensics.report.outputs import RENDERERS

    also = chosen_renderings(pdf=pdf, parquet=parquet)
    render_again(folder, also=also)
    click.echo(f"written to {folder}: {', '.join([*RENDERERS, *also])}")
