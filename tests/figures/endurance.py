"""Analyses one clip many times in one process: what its memory, descriptors and threads grow by.

`python -m tests.figures.endurance --count N` prints the growth over N analyses with stand-ins for models.
"""

from __future__ import annotations

import gc
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
import media
import numpy as np
import psutil
from stubs import StubDetector, WholeFrameStub, stub_models

from forensics.pipeline import analyze_video
from forensics.report.outputs import write_outputs
from forensics.settings import AnalysisSettings
from video.sampling import Sampling

# What is allocated once and for all (codecs, templates, arenas) is there by then.
WARM_UP = 100
STEP = 10
HUNDRED = 100


@dataclass(frozen=True)
class Held:
    """What this process and its children hold."""

    processes: int
    megabytes: float
    descriptors: int
    threads: int


@dataclass(frozen=True)
class Growth:
    """The slope of memory in MB per 100 analyses by least squares, and the first and last of the rest."""

    megabytes_per_hundred: float
    first: Held
    last: Held


def held_now() -> Held:
    """Memory, open files and threads of this process and all below it.

    Memory is what is resident and its own: pages of program files come and go with the rest of the machine.
    A page's template leaves cycles of references that Python frees in its own time, so that is done first.
    """
    gc.collect()
    own = psutil.Process()
    family = [own, *own.children(recursive=True)]
    return Held(
        processes=len(family),
        megabytes=sum(_own_bytes(one) for one in family) / 1e6,
        descriptors=sum(one.num_fds() for one in family),
        threads=sum(one.num_threads() for one in family),
    )


def _own_bytes(process: psutil.Process) -> int:
    memory = process.memory_info()
    return int(memory.rss - memory.shared)


def grown_by(analyses: int, folder: Path) -> Growth:
    """Analyse a clip of eight frames so often, after the warm-up, and write the report each time."""
    clip = media.h264(folder / "clip.mp4", count=8)
    models = stub_models(StubDetector("a", lambda index: index / 10), WholeFrameStub("w", (0.5, None)))
    settings = AnalysisSettings(sampling=Sampling.all(), detectors=("a", "w"), device="cpu", chunk_frames=4)
    held: list[Held] = []
    done: list[int] = []
    for number in range(WARM_UP + analyses + 1):
        if number >= WARM_UP and (number - WARM_UP) % STEP == 0:
            held.append(held_now())
            done.append(number)
        write_outputs(analyze_video(clip, models, settings), folder)
    slope = np.polyfit(done, [one.megabytes for one in held], 1)[0]
    return Growth(float(slope) * HUNDRED, held[0], held[-1])


@click.command()
@click.option("--count", default=500, show_default=True, help="Analyses after the warm-up.")
def main(count: int) -> None:
    """Print what memory, descriptors and threads grow by."""
    with tempfile.TemporaryDirectory() as name:
        growth = grown_by(count, Path(name))
    first, last = growth.first, growth.last
    click.echo(f"{count} analyses in one process: {growth.megabytes_per_hundred:+.2f} MB per 100")
    click.echo(f"processes {first.processes} before, {last.processes} after")
    click.echo(f"memory {first.megabytes:.0f} MB before, {last.megabytes:.0f} MB after")
    click.echo(f"descriptors {first.descriptors} before, {last.descriptors} after")
    click.echo(f"threads {first.threads} before, {last.threads} after")


if __name__ == "__main__":
    main()
