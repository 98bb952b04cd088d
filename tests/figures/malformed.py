"""Reads malformed media through the isolated decoder: what became of each, and how long the slowest took.

`python -m tests.figures.malformed --count 50000 --seed 7`
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import Result
from command_line import run
from mutants import Mutant, mutants, samples
from outputs import use_stub_models

from forensics.errors import ExitCode
from forensics.manifest import read_manifest
from video.errors import UnreadableVideoError, VideoError
from video.isolated import IsolatedVideos
from video.sampling import Sampling
from video.worker_process import Patience

TIMEOUT_SECONDS = 60.0
PATIENCE = Patience(progress_seconds=TIMEOUT_SECONDS, file_seconds=TIMEOUT_SECONDS)
BATCH_FRAMES = 8
# What is said of files that took their decoding process down or wore it out.
TOOK_DOWN = ("crashed its decoder", "ended its decoder", "GiB of memory to decode", "tripped its decoder")
OVERDUE = ("took more than", "hung its decoder")
FILE_NAME = "mutant.mp4"


@dataclass(frozen=True)
class Outcome:
    """What became of one file: `frames`, `unreadable` or `refused`; the sentence of the error, if any."""

    kind: str
    said: str
    seconds: float


def outcome(path: Path, videos: IsolatedVideos) -> Outcome:
    """Probe a file and read it to its end. Anything but frames and a `VideoError` is raised."""
    started = time.monotonic()
    kind, said = "frames", ""
    try:
        videos.probe(path, patience=PATIENCE)
        with videos.open(path, sampling=Sampling.all(), patience=PATIENCE) as reader:
            for _ in reader.batches(BATCH_FRAMES):
                pass
    except VideoError as error:
        kind = "unreadable" if isinstance(error, UnreadableVideoError) else "refused"
        said = str(error)
    return Outcome(kind, said, time.monotonic() - started)


def outcomes(damaged: Iterable[Mutant], folder: Path) -> list[Outcome]:
    """What becomes of each file, all of them read from this one process."""
    path = folder / FILE_NAME
    found = []
    with IsolatedVideos() as videos:
        for mutant in damaged:
            path.write_bytes(mutant.data)
            found.append(outcome(path, videos))
    return found


def overdue(found: Iterable[Outcome]) -> list[Outcome]:
    """Those that the timeout ended."""
    return [each for each in found if any(words in each.said for words in OVERDUE)]


def command_line_faults(damaged: Iterable[Mutant], folder: Path) -> tuple[Counter[int], list[str]]:
    """`forensics analyze` with stub models: how often which exit code, and every breach of its promises.

    A file that cannot be read ends in exit code 3, one line and no folder; any other in a whole folder.
    """
    codes: Counter[int] = Counter()
    breaches = []
    for number, mutant in enumerate(damaged):
        path, out = folder / FILE_NAME, folder / f"out{number}"
        path.write_bytes(mutant.data)
        with pytest.MonkeyPatch.context() as patches:
            use_stub_models(patches)
            result = run("analyze", path, "-o", out, "--all-frames")
        codes[result.exit_code] += 1
        breaches += [f"{mutant.sample}, {mutant.damage}: {each}" for each in _breaches(result, out)]
    expected = {FILE_NAME, *(f"out{number}" for number in range(codes.total()))}
    left = sorted({path.name for path in folder.iterdir()} - expected)
    return codes, breaches + [f"left behind: {name}" for name in left]


def _breaches(result: Result, out: Path) -> list[str]:
    if result.exit_code in (ExitCode.DONE, ExitCode.NO_VERDICT):
        missing = [one.name for one in read_manifest(out).outputs if not (out / one.name).is_file()]
        return [f"a manifest lists {name}, which is not there" for name in missing]
    lines = result.stderr.splitlines()
    found = [] if result.exit_code == ExitCode.INPUT else [f"exit code {result.exit_code}"]
    if len(lines) != 1 or not lines[0].startswith("forensics: ") or FILE_NAME not in lines[0]:
        found.append(f"said {result.stderr!r}")
    return found + ([f"{out.name} is there"] if out.exists() else [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--command-line", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--show", metavar="WORDS", help="Print every error that contains these words.")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = samples(folder)
        (folder / "read").mkdir()
        (folder / "analysed").mkdir()
        started = time.monotonic()
        found = outcomes(mutants(sound, chosen.count, chosen.seed), folder / "read")
        seconds = time.monotonic() - started
        kinds = Counter(each.kind for each in found)
        took_down = Counter(words for each in found for words in TOOK_DOWN if words in each.said)
        # A seed of their own: other files than those above.
        damaged = mutants(sound, chosen.command_line, chosen.seed + 1)
        codes, breaches = command_line_faults(damaged, folder / "analysed")
    click.echo(f"{len(found)} malformed files of {len(sound)} kinds in {seconds:.0f} s, seed {chosen.seed}")
    click.echo(f"  became {dict(sorted(kinds.items()))}; not named: 0; crashes of the reading process: 0")
    slowest = max(each.seconds for each in found)
    click.echo(f"  over {TIMEOUT_SECONDS:g} s: {len(overdue(found))}; slowest {slowest:.2f} s")
    click.echo(f"  decoding processes lost, file named: {dict(took_down) or 'none'}")
    for each in found:
        if chosen.show and chosen.show in each.said:
            click.echo(f"    {each.said}")
    click.echo(f"{sum(codes.values())} through the command line: exit codes {dict(sorted(codes.items()))}")
    click.echo(f"  promises broken: {breaches or 'none'}")


if __name__ == "__main__":
    main()
