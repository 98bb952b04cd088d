"""`forensics bench`: how fast an analysis is on this machine."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from forensics.cli.chosen import settings_of
from forensics.cli.options import debug_option, face_options, model_options, sampling_options, store_options
from forensics.cli.progress import byte_bar
from forensics.cli.sections import SectionedCommand
from forensics.errors import OutputError, UsageFault

if TYPE_CHECKING:
    from forensics.bench.clip import ClipPlan
    from forensics.bench.run import LoadModels
    from forensics.models import Models
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
@click.option(
    "--random-weights",
    metavar="BACKBONE",
    help="RepDFD of the published shape on vit-b32, vit-b16, vit-l14 or vit-l14-336, with random weights.",
)
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
    random_weights: str | None,
    no_loop: bool,
    json_file: Path | None,
    offline: bool,
    cache_dir: Path | None,
    **options: Any,
) -> None:
    """Time the analysis of CLIP, or of a clip made for it: each stage alone, the whole, and a plain loop.

    The plain loop scores the same faces frame by frame, in the shape of published code: one picture a call,
    every prompt in full length, each network run by the package that it comes from, and no report. All take
    turns and the medians count.
    """
    from forensics.bench.run import run_bench
    from forensics.bench.shipped import as_shipped
    from forensics.models import fetch_weights
    from forensics.whole_file import whole_file
    from weights.store import Store

    settings = settings_of(options)
    place = None if str(json_file) == "-" else json_file
    if place is not None:
        _check_place(place, clip)
    plan = _plan(size, seconds, faces)
    store = Store(cache_dir, offline=offline)
    load = _loader(store, random_weights)
    # A typing mistake should cost neither a download nor the making of a clip.
    given = None if clip is None else _there(clip)
    with byte_bar("weights") as progress:
        fetch_weights(settings, store, progress=progress)
    with TemporaryDirectory() as folder:
        path = given or _made(Path(folder), plan)
        result = run_bench(
            path,
            settings,
            load,
            load_shipped=None if no_loop else lambda chosen: as_shipped(load(chosen), chosen, store),
            repeats=repeats,
            made=clip is None,
            announce=lambda what: click.echo(f"{what} ...", err=True),
        )
    if place is not None:
        with whole_file(place) as partial:
            partial.write_text(result.to_json(), encoding="utf-8")
    if str(json_file) == "-":
        click.echo(result.to_json(), nl=False)
    else:
        from forensics.cli.bench_table import print_bench

        print_bench(result)


def _check_place(place: Path, clip: Path | None) -> None:
    """Look before minutes are spent. Raises UsageFault for the clip itself, OutputError for no folder."""
    from video.errors import printable

    if clip is not None and clip.exists() and place.exists() and place.samefile(clip):
        raise UsageFault(f"--json {printable(place)}: is the clip itself; name another file")
    if place.is_dir() or not place.parent.is_dir():
        cause = "is a folder" if place.is_dir() else "lies in a folder that is not there"
        raise OutputError(f"--json {printable(place)}: {cause}; name a file that can be written")


def _plan(size: str, seconds: int, faces: int) -> ClipPlan:
    from forensics.bench.clip import ClipPlan

    sides = size.split("x")
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        raise UsageFault(f"--size {size}: give width and height such as 1280x720")
    try:
        return ClipPlan(int(sides[0]), int(sides[1]), seconds, faces)
    except ValueError as error:
        raise UsageFault(f"--size {size}: {error}; give one such as 1280x720") from error


def _made(folder: Path, plan: ClipPlan) -> Path:
    from forensics.bench.clip import make_clip

    click.echo(f"making a clip of {plan.width}x{plan.height} and {plan.seconds} s ...", err=True)
    path = folder / "bench.mp4"
    make_clip(path, plan)
    return path


def _there(clip: Path) -> Path:
    """The clip, if it can be read at all."""
    from video.probe import probe

    probe(clip)
    return clip


def _loader(store: Store, random_weights: str | None) -> LoadModels:
    """Loads models whose weights are here. Raises UsageFault for a backbone that is not known."""
    from forensics.backbones import BACKBONES
    from forensics.bench.random_model import with_random_repdfd
    from forensics.models import load_models

    if random_weights is not None and random_weights not in BACKBONES:
        raise UsageFault(f"--random-weights {random_weights}: choose from {', '.join(BACKBONES)}")

    def load(settings: AnalysisSettings) -> Models:
        models = load_models(settings, store)
        return models if random_weights is None else with_random_repdfd(models, random_weights, settings)

    return load
