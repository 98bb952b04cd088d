"""How far a batch is, on standard error: a live table on a terminal, a line for each video elsewhere."""

from __future__ import annotations

import time
from datetime import timedelta
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from forensics.batch.outcome import Outcome, Status
from forensics.batch.plan import Plan
from forensics.batch.work import Job
from video.errors import printable

_REDRAWN_PER_SECOND = 2


class BatchProgress:
    """Told what is planned and what became of each video; a context manager that ends the live table."""

    def __init__(self) -> None:
        # What the table shows; rich asks for it as soon as there is a Live.
        self._to_do = self._done = self._failed = 0
        self._last = ""
        self._started = time.monotonic()
        console = Console(stderr=True)
        self._live = (
            Live(
                get_renderable=self._table,
                console=console,
                transient=True,
                refresh_per_second=_REDRAWN_PER_SECOND,
            )
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def planned(self, plan: Plan) -> None:
        self._to_do = len(plan.to_do)
        self._started = time.monotonic()
        if self._live is None:
            click.echo(f"{len(plan.to_do)} to analyse, {len(plan.finished)} finished before", err=True)

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Count it, and say so where there is no table."""
        done = outcome.status is Status.DONE
        self._done += done
        self._failed += not done
        name = printable(job.name)
        self._last = f"{name}: {outcome.finding} ({outcome.seconds:.1f} s)" if done else f"{outcome.error}"
        if self._live is None:
            click.echo(f"{self._done + self._failed}/{self._to_do} {self._last}", err=True)

    def _table(self) -> Table:
        ended, seconds = self._done + self._failed, time.monotonic() - self._started
        left = self._to_do - ended
        rate = f"{ended / seconds * 3600:.0f} an hour" if ended else "-"
        remaining = str(timedelta(seconds=round(seconds / ended * left))) if ended else "-"
        table = Table("done", "failed", "to do", "rate", "remaining", "last")
        table.add_row(
            str(self._done), str(self._failed), str(left), rate, remaining, Text(self._last, overflow="fold")
        )
        return table
