"""frames.parquet holds what frames.csv holds, with types."""

from __future__ import annotations

import builtins
import csv
from pathlib import Path
from typing import Any

import pytest
from outputs import analysed_clip, run, use_stub_models
from reports import report_of, report_with_part

from forensics.errors import ExitCode
from forensics.report.model import Report
from forensics.report.parquet import FILE_NAME, write_parquet
from forensics.report.table import COLUMNS, write_table


def parquet() -> Any:
    return pytest.importorskip(
        "pyarrow.parquet", reason="frames.parquet is NOT TESTED: the extra `parquet` is not installed"
    )


@pytest.fixture
def report() -> Report:
    return report_of([0.5, None, 2.25], [None, -1.0])


def test_it_reads_back_equal_to_the_csv(report: Report, tmp_path: Path) -> None:
    table = parquet().read_table(write_parquet(report, tmp_path))
    with write_table(report, tmp_path).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert table.column_names == header == list(COLUMNS)
    read = [["" if cell is None else str(cell) for cell in row.values()] for row in table.to_pylist()]
    assert read == rows
    assert len(rows) == 5


def test_numbers_are_numbers_also_where_every_cell_is_empty(tmp_path: Path) -> None:
    schema = parquet().read_table(write_parquet(report_of([None, None]), tmp_path)).schema
    kinds = {field.name: str(field.type) for field in schema}
    assert {kinds[name] for name in ("frame_index", "shot", "track")} == {"int64"}
    assert {kinds[name] for name in ("person", "detector", "abstained")} == {"string"}
    assert {kinds[name] for name in ("score", "peak", "probability", "x1", "pts_seconds")} == {"double"}


def test_components_are_columns_of_numbers_after_the_others(tmp_path: Path) -> None:
    table = parquet().read_table(write_parquet(report_with_part(), tmp_path))
    assert table.column_names == [*COLUMNS, "component_fake", "component_generated"]
    assert {str(table.schema.field(name).type) for name in table.column_names[len(COLUMNS) :]} == {"double"}
    assert set(table.column("component_fake").to_pylist()) == {-3.0, -0.5}


def test_a_report_without_faces_has_the_columns_all_the_same(tmp_path: Path) -> None:
    table = parquet().read_table(write_parquet(report_of(), tmp_path))
    assert table.column_names == list(COLUMNS)
    assert table.num_rows == 0


def test_the_same_report_gives_the_same_bytes(report: Report, tmp_path: Path) -> None:
    parquet()
    first = write_parquet(report, tmp_path).read_bytes()
    assert write_parquet(report, tmp_path).read_bytes() == first


def test_without_the_package_it_is_one_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_stub_models(monkeypatch)
    out = analysed_clip(tmp_path)[1]
    real_import = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(f"No module named {name!r}")
        return real_import(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    result = run("report", out, "--parquet")
    assert result.exit_code == ExitCode.USAGE
    (line,) = result.stderr.splitlines()
    assert "pip install 'face-video-forensics[parquet]'" in line


def test_an_analysis_writes_it_when_asked_and_lists_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet()
    use_stub_models(monkeypatch)
    clip, out = analysed_clip(tmp_path)
    assert not (out / FILE_NAME).exists()
    other = tmp_path / "other"
    result = run("analyze", clip, "-o", other, "--parquet", "--all-frames", "--offline")
    assert result.exit_code == ExitCode.DONE, result.output
    assert FILE_NAME in result.output
    assert parquet().read_table(other / FILE_NAME).num_rows > 0
