"""`forensics batch`: many videos to a folder of reports with an index, resumable."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from forensics.cli.options import (
    case_of,
    case_options,
    chosen_renderings,
    debug_option,
    face_options,
    model_options,
    sampling_options,
    settings_of,
    store_options,
    timeout_option,
)
from forensics.cli.progress import byte_bar, frame_bar
from forensics.cli.sections import SectionedCommand, together
from forensics.errors import ExitCode, ForensicsError

if TYPE_CHECKING:
    from forensics.batch.crew import Crew
    from forensics.batch.plan import Batch, Plan
    from forensics.batch.run import BatchResult
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


class BatchInterruptedError(ForensicsError):
    """The batch was asked to end."""

    exit_code = ExitCode.INTERRUPTED


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
    with _ended_by_signals():
        with byte_bar("weights") as progress:
            needed = fetch_weights(batch.settings, batch.store, progress=progress)
        for weight in needed:
            if not weight.commercial_use:
                click.echo(f"{weight.name}: {weight.licence}, not for commercial use", err=True)
        if dry:
            with frame_bar("files") as files:
                _print_plan(plan_batch(batch, progress=files))
            return ExitCode.DONE
        with BatchProgress() as shown:
            result = run_batch(batch, planned=shown.planned, watch=shown.ended)
    _print_result(result, batch)
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


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGINT and SIGTERM end the batch in order, once; what is asked again meanwhile changes nothing.

    Raises BatchInterruptedError.
    """
    asked_by = (signal.SIGINT, signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> NoReturn:
        for one in asked_by:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {one: signal.signal(one, end) for one in asked_by}
    try:
        yield
    except KeyboardInterrupt as error:
        atexit.register(_leave_at_once)
        raise BatchInterruptedError(
            "interrupted; what is finished is kept: give the same command again to go on"
        ) from error
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _leave_at_once() -> None:
    """End the process, in which nothing is left to do, without taking torch's million objects apart: on a
    busy machine that took longer than everything else."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ExitCode.INTERRUPTED)


def _print_plan(plan: Plan) -> None:
    from forensics.batch.outcome import Status
    from video.errors import printable

    for job in plan.to_do:
        click.echo(f"to do: {printable(job.name)}")
    for job, outcome in plan.finished:
        word = "done before" if outcome.status is Status.DONE else "failed before"
        click.echo(f"{word}: {printable(job.name)}")
    for one in plan.unreadable:
        click.echo(f"cannot be read: {printable(one.path)}")
    click.echo(
        f"{len(plan.given)} files; videos to analyse: {len(plan.to_do)}, finished before: "
        f"{len(plan.finished)}, not readable: {len(plan.unreadable)}"
    )


def _print_result(result: BatchResult, batch: Batch) -> None:
    from forensics.batch.folders import LEFT_OUT, PAGE, TABLE
    from forensics.batch.outcome import Status
    from forensics.data.faces import some
    from video.errors import printable

    own = {one.position for one in result.plan.given}
    for row in result.merged.rows:
        if row.position in own and row.status is Status.FAILED:
            click.echo(f"failed: {row.error}", err=True)
    if result.left_out:
        names = some([f"{printable(one.name)} ({one.reason})" for one in result.left_out])
        click.echo(f"not taken: {names}; all are in {LEFT_OUT}", err=True)
    if result.merged.missing:
        shares = some([f"{shard.number}/{shard.count}" for shard in result.merged.missing])
        click.echo(f"at work or not begun: the shares {shares}", err=True)
    click.echo(
        f"{len(result.plan.given)} files: {result.done} done, {result.failed} failed; "
        f"videos analysed now: {result.analysed}, before: {len(result.plan.finished)}"
    )
    click.echo(f"written to {batch.out}: {PAGE}, {TABLE}")
