"""Runs a batch: lists, hashes, hands out what is not finished, and writes the index."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from forensics.batch.crew import Crew
from forensics.batch.export import Merged, export
from forensics.batch.folders import index_path, partial_folder, prepare_output
from forensics.batch.index import Index
from forensics.batch.inputs import Inputs, LeftOut
from forensics.batch.outcome import PASSING, Fault, Outcome, Status
from forensics.batch.plan import Batch, Plan, hashed, list_checked
from forensics.batch.plan import planned as planned_work
from forensics.batch.work import Job
from forensics.errors import OutputError
from forensics.progress import Progress, no_progress
from forensics.report.parquet import FILE_NAME as FRAMES_PARQUET
from forensics.whole_file import make_folder

# Called with each video that is done or given up, and what became of it.
Watch = Callable[[Job, Outcome], None]


def watch_nothing(job: Job, outcome: Outcome) -> None:
    """The callback of those who do not look."""


@dataclass(frozen=True)
class BatchResult:
    """A batch that has come to its end.

    `merged` are the rows of all shards, `done` and `failed` count the files of this one, and `analysed` the
    videos that were tried in this run.
    """

    plan: Plan
    left_out: tuple[LeftOut, ...]
    merged: Merged
    analysed: int
    done: int
    failed: int


def run_batch(
    batch: Batch,
    *,
    planned: Callable[[Plan], None] = lambda _: None,
    watch: Watch = watch_nothing,
    progress: Progress = no_progress,
) -> BatchResult:
    """Analyse every video of the batch that is not finished, and write the index; a killed batch goes on.

    `progress` counts the files that are hashed, `planned` is told what is to be done, `watch` what became
    of each video. On an interrupt (KeyboardInterrupt) the analyses under way are dropped, what is finished
    stays and is in the exported index. Raises BatchInputError and DatasetError for an input that holds
    nothing, OutputError for a folder that cannot be written or is in use, CrewError where the models cannot
    be loaded.
    """
    inputs = list_checked(batch)
    make_folder(batch.out)
    tried = 0
    with _exporting(batch, inputs) as told, Index(index_path(batch.out, batch.shard)) as index:
        prepare_output(batch.out, batch.shard)
        with _tidied(batch), batch.crew(batch.order()) as crew:
            given = hashed(inputs, batch.shard, progress)
            plan = planned_work(batch, inputs, given, key=crew.key(), index=index)
            index.begin(plan.key, plan.given)
            told.key = plan.key
            for job, outcome in plan.finished:
                if index.outcome(job.sha256, plan.key) != outcome:
                    index.record(job.sha256, plan.key, outcome, attempts=1)
            planned(plan)
            for job, outcome, attempts in _outcomes(plan.to_do, crew, retries=batch.retries):
                index.record(job.sha256, plan.key, outcome, attempts=attempts)
                tried += 1
                watch(job, outcome)
        rows = index.rows()
    if told.merged is None:
        raise RuntimeError("a batch that ended well was exported")
    done, failed = (sum(row.status is status for row in rows) for status in (Status.DONE, Status.FAILED))
    return BatchResult(plan, inputs.left_out, told.merged, tried, done, failed)


def _outcomes(to_do: Sequence[Job], crew: Crew, *, retries: int) -> Iterator[tuple[Job, Outcome, int]]:
    """Every job with its final outcome and how often it was tried. Raises OutputError on a full disk."""
    waiting, under_way = deque(to_do), 0
    attempts = dict.fromkeys(to_do, 0)
    while waiting or under_way:
        while waiting and crew.has_room():
            crew.give(waiting.popleft())
            under_way += 1
        job, outcome = crew.take()
        under_way -= 1
        attempts[job] += 1
        if outcome.fault is Fault.OUTPUT:
            raise OutputError(
                f"{outcome.error}; what is finished is kept: make room and give the same command again"
            )
        if outcome.fault in PASSING and attempts[job] <= retries:
            waiting.append(job)
        else:
            yield job, outcome, attempts[job]


@contextmanager
def _tidied(batch: Batch) -> Iterator[None]:
    """Remove what nobody works on any more."""
    try:
        yield
    finally:
        shutil.rmtree(partial_folder(batch.out, batch.shard), ignore_errors=True)


@dataclass
class _Told:
    """What `_exporting` needs to know of the batch inside, and what it gives back."""

    key: str | None = None
    merged: Merged | None = None


@contextmanager
def _exporting(batch: Batch, inputs: Inputs) -> Iterator[_Told]:
    """Export the index when the batch inside has ended, well or not; a fault of its own counts only then."""
    told = _Told()
    parquet = FRAMES_PARQUET in batch.extras.renderings

    def write() -> None:
        if told.key is not None:
            told.merged = export(
                batch.out, batch.shard.count, told.key, left_out=inputs.left_out, parquet=parquet
            )

    try:
        yield told
    except BaseException:
        # A full disk may be what ended the batch; that is what is told.
        with suppress(OutputError):
            write()
        raise
    write()
