"""`forensics analyze`: one video or still image to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from forensics.cli.analysis import analyse_as_asked, analysis_options
from forensics.cli.sections import SectionedCommand
from forensics.errors import ExitCode


@click.command("analyze", cls=SectionedCommand, short_help="Analyse one video or still image.")
@click.argument("video", type=click.Path(path_type=Path))
@analysis_options
def analyze_command(video: Path, **options: Any) -> ExitCode:
    """Analyse VIDEO (a video file or a still image) and say what was found about each person.

    \b
    Exit codes: 0 done, whatever was found; 1 unexpected fault;
    2 usage, or an output that cannot be written;
    3 VIDEO unreadable or refused; 4 no verdict possible, for example without a face;
    5 weights missing or refused; 130 interrupted.
    """
    return analyse_as_asked(video, options)
