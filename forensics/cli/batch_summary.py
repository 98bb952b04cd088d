"""What a batch would do and what it did, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from forensics.batch.plan import Batch, Plan
    from forensics.batch.run import BatchResult


def print_plan(plan: Plan) -> None:
    """Every job of a dry run, then how many there are."""
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


def print_result(result: BatchResult, batch: Batch) -> None:
    """What failed, what was left out, and what was done."""
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
