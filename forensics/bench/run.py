"""One run of the bench: the whole analysis, its stages and the plain loop in turn, several times over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import torch

from forensics.bench.machine import cores, machine_facts
from forensics.bench.meter import Cost, PeakMemory
from forensics.bench.plain_loop import PlainLoop
from forensics.bench.result import (
    BenchResult,
    ClipFacts,
    LoopFigures,
    MachineFacts,
    RunFigures,
    StageFigures,
    bound_seconds,
    median_ratio,
)
from forensics.bench.stages import PER_FACE, STAGES, StageCosts, run_stages
from forensics.detector import Precision
from forensics.detectors.repdfd import RepDFDDetector
from forensics.models import Models
from forensics.pipeline import analyze_video
from forensics.report.model import Report
from forensics.settings import AnalysisSettings

# Gives the models for settings, wherever they come from.
LoadModels = Callable[[AnalysisSettings], Models]
# Called with what is being measured.
Announce = Callable[[str], None]


def say_nothing(what: str) -> None:
    """The announcement callback of those who do not look."""


@dataclass
class _Turns:
    """What was measured, turn by turn, and the report of the last analysis.

    `memory_mib` was held at most before the models of the loops came into memory.
    """

    report: Report
    memory_mib: float
    whole: list[Cost] = field(default_factory=list)
    stages: list[StageCosts] = field(default_factory=list)
    loops: dict[Precision, list[Cost]] = field(default_factory=dict)


def run_bench(
    clip: Path,
    settings: AnalysisSettings,
    load: LoadModels,
    *,
    load_shipped: LoadModels | None = None,
    repeats: int = 3,
    made: bool = False,
    announce: Announce = say_nothing,
) -> BenchResult:
    """Time an analysis of `clip` with `settings`; `made` says whether the bench made the clip.

    The whole, the stages alone (in one thread) and the plain loop take turns, so that what else the machine
    does falls on all of them. The loop runs with the models that `load_shipped` gives, at the precision of
    the settings and, if that is another, in fp32, as published; without it, or without RepDFD among the
    detectors, there is none. Raises as `analyze_video` does.
    """
    models = load(settings)
    machine = machine_facts(models.device)
    announce("a first analysis, for its memory")
    memory = PeakMemory()
    with memory.watched():
        report = analyze_video(clip, models, settings)
    loops = {} if load_shipped is None else _plain_loops(settings, load_shipped)
    turns = _Turns(report, memory.mib, loops={precision: [] for precision in loops})
    for turn in range(1, repeats + 1):
        announce(f"the whole, {turn} of {repeats}")
        turns.whole.append(Cost())
        with turns.whole[-1].measured(models.device):
            turns.report = analyze_video(clip, models, settings)
        announce(f"the stages, {turn} of {repeats}")
        with _one_thread():
            turns.stages.append(run_stages(clip, models, settings, turns.report))
        for precision, loop in loops.items():
            announce(f"the plain loop in {precision.value}, {turn} of {repeats}")
            turns.loops[precision].append(Cost())
            with turns.loops[precision][-1].measured(models.device):
                loop.run(clip)
    return _result(settings, turns, models, machine, ClipFacts.of(turns.report, made=made))


def _plain_loops(settings: AnalysisSettings, load_shipped: LoadModels) -> dict[Precision, PlainLoop]:
    """The loop in each precision, with models of its own; none for settings without RepDFD."""
    loops = {}
    for precision in dict.fromkeys((settings.precision, Precision.FP32)):
        models = load_shipped(replace(settings, precision=precision))
        detector = models.detectors.get("repdfd")
        if isinstance(detector, RepDFDDetector):
            loops[precision] = PlainLoop(models.front, detector, settings)
    return loops


@contextmanager
def _one_thread() -> Iterator[None]:
    """Within the block torch uses one thread, so that processor seconds are work and not waiting."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _result(
    settings: AnalysisSettings, turns: _Turns, models: Models, machine: MachineFacts, clip: ClipFacts
) -> BenchResult:
    gpu = models.device.type == "cuda"
    bounds = [
        bound_seconds(
            [cost.cpu_seconds for cost in stages.costs.values()],
            [cost.wall_seconds for cost in stages.costs.values()],
            cores=cores(),
            gpu=gpu,
        )
        for stages in turns.stages
    ]
    wall = [cost.wall_seconds for cost in turns.whole]
    return BenchResult(
        machine=machine,
        clip=clip,
        detectors=tuple(models.detectors),
        notes=tuple(note for detector in models.detectors.values() for note in detector.notes),
        precision=settings.precision.value,
        chunk_frames=settings.chunk_frames,
        repeats=len(wall),
        stages=_stage_figures(turns.stages),
        bound_seconds=median(bounds),
        whole=RunFigures(
            wall_seconds=median(wall),
            cpu_seconds=median(cost.cpu_seconds for cost in turns.whole),
            others_cores=median(cost.others_seconds / cost.wall_seconds for cost in turns.whole),
            frames_per_second=clip.sampled_frames / median(wall),
        ),
        whole_over_bound=median_ratio(wall, bounds),
        peak_memory_mib=turns.memory_mib,
        plain_loops=tuple(
            LoopFigures(
                precision=precision.value,
                wall_seconds=median(cost.wall_seconds for cost in costs),
                cpu_seconds=median(cost.cpu_seconds for cost in costs),
                times_the_analysis=median_ratio([cost.wall_seconds for cost in costs], wall),
            )
            for precision, costs in turns.loops.items()
        ),
    )


def _stage_figures(turns: list[StageCosts]) -> tuple[StageFigures, ...]:
    """The stages in the order of the work, then those with a detector's name."""
    names = dict.fromkeys((*(name for name in STAGES if name in turns[0].costs), *turns[0].costs))
    return tuple(
        StageFigures(
            name=name,
            items=turns[0].faces if name in PER_FACE else turns[0].frames,
            unit="faces" if name in PER_FACE else "frames",
            wall_seconds=median(turn.costs[name].wall_seconds for turn in turns),
            cpu_seconds=median(turn.costs[name].cpu_seconds for turn in turns),
        )
        for name in names
    )
