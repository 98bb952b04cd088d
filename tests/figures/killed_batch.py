"""Kills a batch at random moments, gives the same command again, and compares with a batch left in peace.

`python -m tests.figures.killed_batch --count N` kills N times, as chance will have it every process of the
batch or only the one that leads it; the models are stand-ins, the clips tiny. `--forked` starts processes by
forking this one: without it most kills come while torch is loaded, before there is any work to lose.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import click
from batches import SETTINGS, Behaviour, clips, finished, load_stubs

import forensics.batch.plan
from forensics.batch.crew import Processes
from forensics.batch.export import RUN_COLUMNS
from forensics.batch.plan import Batch
from forensics.batch.run import run_batch

JOBS = 2
CLIPS = 8
# One analysis: long against a process's housekeeping, so that most moments lie in the work.
SECONDS = 0.1
# So long an undisturbed batch may take before the script gives up.
PATIENCE_SECONDS = 300.0


class Forked(Processes):
    """Workers forked from a process that has computed nothing yet."""

    context = multiprocessing.get_context("fork")  # type: ignore[assignment]


@dataclass(frozen=True)
class Killed:
    """What the kills did: `lost` finished analyses that were gone or written again, `redone` those that had
    to be begun again, `differing` batches whose index or reports are not those of the undisturbed one."""

    kills: int
    batches: int
    lost: int
    redone: int
    most_redone_at_once: int
    differing: int

    @property
    def sound(self) -> bool:
        return not self.lost and not self.differing and self.most_redone_at_once <= JOBS


def measure(folder: Path, *, kills: int, seed: int = 0, forked: bool = False) -> Killed:
    """Kill `kills` times in as many batches as that takes; each is gone on with until it ends by itself."""
    draw = random.Random(seed)
    source = clips(folder / "in", CLIPS)
    started = time.monotonic()
    _undisturbed(source, folder / "calm", folder / "calm.log", forked)
    whole_seconds = time.monotonic() - started
    expected = _compared(folder / "calm")
    counts: Counter[str] = Counter()
    most = 0
    while counts["kills"] < kills:
        counts["batches"] += 1
        out, log = folder / f"out-{counts['batches']}", folder / f"log-{counts['batches']}"
        behaviour = Behaviour(str(log), seconds=SECONDS)
        ended = False
        while not ended:
            before, begun = _stamps(out), behaviour.begun()
            process = _started(source, out, behaviour, forked)
            wanted = counts["kills"] < kills
            ended = not (wanted and _killed(process, draw, draw.uniform(0, whole_seconds)))
            if ended:
                process.join(PATIENCE_SECONDS)
                if process.exitcode != 0:
                    raise RuntimeError(f"a batch that nobody killed ended with {process.exitcode}")
            else:
                counts["kills"] += 1
            after = _stamps(out)
            counts["lost"] += sum(after.get(name) != stamp for name, stamp in before.items())
            again = _again(begun, behaviour.begun())
            counts["redone"] += again
            most = max(most, again)
        counts["differing"] += _compared(out) != expected
    return Killed(
        counts["kills"], counts["batches"], counts["lost"], counts["redone"], most, counts["differing"]
    )


def _again(before: list[int], now: list[int]) -> int:
    """How many analyses that an earlier start had begun this one began again."""
    return sum(number in set(before) for number in (Counter(now) - Counter(before)).elements())


def _killed(process: BaseProcess, draw: random.Random, seconds: float) -> bool:
    """Kill the batch after so long; whether it was still at work."""
    process.join(seconds)
    if process.exitcode is not None or process.pid is None:
        return False
    if draw.random() < 0.5:
        # A moment that comes before it has its group has no others to kill.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    _await_group_end(process.pid)
    return True


def _await_group_end(group: int) -> None:
    """Workers whose leader was killed end by themselves."""
    due = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < due:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    raise RuntimeError("a worker outlived its batch")


def _started(source: Path, out: Path, behaviour: Behaviour, forked: bool) -> BaseProcess:
    behaviour.use()
    context = multiprocessing.get_context("fork" if forked else "spawn")
    process: BaseProcess = context.Process(target=_run, args=(source, out, forked))
    process.start()
    return process


def _undisturbed(source: Path, out: Path, log: Path, forked: bool) -> None:
    process = _started(source, out, Behaviour(str(log), seconds=SECONDS), forked)
    process.join(PATIENCE_SECONDS)
    if process.exitcode != 0:
        raise RuntimeError(f"the undisturbed batch ended with {process.exitcode}")


def _run(source: Path, out: Path, forked: bool) -> None:
    """A batch in a process group of its own."""
    os.setpgid(0, 0)
    forensics.batch.plan.load_models = load_stubs
    crew = Forked if forked else Processes
    result = run_batch(Batch(source, out, settings=SETTINGS, jobs=JOBS, crew=crew))
    sys.exit(0 if result.done == CLIPS else 1)


def _compared(out: Path) -> tuple[object, ...]:
    """Everything that must be the same to the byte: reports without their `run` block, the table without
    its columns of the run, the page."""
    with (out / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = [row[: -len(RUN_COLUMNS)] for row in csv.reader(file)]
    pages = [(out / name).read_bytes() for name in ("index.html", "left_out.csv")]
    return finished(out), rows, pages


def _stamps(out: Path) -> dict[str, tuple[int, ...]]:
    """Every file of every finished analysis with what changes when it is written again."""
    files = sorted(out.glob("[0-9a-f]*/*/*"))
    states = [(file, file.stat()) for file in files]
    return {
        str(file.relative_to(out)): (state.st_ino, state.st_size, state.st_mtime_ns) for file, state in states
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10, help="so many kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--forked", action="store_true", help="fork instead of starting Python anew")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), kills=options.count, seed=options.seed, forked=options.forked)
    click.echo(
        f"{found.kills} kills in {found.batches} batches of {CLIPS} videos by {JOBS} workers: "
        f"finished videos lost: {found.lost}; analyses begun again: {found.redone}, at most "
        f"{found.most_redone_at_once} after one kill; batches that differ from an undisturbed one: "
        f"{found.differing}"
    )
    sys.exit(0 if found.sound else 1)


if __name__ == "__main__":
    main()
