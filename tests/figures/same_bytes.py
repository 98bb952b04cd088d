"""Analyses the same file again and again: whether the report's JSON, the `run` block apart, keeps its bytes.

`python -m tests.figures.same_bytes --count N CLIP` does so with the models that `forensics analyze` uses,
without CLIP with stand-ins on a generated clip. Half of them run in a process with another hash seed.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import media
from stubs import StubDetector, WholeFrameStub, stub_models

from forensics.api import analyze
from forensics.pipeline import analyze_video
from forensics.report.json import report_json
from forensics.report.model import Report
from forensics.settings import AnalysisSettings
from video.sampling import Sampling
from weights.store import Store

MODULE = "tests.figures.same_bytes"
HASH_SEEDS = ("1", "2")


def digest(report: Report) -> str:
    """The sha256 of a report's JSON without what may differ between identical runs."""
    plain = json.loads(report_json(report))
    del plain["run"]
    return hashlib.sha256(json.dumps(plain, indent=1).encode()).hexdigest()


def with_stand_ins(clip: Path) -> Report:
    """A report of three detectors, one of them failing, that took the clip in chunks of four frames."""
    detectors = (
        StubDetector("a", lambda index: index / 7),
        StubDetector("broken", lambda index: 1 / (index - 5)),
        WholeFrameStub("w", (0.1, None, 2.0)),
    )
    settings = AnalysisSettings(
        sampling=Sampling.all(), detectors=("a", "broken", "w"), device="cpu", chunk_frames=4
    )
    return analyze_video(clip, stub_models(*detectors), settings)


def with_models(clip: Path) -> Report:
    """A report of `forensics analyze CLIP --device cpu --offline`."""
    return analyze(clip, settings=AnalysisSettings(device="cpu"), store=Store(offline=True))


def repeated(count: int, clip: Path | None) -> list[str]:
    """The digests of `count` reports, shared between a process for each hash seed."""
    digests: list[str] = []
    for number, seed in enumerate(HASH_SEEDS):
        share = len(range(number, count, len(HASH_SEEDS)))
        command = [sys.executable, "-m", MODULE, "--count", str(share), "--here", *([clip] if clip else [])]
        done = subprocess.run(
            command,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        digests += done.stdout.split()
    return digests


@click.command()
@click.argument("clip", required=False, type=click.Path(exists=True, resolve_path=True, path_type=Path))
@click.option("--count", default=20, show_default=True, help="Repetitions in all.")
@click.option("--here", is_flag=True, hidden=True, help="Repeat in this process and print the digests.")
def main(clip: Path | None, count: int, here: bool) -> None:
    """Print how many different reports the same input gave."""
    if not here:
        digests = repeated(count, clip)
        click.echo(f"{len(digests)} analyses of the same input, different reports: {len(set(digests))}")
        return
    analysed: Callable[[Path], Report] = with_models if clip else with_stand_ins
    with tempfile.TemporaryDirectory() as name:
        evidence = clip or media.h264(Path(name) / "clip.mp4", count=10)
        for _ in range(count):
            click.echo(digest(analysed(evidence)))


if __name__ == "__main__":
    main()
