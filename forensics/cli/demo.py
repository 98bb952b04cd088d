"""`forensics demo`: the main job on a clip the tool makes itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from forensics.cli.options import debug_option, store_options
from forensics.errors import ExitCode

if TYPE_CHECKING:
    from forensics.report.model import Report


@click.command("demo", short_help="Analyse a clip that the tool makes itself.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("forensics-demo"),
    show_default=True,
    help="Folder for the clip and the report.",
)
@click.option(
    "--overwrite", is_flag=True, help="Write into a folder that is not empty; replaces only same names."
)
@store_options
@debug_option
def demo_command(output: Path, overwrite: bool, offline: bool, cache_dir: Path | None) -> ExitCode:
    """Make a ten-second clip with a blended face in a marked part, and analyse it."""
    import torch

    from face.detect import load_detector
    from forensics.cli.analysis import exit_code_of_verdict, run_analysis
    from forensics.custody import output_folder
    from forensics.demo import MARKED_SECONDS, make_demo_clip
    from forensics.settings import AnalysisSettings
    from weights.store import Store

    with output_folder(output, overwrite=overwrite) as folder:
        click.echo("making the demo clip ...", err=True)
        make_demo_clip(folder / "demo.mp4", load_detector(device=torch.device("cpu")))
    clip = output / "demo.mp4"
    first, last = MARKED_SECONDS
    click.echo(f"{clip}: a moving portrait; from {first:.0f} s to {last:.0f} s its face is a blended one")
    report = run_analysis(clip, output, AnalysisSettings(), Store(cache_dir, offline=offline), overwrite=True)
    _print_parts(report)
    return exit_code_of_verdict(report)


def _print_parts(report: Report) -> None:
    """Mean score inside and outside the marked part."""
    import numpy as np

    from forensics.demo import MARKED_SECONDS

    first, last = MARKED_SECONDS
    inside: list[float] = []
    outside: list[float] = []
    for row in report.faces:
        part = inside if first <= row.pts_seconds < last else outside
        part.extend(score.score for score in row.scores if score.score is not None)
    for name, scores in (("inside", inside), ("outside", outside)):
        if scores:
            mean = float(np.mean(scores))
            click.echo(f"mean score {name} the blended part: {mean:+z.2f} ({len(scores)} frames)")
