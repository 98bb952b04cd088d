"""The figures of the bench on the terminal."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from forensics.bench.result import BenchResult
from video.errors import printable


def print_bench(result: BenchResult) -> None:
    """The machine, the clip, a table of the stages, then the whole against the bound and the plain loop."""
    console = Console(file=sys.stdout, highlight=False)
    machine, clip = result.machine, result.clip
    load = "" if machine.load is None else f", load before {machine.load:.1f}"
    console.print(
        f"{machine.processor}, {machine.cores} cores, {machine.threads} threads, {machine.device}{load}"
    )
    console.print(
        f"{printable(clip.name)}: {clip.width}x{clip.height}, {clip.decoded_frames} frames, "
        f"{clip.sampled_frames} looked at, {clip.faces} faces; {result.precision}, "
        f"{result.chunk_frames} frames a chunk, medians of {result.repeats}"
    )
    table = Table()
    table.add_column("stage alone")
    for column in ("items", "items/s", "CPU ms an item", "CPU s"):
        table.add_column(column, justify="right")
    for stage in result.stages:
        each = f"{1000 * stage.cpu_seconds / stage.items:.1f}" if stage.items else "-"
        table.add_row(
            stage.name,
            f"{stage.items} {stage.unit}",
            f"{stage.items_per_second:.1f}",
            each,
            f"{stage.cpu_seconds:.2f}",
        )
    console.print(table)
    whole = result.whole
    console.print(
        f"bound {result.bound_seconds:.1f} s; the whole {whole.wall_seconds:.1f} s "
        f"({whole.frames_per_second:.2f} frames/s, CPU {whole.cpu_seconds:.1f} s), "
        f"{result.whole_over_bound:.2f} times the bound"
    )
    console.print(
        f"peak memory {result.peak_memory_mib:.0f} MiB; other processes kept {whole.others_cores:.1f} cores "
        "busy meanwhile"
    )
    for loop in result.plain_loops:
        console.print(
            f"plain loop in {loop.precision}: {loop.wall_seconds:.1f} s, {loop.times_the_analysis:.2f} "
            "times the whole"
        )
