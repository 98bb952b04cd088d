"""The table of the README's section "Speed": sizes, lengths, faces, batches and precisions on one machine.

`python -m tests.figures.speed` makes the clips, times them and prints Markdown; `--quick` a few rows only.
Needs the starter's weights; CLIP ViT-L/14 runs with random ones.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import click

from forensics.bench.clip import ClipPlan, make_clip
from forensics.bench.random_model import with_random_repdfd
from forensics.bench.result import BenchResult
from forensics.bench.run import run_bench
from forensics.bench.shipped import as_shipped
from forensics.detector import Precision
from forensics.models import Models, load_models
from forensics.settings import AnalysisSettings
from weights.store import Store

STARTER = "starter"
BF16 = Precision.BF16


@dataclass(frozen=True)
class Row:
    """One row: a clip, a model and how it runs. `model` is the starter or a CLIP with random weights."""

    width: int = 1920
    height: int = 1080
    seconds: int = 60
    faces: int = 1
    chunk_frames: int = 16
    precision: Precision = Precision.FP32
    model: str = STARTER

    @property
    def plan(self) -> ClipPlan:
        return ClipPlan(self.width, self.height, self.seconds, self.faces)


# What the targets are about, at either precision, for the starter and for the published model's shape.
TARGETS = (
    Row(),
    Row(precision=BF16),
    Row(seconds=20, model="vit-l14"),
    Row(seconds=20, model="vit-l14", precision=BF16),
)
VARIATIONS = (
    Row(640, 360, precision=BF16),
    Row(1280, 720, precision=BF16),
    Row(3840, 2160, seconds=20, precision=BF16),
    Row(seconds=20, precision=BF16),
    Row(seconds=20, faces=0, precision=BF16),
    Row(seconds=20, faces=3, precision=BF16),
    Row(seconds=20, faces=6, precision=BF16),
    Row(seconds=20, chunk_frames=1, precision=BF16),
    Row(seconds=20, chunk_frames=4, precision=BF16),
    Row(seconds=20, chunk_frames=8, precision=BF16),
    Row(seconds=20, chunk_frames=32, precision=BF16),
)
HEADINGS = (
    "size, seconds, faces",
    "model, precision, chunk",
    "whole, s",
    "frames/s",
    "over the bound",
    "image tower alone, faces/s on all cores",
    "times faster than the loop: same precision, fp32",
    "memory, MiB",
    "others' cores",
)


def measured(row: Row, clip: Path, *, device: str, repeats: int, loop: bool) -> BenchResult:
    """The bench's figures of one row."""
    settings = AnalysisSettings(chunk_frames=row.chunk_frames, precision=row.precision, device=device)
    store = Store()

    def load(chosen: AnalysisSettings) -> Models:
        models = load_models(chosen, store)
        return models if row.model == STARTER else with_random_repdfd(models, row.model, chosen)

    def load_shipped(chosen: AnalysisSettings) -> Models:
        return as_shipped(load(chosen), chosen, store)

    return run_bench(
        clip, settings, load, load_shipped=load_shipped if loop else None, repeats=repeats, made=True
    )


def cells(row: Row, result: BenchResult) -> tuple[str, ...]:
    """What the table says of a row, in the order of HEADINGS."""
    towers = [stage for stage in result.stages if stage.name == "image tower" and stage.cpu_seconds]
    limit = f"{result.machine.cores * towers[0].items / towers[0].cpu_seconds:.2f}" if towers else "-"
    return (
        f"{row.width}x{row.height}, {row.seconds}, {row.faces}",
        f"{row.model}, {row.precision.value}, {row.chunk_frames}",
        f"{result.whole.wall_seconds:.1f}",
        f"{result.whole.frames_per_second:.2f}",
        f"{result.whole_over_bound:.2f}",
        limit,
        ", ".join(f"{loop.times_the_analysis:.2f}" for loop in result.plain_loops) or "-",
        f"{result.peak_memory_mib:.0f}",
        f"{result.whole.others_cores:.1f}",
    )


@click.command()
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--quick", is_flag=True, help="Only the rows of the targets, on clips of 10 seconds.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
def main(repeats: int, quick: bool, device: str) -> None:
    """Print the table as Markdown, row by row."""
    rows = [replace(row, seconds=10) for row in TARGETS] if quick else [*TARGETS, *VARIATIONS]
    click.echo(f"| {' | '.join(HEADINGS)} |")
    click.echo("|" + "---|" * len(HEADINGS))
    with tempfile.TemporaryDirectory() as folder:
        for row in rows:
            clip = Path(folder) / f"{row.width}-{row.height}-{row.seconds}-{row.faces}.mp4"
            if not clip.exists():
                make_clip(clip, row.plan)
            loop = quick or row in TARGETS
            result = measured(row, clip, device=device, repeats=repeats if loop else 1, loop=loop)
            click.echo(f"| {' | '.join(cells(row, result))} |")


if __name__ == "__main__":
    main()
