"""Whether a long video takes more memory than a short one, and time in proportion to its length.

`python -m tests.figures.memory_by_length` analyses clips of one minute and of an hour, each in a process of
its own, with stand-ins for the models: what grows with the length would be what is kept of frames and faces.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from stubs import StubDetector, stub_models

from forensics.bench.clip import ClipPlan, make_clip
from forensics.bench.meter import Cost, PeakMemory
from forensics.models import Models
from forensics.pipeline import analyze_video
from forensics.settings import AnalysisSettings

SETTINGS = AnalysisSettings(detectors=("a",), device="cpu")


@dataclass(frozen=True)
class Held:
    """The peak memory of an analysis with its decoder, and its wall seconds."""

    mib: float
    seconds: float


def stand_ins() -> Models:
    """One face in every frame, one score for each."""
    return stub_models(StubDetector("a", lambda index: float(np.sin(index))))


def analysed(clip: Path) -> Held:
    """What an analysis of the clip in this process takes."""
    memory, cost, models = PeakMemory(), Cost(), stand_ins()
    with memory.watched(), cost.measured(models.device):
        analyze_video(clip, models, SETTINGS)
    return Held(memory.mib, cost.wall_seconds)


def in_a_process(clip: Path) -> Held:
    """The same in a fresh process, which no earlier analysis has given its memory."""
    command = [sys.executable, "-m", "tests.figures.memory_by_length", "--clip", str(clip)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return Held(float(told[0]), float(told[1]))


@click.command()
@click.option(
    "--minutes", type=click.IntRange(min=2), default=60, show_default=True, help="Of the long clip."
)
@click.option("--clip", type=click.Path(exists=True, path_type=Path), help="Only this clip, in this process.")
def main(minutes: int, clip: Path | None) -> None:
    """Print both lengths' memory and time, and how far apart they are."""
    if clip is not None:
        held = analysed(clip)
        click.echo(f"{held.mib} {held.seconds}")
        return
    held_by: dict[int, Held] = {}
    with tempfile.TemporaryDirectory() as folder:
        for length in (1, minutes):
            made = Path(folder) / f"{length}.mp4"
            make_clip(made, ClipPlan(320, 180, seconds=60 * length, frames_per_second=10))
            held_by[length] = in_a_process(made)
            click.echo(f"{length} min: {held_by[length].mib:.0f} MiB, {held_by[length].seconds:.1f} s")
    short, long = held_by[1], held_by[minutes]
    click.echo(
        f"{long.mib - short.mib:+.0f} MiB; {long.seconds / short.seconds:.1f} times the time for {minutes} "
        "times the length"
    )


if __name__ == "__main__":
    main()
