"""What a run of the bench found, and its JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import median

from forensics.report.model import Report


@dataclass(frozen=True)
class StageFigures:
    """One stage alone, in one thread: the medians over the repeats of its whole cost for the clip.

    `items` are what it worked on: sampled frames, or faces where `unit` says so.
    """

    name: str
    items: int
    unit: str
    wall_seconds: float
    cpu_seconds: float

    @property
    def items_per_second(self) -> float:
        """By wall time; 0 for a stage that had nothing to do."""
        return self.items / self.wall_seconds if self.items and self.wall_seconds else 0.0


@dataclass(frozen=True)
class RunFigures:
    """The whole clip from file to result, the medians over the repeats.

    `others_cores` is how many cores other processes kept busy meanwhile: with more than a little, wall times
    and what is computed from them say little.
    """

    wall_seconds: float
    cpu_seconds: float
    others_cores: float
    frames_per_second: float


@dataclass(frozen=True)
class LoopFigures:
    """The plain loop at one precision, and how many times longer than the whole analysis it took."""

    precision: str
    wall_seconds: float
    cpu_seconds: float
    times_the_analysis: float


@dataclass(frozen=True)
class ClipFacts:
    """What was analysed. `made` says whether the bench made it."""

    name: str
    made: bool
    width: int
    height: int
    seconds: float | None
    decoded_frames: int
    sampled_frames: int
    faces: int

    @classmethod
    def of(cls, report: Report, *, made: bool) -> ClipFacts:
        """Those of the clip that `report` is about."""
        evidence = report.evidence
        return cls(
            name=evidence.file_name,
            made=made,
            width=evidence.probe.width,
            height=evidence.probe.height,
            seconds=evidence.probe.duration_seconds,
            decoded_frames=evidence.delivery.decoded,
            sampled_frames=evidence.delivery.sampled,
            faces=len(report.faces),
        )


@dataclass(frozen=True)
class MachineFacts:
    """On what the figures were taken; `load` is the mean number of processes that wanted a core before."""

    device: str
    processor: str
    instruction_set: str
    cores: int
    threads: int
    load: float | None
    system: str
    python: str
    packages: dict[str, str | None]


@dataclass(frozen=True)
class BenchResult:
    """Everything the bench found.

    `bound_seconds` is the least time the stages leave possible: on a CPU their processor seconds divided by
    the cores, on a GPU the wall time of the slowest. `peak_memory_mib` is of the whole analysis.
    """

    machine: MachineFacts
    clip: ClipFacts
    detectors: tuple[str, ...]
    notes: tuple[str, ...]
    precision: str
    chunk_frames: int
    repeats: int
    stages: tuple[StageFigures, ...]
    bound_seconds: float
    whole: RunFigures
    whole_over_bound: float
    peak_memory_mib: float
    plain_loops: tuple[LoopFigures, ...]

    def to_json(self) -> str:
        """Deterministic JSON with the figures that follow from others beside them."""
        plain = asdict(self)
        for stage, figures in zip(plain["stages"], self.stages, strict=True):
            stage["items_per_second"] = figures.items_per_second
        return json.dumps(plain, indent=1, sort_keys=True) + "\n"


def bound_seconds(cpu_seconds: list[float], wall_seconds: list[float], *, cores: int, gpu: bool) -> float:
    """The least time in which stages of these costs can be done side by side."""
    return max(wall_seconds, default=0.0) if gpu else sum(cpu_seconds) / cores


def median_ratio(numerators: list[float], denominators: list[float]) -> float:
    """The median of the ratios of what was measured side by side, repeat by repeat."""
    return median(n / d for n, d in zip(numerators, denominators, strict=True))
