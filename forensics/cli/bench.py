"""`forensics bench`: how fast an analysis is on this machine."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from forensics.cli.options import (
    debug_option,
    face_options,
    model_options,
    sampling_options,
    settings_of,
    store_options,
)
from forensics.cli.progress import byte_bar
from forensics.cli.sections import SectionedCommand
from forensics.errors import UsageFault

if TYPE_CHECKING:
    from forensics.bench.clip import ClipPlan
    from forensics.bench.result import BenchResult
    from forensics.settings import AnalysisSettings
    from weights.store import Store


@click.command("bench", cls=SectionedCommand, short_help="Time an analysis and its stages.")
@click.argument("clip", required=False, type=click.Path(path_type=Path))
@click.option(
    "--seconds", type=click.IntRange(min=1), default=60, show_default=True, help="Of the made clip."
)
@click.option(
    "--size", default="1920x1080", show_default=True, metavar="WxH", help="Pixels of the made clip."
)
@click.option("--faces", type=click.IntRange(min=0), default=1, show_default=True, help="In the made clip.")
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True, help="Of each timing.")
@click.option("--no-loop", is_flag=True, help="Leave the plain loop out.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Write everything as JSON to this file; - is standard output, instead of the table.",
)
@sampling_options
@face_options
@model_options
@store_options
@debug_option
def bench_command(
    clip: Path | None,
    seconds: int,
    size: str,
    faces: int,
    repeats: int,
    no_loop: bool,
    json_file: Path | None,
    offline: bool,
    cache_dir: Path | None,
    **options: Any,
) -> None:
    """Time the analysis of CLIP, or of a clip made for it: each stage alone, the whole, and a plain loop.

    The plain loop does the same frame by frame, one picture at a time and with every prompt in full length,
    in the shape of published code. All take turns and the medians count.
    """
    from weights.store import Store

    settings = settings_of(options)
    plan = _plan(size, seconds, faces)
    store = Store(cache_dir, offline=offline)
    with TemporaryDirectory() as folder:
        path = _made(Path(folder), plan) if clip is None else clip
        result = _bench(path, settings, store, made=clip is None, repeats=repeats, plain_loop=not no_loop)
    if json_file is not None and str(json_file) != "-":
        json_file.write_text(result.to_json(), encoding="utf-8")
    if str(json_file) == "-":
        click.echo(result.to_json(), nl=False)
    else:
        from forensics.cli.bench_table import print_bench

        print_bench(result)


def _plan(size: str, seconds: int, faces: int) -> ClipPlan:
    from forensics.bench.clip import ClipPlan

    try:
        width, height = (int(side) for side in size.split("x"))
        return ClipPlan(width, height, seconds, faces)
    except ValueError as error:
        raise UsageFault(f"--size {size}: give width and height such as 1280x720 ({error})") from error


def _made(folder: Path, plan: ClipPlan) -> Path:
    from forensics.bench.clip import make_clip

    click.echo(f"making a clip of {plan.width}x{plan.height} and {plan.seconds} s ...", err=True)
    path = folder / "bench.mp4"
    make_clip(path, plan)
    return path


def _bench(
    clip: Path, settings: AnalysisSettings, store: Store, *, made: bool, repeats: int, plain_loop: bool
) -> BenchResult:
    from forensics.bench.run import run_bench
    from forensics.models import fetch_weights, load_models
    from video.probe import probe

    # A typing mistake should not cost a download.
    probe(clip)
    with byte_bar("weights") as progress:
        fetch_weights(settings, store, progress=progress)
    return run_bench(
        clip,
        settings,
        lambda chosen: load_models(chosen, store),
        repeats=repeats,
        made=made,
        plain_loop=plain_loop,
        announce=lambda what: click.echo(f"{what} ...", err=True),
    )
