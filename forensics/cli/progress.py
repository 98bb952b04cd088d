"""Progress bars, on standard error so that standard output stays clean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

if TYPE_CHECKING:
    from forensics.progress import Progress as FrameProgress
    from weights.streams import Progress as ByteProgress


@contextmanager
def frame_bar(label: str) -> Iterator[FrameProgress]:
    """A bar that counts frames."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with _bars(*columns) as bars:
        task = bars.add_task(label, total=None)

        def show(done: int, total: int | None) -> None:
            # The total is an estimate: it never stops the bar short of what is really done.
            bars.update(task, completed=done, total=None if total is None else max(done, total))

        yield show


@contextmanager
def byte_bar(label: str) -> Iterator[ByteProgress]:
    """A bar that counts the bytes of a download; it shows only once there is one."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with _bars(*columns) as bars:
        task = bars.add_task(label, total=None, visible=False)

        def show(done_bytes: int, total_bytes: int | None) -> None:
            bars.update(task, completed=done_bytes, total=total_bytes, visible=True)

        yield show


def _bars(*columns: ProgressColumn) -> Progress:
    """Bars only where someone can see them."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
