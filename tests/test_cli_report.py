"""`forensics report` and `schema`: the outputs again from report.json alone, vouching for nothing new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from outputs import TABLE, analysed_clip, edit, lines_of, relist, run, use_stub_models

from forensics.errors import ExitCode
from forensics.manifest import FILE_NAME as MANIFEST
from forensics.report.json import FILE_NAME as REPORT


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    use_stub_models(monkeypatch)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return analysed_clip(tmp_path)[1]


@pytest.fixture
def clip(out: Path) -> Path:
    return out.parent / "clip.mp4"


def test_outputs_are_rendered_again_from_the_report_alone(out: Path, clip: Path) -> None:
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    clip.unlink()
    (out / TABLE).unlink()
    result = run("report", out)
    assert result.exit_code == ExitCode.DONE, result.output
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_report_without_a_manifest_gets_one(out: Path) -> None:
    before = (out / MANIFEST).read_bytes()
    (out / MANIFEST).unlink()
    (out / TABLE).unlink()
    assert run("report", out).exit_code == ExitCode.DONE
    assert (out / MANIFEST).read_bytes() == before


def test_rendering_vouches_for_no_other_report_than_the_listed_one(out: Path) -> None:
    edit(out / REPORT, '"score": 1.1', '"score": 0.1')
    before = (out / MANIFEST).read_bytes()
    result = run("report", out)
    assert result.exit_code == ExitCode.VERIFICATION
    assert REPORT in result.stderr
    assert (out / MANIFEST).read_bytes() == before


def test_rendering_keeps_the_digests_of_what_needs_the_evidence(out: Path) -> None:
    (out / "faces").mkdir()
    (out / "faces" / "1.png").write_bytes(b"crop")
    relist(out)
    (out / "faces" / "1.png").write_bytes(b"touched")
    (out / "mine.txt").write_text("not of this tool")
    assert run("report", out).exit_code == ExitCode.DONE
    result = run("verify", out)
    assert result.exit_code == ExitCode.VERIFICATION
    assert [line.split()[2] for line in lines_of(result, "MISMATCH")] == ["faces/1.png:", "mine.txt:"]


@pytest.mark.parametrize("command", ["report", "verify"])
def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, command: str) -> None:
    result = run(command, tmp_path / "nowhere")
    assert result.exit_code == ExitCode.INPUT
    (line,) = result.stderr.splitlines()
    assert "nowhere" in line
    assert "name the folder of an analysis" in line


def test_the_schema_is_printed() -> None:
    result = run("schema")
    assert result.exit_code == ExitCode.DONE
    assert json.loads(result.stdout)["$schema"].endswith("2020-12/schema")
