"""`forensics batch`: many videos to a folder of reports with an index, resumable."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forensics.cli.batch_signals import ended_by_signals
from forensics.cli.batch_summary import print_plan, print_result
from forensics.cli.chosen import case_of, chosen_renderings, settings_of
from forensics.cli.options import (
    case_options,
    debug_option,
    face_options,
    model_options,
    sampling_options,
    store_options,
    timeout_option,
)
from forensics.cli.progress import byte_bar, frame_bar
from forensics.cli.sections import SectionedCommand, together
from forensics.errors import ExitCode

if TYPE_CHECKING:
    from forensics.batch.crew import Crew
    from forensics.batch.plan import Batch
    from forensics.batch.work import Order

_batch_options = together(
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        required=True,
        help="Folder of the batch; given again, what is finished in it is not done again.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="So many processes, each with its own models; they share the processor's threads.",
    ),
    click.option(
        "--ray",
        metavar="ADDRESS",
        help="Analyse on all machines of a Ray cluster: at HOST:PORT, `auto` for that of this machine, "
        "`local` for this machine alone. --jobs then counts on each (needs the extra `ray`).",
    ),
    click.option(
        "--shard",
        metavar="I/N",
        help="Only share I of N, counted from 1; all shares may write into one folder [default: everything].",
    ),
    click.option(
        "--retries",
        type=click.IntRange(min=0),
        default=2,
        show_default=True,
        help="Try so often again what crashed, ran out of memory or could not be read from its disk.",
    ),
    click.option("--retry-failed", is_flag=True, help="Try again what was refused before, too."),
    click.option("--dry-run", is_flag=True, help="Only list what would be done."),
    click.option(
        "--calibration",
        type=click.Path(path_type=Path),
        help="A calibration file of `forensics calibrate`: adds likelihood ratios.",
    ),
    click.option("--annotate", is_flag=True, help="Write each annotated.mp4 too: boxes, names and scores."),
    click.option("--pdf", is_flag=True, help="Write each report.pdf too (needs the extra `pdf`)."),
    click.option(
        "--parquet",
        is_flag=True,
        help="Write index.parquet and each frames.parquet too (needs the extra `parquet`).",
    ),
    click.option("--save-faces", is_flag=True, help="Write each report's pictures of faces to faces/ too."),
    sampling_options,
    timeout_option,
    face_options,
    model_options,
    case_options,
    store_options,
    debug_option,
)


@click.command("batch", cls=SectionedCommand, short_help="Analyse many videos, resumably.")
@click.argument("source", type=click.Path(path_type=Path))
@_batch_options
def batch_command(source: Path, **options: Any) -> ExitCode:
    """Analyse every video in SOURCE as `forensics analyze` does: a folder, searched with all below it, or a
    CSV or JSON lines with the column path.

    The output holds a folder for each video, named by its sha256, and index.html, index.csv and
    index.sqlite. A batch that was interrupted or killed goes on when the same command is given again; with
    other settings, weights or versions everything is analysed anew, beside the first.

    \b
    Exit codes: 0 all done, whatever was found; 2 usage, or an output that cannot
    be written; 3 SOURCE holds no video;
    5 weights missing or refused; 8 some failed; 130 interrupted, what is finished is kept.
    """
    from forensics.batch.plan import list_checked, plan_batch
    from forensics.batch.run import run_batch
    from forensics.calibration.file import load_calibration
    from forensics.cli.batch_progress import BatchProgress
    from forensics.models import fetch_weights

    dry = options.pop("dry_run")
    batch = _asked(source, options)
    # A typing mistake should not cost a download.
    list_checked(batch)
    if batch.calibration is not None:
        load_calibration(batch.calibration)
    with ended_by_signals():
        with byte_bar("weights") as progress:
            needed = fetch_weights(batch.settings, batch.store, progress=progress)
        for weight in needed:
            if not weight.commercial_use:
                click.echo(f"{weight.name}: {weight.licence}, not for commercial use", err=True)
        if dry:
            with frame_bar("files") as files:
                print_plan(plan_batch(batch, progress=files))
            return ExitCode.DONE
        with BatchProgress() as shown:
            result = run_batch(batch, planned=shown.planned, watch=shown.ended)
    print_result(result, batch)
    return ExitCode.BATCH_FAILURES if result.failed else ExitCode.DONE


def _asked(source: Path, options: dict[str, Any]) -> Batch:
    from forensics.batch.plan import Batch
    from forensics.batch.shard import WHOLE, Shard
    from forensics.report.extras import Extras
    from video.worker_process import Patience
    from weights.store import Store

    return Batch(
        source=source,
        out=options["output"],
        case=case_of(options),
        settings=settings_of(options),
        store=Store(options["cache_dir"], offline=options["offline"]),
        calibration=options["calibration"],
        extras=Extras(
            annotate=options["annotate"],
            save_faces=options["save_faces"],
            renderings=chosen_renderings(pdf=options["pdf"], parquet=options["parquet"]),
        ),
        jobs=options["jobs"],
        shard=WHOLE if options["shard"] is None else Shard.parse(options["shard"]),
        retries=options["retries"],
        retry_failed=options["retry_failed"],
        patience=Patience(file_seconds=options["timeout"]),
        crew=_crew(options["ray"]),
    )


def _crew(address: str | None) -> Callable[[Order], Crew]:
    from forensics.batch.crew import Processes

    if address is None:
        return Processes
    from forensics.batch.ray_cluster import check_ray
    from forensics.batch.ray_crew import RayCrew

    check_ray(address)
    return partial(RayCrew, address=address)
