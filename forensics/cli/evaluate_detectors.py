"""`forensics evaluate detectors`: measure detectors on labelled videos and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forensics.cli.chosen import settings_of
from forensics.cli.dataset_options import PLAIN, allow_options, chosen_dataset, dataset_options
from forensics.cli.evaluation_summary import print_evaluation
from forensics.cli.options import debug_option, face_options, model_options, sampling_options, store_options
from forensics.cli.progress import byte_bar, frame_bar
from forensics.cli.sections import SectionedCommand
from forensics.errors import UsageFault

if TYPE_CHECKING:
    from forensics.data.dataset import Dataset


@click.command("detectors", cls=SectionedCommand, short_help="Measure detectors on labelled datasets.")
@click.argument("materials", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="MATERIAL...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the evaluation."
)
@dataset_options(default=PLAIN)
@allow_options
@click.option(
    "--sweep",
    multiple=True,
    metavar="KIND[=A,B]",
    help="Repeat on treated copies: crf, double, resize, blur, noise, jpeg, fps or all, at chosen strengths "
    "or at the usual ones; repeatable.",
)
@click.option(
    "--max-unreadable",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Go on without so many items that cannot be read; they are listed.",
)
@sampling_options
@face_options
@model_options
@store_options
@debug_option
def detectors_command(
    materials: tuple[Path, ...],
    output: Path,
    sweep: tuple[str, ...],
    max_unreadable: int,
    allow_missing: bool,
    allow_leaks: bool,
    offline: bool,
    cache_dir: Path | None,
    **options: Any,
) -> None:
    """Analyse every labelled item of each MATERIAL as `forensics analyze` does and say how well it is told.

    MATERIAL is a CSV or JSON lines with the columns path, label, split, method, identity, group, or with --as
    the folder of a published dataset. A killed evaluation goes on where it stopped when the same command is
    given again.
    """
    from forensics.data.dataset import refuse_faults
    from forensics.evaluation.api import evaluate
    from forensics.evaluation.sweep import parse_sweep
    from forensics.models import fetch_weights
    from weights.store import Store

    conditions = parse_sweep(sweep)
    chosen = {name: options.pop(name) for name in ("dataset_name", "split", "compression", "splits")}
    settings = settings_of(options)
    if settings.manual_faces:
        raise UsageFault("--face points into one video; evaluate without it")
    datasets: list[tuple[str, Dataset]] = []
    for material in materials:
        dataset = chosen_dataset(material, **chosen)
        refuse_faults(dataset, allow_missing=allow_missing, allow_leaks=allow_leaks)
        datasets.append((_name(material, chosen["dataset_name"]), dataset))
    store = Store(cache_dir, offline=offline)
    with byte_bar("weights") as progress:
        fetch_weights(settings, store, progress=progress)
    with frame_bar("items") as items:
        evaluation = evaluate(
            datasets,
            output,
            settings=settings,
            store=store,
            sweep=conditions,
            max_unreadable=max_unreadable,
            progress=items,
        )
    print_evaluation(evaluation)
    click.echo(f"written to {output}")


@click.command("join", cls=SectionedCommand, short_help="Join finished evaluations of detectors.")
@click.argument("folders", nargs=-1, required=True, metavar="[NAME=]FOLDER...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the joined evaluation."
)
@debug_option
def join_command(folders: tuple[str, ...], output: Path) -> None:
    """Put finished evaluations, of other datasets or by other detectors, side by side.

    NAME is put before the names of that folder's detectors: two checkpoints of one detector are told apart
    by it.
    """
    from forensics.evaluation.api import join

    parts = []
    for given in folders:
        name, equals, folder = given.partition("=")
        # A folder may have such a sign in its name.
        parts.append((name, Path(folder)) if equals and not Path(given).exists() else ("", Path(given)))
    print_evaluation(join(parts, output))
    click.echo(f"written to {output}")


def _name(material: Path, dataset_name: str) -> str:
    """What results call a dataset: its own name, or that of the manifest or its folder."""
    if dataset_name != PLAIN:
        return dataset_name
    path = material.absolute()
    return path.parent.name if path.stem == "manifest" else path.stem
