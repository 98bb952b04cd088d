"""`forensics compare`: an analysis whose faces are compared with photos of the person they are said to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from forensics.cli.analysis import analyse_as_asked, analysis_options
from forensics.cli.sections import SectionedCommand
from forensics.errors import ExitCode, UsageFault


@click.command("compare", cls=SectionedCommand, short_help="Analyse one video and compare its faces.")
@click.argument("video", type=click.Path(path_type=Path))
@click.option(
    "--reference",
    "references",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PHOTO",
    help="A photo of the person, with one clear face; repeatable, several tell more than one.",
)
@analysis_options
def compare_command(video: Path, references: tuple[Path, ...], **options: Any) -> ExitCode:
    """Analyse VIDEO as `analyze` does, and say of each person whether the face is consistent with the
    reference person of the photos.

    Consistent faces identify nobody: see what the report says beside the finding.

    \b
    Exit codes: 0 done, whatever was found; 1 unexpected fault;
    2 usage, or an output that cannot be written;
    3 VIDEO or a PHOTO unreadable or refused; 4 no verdict possible, for example without a face;
    5 weights missing or refused; 130 interrupted.
    """
    if not references:
        raise UsageFault("there is nobody to compare with; name photos of the person with --reference")
    return analyse_as_asked(video, options, references=references)
