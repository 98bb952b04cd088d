"""Fills the disk at every point where a command writes: how it ends, and what it leaves.

`python -m tests.figures.disk_full --count N` mounts file systems of N sizes for each command, from nothing to
nearly enough, which takes Linux and the right to mount in a namespace of one's own.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import click
import media
import numpy as np
import pytest
from calibrations import calibration
from click.testing import Result
from command_line import run
from evaluations import clip as clip_of
from evaluations import evaluate, use_models, write_manifest
from full_disk import FULL, READ_ONLY, full_after, in_own_mounts, make_read_only, small_disk
from outputs import use_stub_models
from safetensors import safe_open
from test_forensics_data_faces import SPEC, records, tools
from test_train_loop import fitted
from weights_local import CONTENT, registry, spec

from forensics.calibration.file import save_calibration
from forensics.cli.main import exit_code_of
from forensics.data.extract import extract
from forensics.data.samples import SampleSettings
from forensics.errors import ExitCode
from forensics.models import Models
from forensics.pipeline import analyze_video
from forensics.report.model import Report
from forensics.settings import AnalysisSettings
from forensics.whole_file import UNFINISHED_SUFFIX
from weights.bundle import write_bundle
from weights.sources import Imported
from weights.store import Store

MODULE = "tests.figures.disk_full"
# The end of what is asked of a command: its exit code, and the line it said.
Ended = tuple[int, str]
Snapshot = dict[str, bytes | None]


@dataclass(frozen=True)
class Command:
    """A command that writes below a folder: `place` puts there what it needs, `go` is the command.

    One that `goes_on` keeps what it has finished, the others leave everything as it was before.
    """

    go: Callable[[Path], Ended]
    place: Callable[[Path], object] = lambda disk: None
    code: ExitCode = ExitCode.USAGE
    goes_on: bool = False


def said(result: Result) -> Ended:
    lines = [line for line in result.stderr.splitlines() if line.startswith("forensics: ")]
    assert len(lines) == (result.exit_code not in (ExitCode.DONE, ExitCode.NO_VERDICT)), result.output
    return result.exit_code, "".join(lines)


def told(work: Callable[[], object]) -> Ended:
    """As `said`, of a call of the Python API."""
    try:
        work()
    except Exception as error:
        return exit_code_of(error), f"forensics: {error}"
    return ExitCode.DONE, ""


def commands(inputs: Path) -> dict[str, Command]:
    """Every command that writes, on small inputs made in `inputs`, with stand-ins for models."""
    clip = media.h264(inputs / "clip.mp4", count=6)
    extras = ("--annotate", "--save-faces", "--parquet")

    def analyze(*options: str) -> Callable[[Path], Ended]:
        return lambda disk: said(run("analyze", clip, "-o", disk / "new" / "out", "--all-frames", *options))

    def analysed(disk: Path) -> None:
        if not (inputs / "analysed").exists():
            assert run("analyze", clip, "-o", inputs / "analysed", "--all-frames").exit_code == ExitCode.DONE
        shutil.copytree(inputs / "analysed", disk / "out")

    shades = [clip_of(inputs / f"{label}.mp4", level) for label, level in (("real", 40), ("fake", 90))]
    evaluated = write_manifest(inputs, *((path.name, path.stem) for path in shades))
    faces = records(inputs / "faces", 4)
    weight = inputs / "weight.bin"
    weight.write_bytes(CONTENT)

    def store(folder: Path) -> Store:
        table = registry(spec("tiny", Imported("its authors")), spec("new", Imported("them"), sha256=None))
        return Store(folder, offline=True, registry=table)

    def import_weights(disk: Path) -> None:
        for name in ("tiny", "new"):
            store(disk / "cache").import_file(name, weight)

    def export_weights(disk: Path) -> None:
        import_weights(inputs)
        write_bundle(store(inputs / "cache"), disk / "weights.tar")

    def extract_faces(disk: Path) -> None:
        extract(
            faces,
            disk / "cache",
            make_tools=tools,
            spec=replace(SPEC, masks=True),
            settings=SampleSettings(),
            records_in_shard=2,
        )

    def train(disk: Path) -> None:
        fitted(disk / "run", resume=True)

    return {
        "analyze": Command(analyze(*extras)),
        "analyze --overwrite": Command(
            lambda disk: said(run("analyze", clip, "-o", disk / "out", "--all-frames", "--overwrite")),
            analysed,
        ),
        "report": Command(lambda disk: said(run("report", disk / "out", "--parquet")), analysed),
        "evaluate": Command(lambda disk: said(evaluate(evaluated, "-o", disk / "eval")), goes_on=True),
        "calibration": Command(lambda disk: told(lambda: save_calibration(calibration(), disk / "c.json"))),
        "weights import": Command(
            lambda disk: told(lambda: import_weights(disk)), code=ExitCode.WEIGHTS, goes_on=True
        ),
        "weights export": Command(lambda disk: told(lambda: export_weights(disk)), code=ExitCode.WEIGHTS),
        "data extract": Command(lambda disk: told(lambda: extract_faces(disk)), goes_on=True),
        "training loop": Command(lambda disk: told(lambda: train(disk)), goes_on=True),
    }


def stand_ins(patch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded and nothing fetched, and each clip is analysed once."""
    use_stub_models(patch)
    use_models(patch, "repdfd")

    known: dict[tuple[str, Path], Report] = {}

    def once(module: str) -> Callable[..., Report]:
        def analysed(path: Path, models: Models, settings: AnalysisSettings, **_: object) -> Report:
            if (module, path) not in known:
                known[module, path] = analyze_video(path, models, settings)
            return known[module, path]

        return analysed

    for module in ("api", "evaluation.run"):
        patch.setattr(f"forensics.{module}.analyze_video", once(module))


def snapshot(disk: Path) -> Snapshot:
    """What lies in a folder: the files' bytes, `None` for folders."""
    return {
        str(path.relative_to(disk)): None if path.is_dir() else path.read_bytes() for path in disk.rglob("*")
    }


def check_failure(command: Command, ended: Ended, disk: Path, before: Snapshot, *, cause: str = FULL) -> None:
    """One line with file, cause and remedy, the documented exit code, and no file that is not whole."""
    code, line = ended
    assert code == command.code, ended
    assert all(words in line for words in (str(disk), cause, ";")), line
    assert "\n" not in line
    if not command.goes_on:
        assert snapshot(disk) == before
    for path in disk.rglob("*"):
        check_whole(path)


def check_whole(path: Path) -> None:
    """Whether the file at `path` was written to its end, by what its kind must have there."""
    assert not any(word in path.name for word in (UNFINISHED_SUFFIX, "partial", "writing")), path
    if path.suffix == ".json":
        json.loads(path.read_text(encoding="utf-8"))
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            assert all(len(arrays[name]) for name in arrays)
    elif path.suffix == ".safetensors":
        with safe_open(path, framework="numpy") as tensors:
            assert list(tensors.keys())
    elif path.suffix == ".csv":
        assert path.read_text(encoding="utf-8").endswith("\n")
    elif path.suffix == ".html":
        assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    elif path.suffix == ".bin":
        assert path.read_bytes() == CONTENT


def fill_at_every_write(command: Command, folder: Path) -> int:
    """Run `command` with room for 0, 1, 2, ... things to write, until it is done; returns the failures."""
    for room in range(1000):
        disk = folder / str(room)
        disk.mkdir()
        command.place(disk)
        before = snapshot(disk)
        with full_after(room, disk) as full:
            ended = command.go(disk)
        if not full.refused:
            assert ended[0] == ExitCode.DONE, ended
            return room
        check_failure(command, ended, disk, before)
        if room % 4 == 0:
            assert command.go(disk)[0] == ExitCode.DONE, "with room again, the same command must do"
        shutil.rmtree(disk)
    raise AssertionError("the command never ended")


def fill_by_size(command: Command, folder: Path, count: int) -> int:
    """Run `command` on `count` real file systems with little room left; returns how often it failed."""
    roomy = folder / "roomy"
    roomy.mkdir()
    command.place(roomy)
    placed = _pages(roomy)
    assert command.go(roomy)[0] == ExitCode.DONE
    # What replaces a file lies beside it for a while.
    most = placed + _pages(roomy)
    shutil.rmtree(roomy)
    failures = 0
    for room in np.unique(np.linspace(0, most - placed - 1, count).astype(int)).tolist():
        with small_disk(folder / "disk", most * PAGE_KILOBYTES) as disk:
            command.place(disk)
            (disk / "ballast").write_bytes(bytes((most - placed - room) * PAGE_KILOBYTES * 1024))
            before = snapshot(disk)
            ended = command.go(disk)
            if ended[0] != ExitCode.DONE:
                check_failure(command, ended, disk, before)
                failures += 1
    return failures


def refuse_read_only(command: Command, folder: Path) -> None:
    """Run `command` on a real file system that can only be read."""
    with small_disk(folder / "disk", 10_000) as disk:
        command.place(disk)
        before = snapshot(disk)
        make_read_only(disk)
        check_failure(command, command.go(disk), disk, before, cause=READ_ONLY)
        assert snapshot(disk) == before


def read_evidence_only(folder: Path) -> None:
    """Analyse evidence on a real file system that can only be read."""
    with small_disk(folder / "disk", 10_000) as disk:
        clip = media.h264(disk / "clip.mp4", count=6)
        make_read_only(disk)
        result = run("analyze", clip, "-o", folder / "of evidence", "--all-frames", "--annotate")
        assert result.exit_code == ExitCode.DONE, result.output


PAGE_KILOBYTES = 4


def _pages(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(math.ceil(path.stat().st_size / (1024 * PAGE_KILOBYTES)) for path in files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="sizes of disk for each command")
    parser.add_argument("--mounting", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.mounting:
        done = in_own_mounts(MODULE, "--count", str(options.count), "--mounting")
        click.echo(done.stdout, nl=False)
        raise SystemExit(done.stderr[-2000:] if done.returncode else 0)
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        stand_ins(patch)
        (inputs := Path(name) / "inputs").mkdir()
        for title, command in commands(inputs).items():
            refuse_read_only(command, Path(name))
            failures = fill_by_size(command, Path(name), options.count)
            click.echo(
                f"{title}: {failures} full disks and a read-only one, each its exit code, no file cut short"
            )
        read_evidence_only(Path(name))
        click.echo("analyze: read-only evidence analysed")


if __name__ == "__main__":
    main()
