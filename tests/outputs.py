"""What the tests of outputs share: the command line on stub models, an analysed clip, changed files."""

from __future__ import annotations

from pathlib import Path

import media
import pytest
from click.testing import Result
from command_line import run
from stubs import StubDetector, stub_models

from forensics.errors import ExitCode
from forensics.manifest import write_manifest
from forensics.report.read import read_report

TABLE = "frames.csv"


def use_stub_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Analyses and their repetitions score 1.0, 1.1, 1.2, ... frame by frame."""
    given = stub_models(StubDetector("repdfd", lambda index: index / 10 + 1))
    monkeypatch.setattr("forensics.models.fetch_weights", lambda *_, **__: ())
    for module in ("api", "rerun"):
        monkeypatch.setattr(f"forensics.{module}.load_models", lambda *_, **__: given)


def analysed_clip(folder: Path) -> tuple[Path, Path]:
    """A clip of six frames in `folder`, and the folder of its analysis beside it."""
    clip, out = media.h264(folder / "clip.mp4", count=6), folder / "out"
    assert run("analyze", clip, "-o", out, "--all-frames").exit_code == ExitCode.DONE
    return clip, out


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def relist(out: Path) -> None:
    """What a forger would do after a change: a manifest that fits it."""
    write_manifest(out, read_report(out).evidence)


def lines_of(result: Result, state: str) -> list[str]:
    """The lines of `verify` on checks that ended so."""
    return [line for line in result.stdout.splitlines() if line.startswith(state) and ":" not in line[:12]]
