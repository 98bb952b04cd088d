"""`forensics doctor`: what may be absent is told apart from what must be there."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from forensics import run_facts
from forensics.cli import main
from forensics.errors import ExitCode


def doctor(tmp_path: Path) -> list[str]:
    result = CliRunner().invoke(main, ["doctor", "--cache-dir", str(tmp_path / "cache")])
    assert result.exit_code == ExitCode.WEIGHTS, result.output
    return result.stdout.splitlines()


def test_extras_are_those_of_the_tools_own_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["torch>=2", "pytest; extra == 'test'", "ruff; extra == 'dev'"]
    declared = [*needed, "one>=1; extra == 'a'", 'two[x]; python_version > "3" and extra == "a"']
    monkeypatch.setattr(
        run_facts.metadata,
        "requires",
        lambda _: [*declared, "pytest; extra == 'test'", "ruff; extra == 'dev'"],
    )
    assert run_facts.extras() == {"a": ("one", "two")}


def test_an_absent_extra_is_optional_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_facts, "extras", lambda: {"c2pa": ("c2pa-python",), "here": ("click",)})
    version = run_facts.installed_version
    monkeypatch.setattr(
        run_facts, "installed_version", lambda name: None if name == "c2pa-python" else version(name)
    )
    lines = doctor(tmp_path)
    assert "optional the extra c2pa is not here: pip install c2pa-python" in lines
    assert f"ok       extra here: click {version('click')}" in lines
    assert not any(line.startswith("MISSING") and "c2pa" in line for line in lines)
    assert any("no browser is needed" in line for line in lines)


def test_an_absent_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_facts, "package_versions", lambda: {"av": None})
    assert "MISSING  av - pip install av" in doctor(tmp_path)


def test_what_confines_the_decoder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = (line for line in doctor(tmp_path) if "another process" in line)
    assert line.startswith("ok       videos are decoded in another process: ")
    assert "limits on processor time" in line
    monkeypatch.setattr("video.isolated.POSSIBLE", False)
    assert any(
        line.startswith("note     videos are decoded in the process of the") for line in doctor(tmp_path)
    )
