"""A report comes back from its file as it was; what is no report of this version is refused in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import media
import pytest
from reports import report_with_part
from stubs import StubDetector, stub_models

from face.manual import ManualFace
from forensics.errors import ExitCode, ReportError
from forensics.pipeline import analyze_video
from forensics.report.facts import CaseFacts
from forensics.report.json import FILE_NAME, report_json, write_json
from forensics.report.model import SCHEMA_VERSION, Report
from forensics.report.read import read_report
from forensics.report.schema import report_schema
from forensics.settings import AnalysisSettings
from video.sampling import Sampling

Change = Callable[[dict[str, Any]], object]


def broken(index: int) -> float:
    raise FloatingPointError("it\nbroke")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.h264(tmp_path_factory.mktemp("clip") / "clip.mp4", count=4)


def analysed(path: Path, *, found: bool = True) -> Report:
    """Scores, an abstention, a detector that failed, a window in thirds and a case."""
    scoring = StubDetector("a", lambda index: index / 3 if index else float("nan"))
    models = stub_models(scoring, StubDetector("b", broken), found=found)
    settings = AnalysisSettings(
        sampling=Sampling.fps(30, start_seconds=0),
        detectors=("a", "b"),
        manual_faces=(ManualFace((1.0, 2.0, 30.0, 40.0), 0.0), ManualFace((1.0, 2.0, 30.0, 40.0), 99.0)),
        device="cpu",
    )
    case = CaseFacts(case="7/24", notes='line one\nline two <script>"')
    return analyze_video(path, models, settings, case=case)


@pytest.fixture(scope="module")
def report(clip: Path) -> Report:
    return analysed(clip)


def test_a_report_comes_back_as_it_was(report: Report, tmp_path: Path) -> None:
    assert report.faces
    assert report.warnings
    assert {run.status.value for run in report.detectors} == {"ran", "failed"}
    path = write_json(report, tmp_path)
    assert read_report(path) == report
    assert read_report(tmp_path) == report
    assert report_json(read_report(path)) == path.read_text(encoding="utf-8")


def test_components_and_the_part_that_stands_out_in_one_come_back(tmp_path: Path) -> None:
    report = report_with_part()
    plain = json.loads(report_json(report))
    (track,) = plain["detectors"][0]["finding"]["tracks"]
    assert track["components"] == {"fake": -2.25, "generated": 0.75}
    assert [(part["component"], part["rest_score"]) for part in track["segments"]] == [("fake", -3.0)]
    assert plain["faces"][16]["scores"][0]["components"] == {"fake": -0.5, "generated": 0.75}
    jsonschema.Draft202012Validator(report_schema()).validate(plain)
    assert read_report(write_json(report, tmp_path)) == report


def test_a_report_without_faces_comes_back(clip: Path, tmp_path: Path) -> None:
    report = replace(analysed(clip, found=False), faces=())
    assert read_report(write_json(report, tmp_path)) == report


def test_a_report_on_a_file_whose_name_is_not_utf8_comes_back(clip: Path, tmp_path: Path) -> None:
    odd = tmp_path / b"clip\xff\n.mp4".decode("utf-8", "surrogateescape")
    odd.write_bytes(clip.read_bytes())
    report = analysed(odd)
    assert report.evidence.file_name == "clip\\xff\n.mp4"
    assert read_report(write_json(report, tmp_path)) == report


def test_case_facts_that_are_not_utf8_can_be_written(report: Report, tmp_path: Path) -> None:
    case = CaseFacts(examiner=b"M\xfcller".decode("utf-8", "surrogateescape"))
    assert case.examiner == "M\\xfcller"
    changed = replace(report, case=case)
    assert read_report(write_json(changed, tmp_path)) == changed


def changed(report: Report, folder: Path, change: Change) -> Path:
    plain = json.loads(report_json(report))
    change(plain)
    path = folder / FILE_NAME
    path.write_text(json.dumps(plain), encoding="utf-8")
    return path


def assert_refused(path: Path, *words: str) -> None:
    with pytest.raises(ReportError) as refused:
        read_report(path)
    message = str(refused.value)
    assert refused.value.exit_code is ExitCode.INPUT
    assert message.startswith(f"{path}: ")
    assert all(word in message for word in words), message
    assert re.search(r"; (restore|name|use|this one reads)", message), message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda plain: plain.pop("verdict"), ["damaged", "verdict"]),
        (lambda plain: plain.update(more=1), ["damaged", "more"]),
        (lambda plain: plain["evidence"].update(more=1), ["damaged", "evidence.more"]),
        (lambda plain: plain["evidence"].update(size_bytes="5288"), ["damaged", "evidence.size_bytes"]),
        (lambda plain: plain["evidence"]["probe"].update(frame_rate="25/0"), ["evidence.probe.frame_rate"]),
        (lambda plain: plain["verdict"].update(label="surely fake"), ["damaged", "verdict.label"]),
        (lambda plain: plain["faces"][0].update(box_xyxy=[1, 2, 3]), ["damaged", "faces.0.box_xyxy"]),
        (lambda plain: plain["detectors"][0]["thresholds"].update(clear=9.0), ["detectors.0.thresholds"]),
        (lambda plain: plain["faces"][0].update(sharpness=float("inf")), ["damaged", "no JSON"]),
        (lambda plain: plain["faces"][0]["scores"][0].update(components={"fake": "1"}), ["components.fake"]),
    ],
)
def test_damage_is_named(report: Report, tmp_path: Path, change: Change, words: list[str]) -> None:
    assert_refused(changed(report, tmp_path, change), *words)


def test_another_schema_version_is_named_with_the_tool_that_reads_it(report: Report, tmp_path: Path) -> None:
    path = changed(report, tmp_path, lambda plain: plain.update(schema_version="0.9", tool_version="0.0.7"))
    assert_refused(path, "schema version 0.9", "by version 0.0.7 of the tool", f"reads {SCHEMA_VERSION}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["damaged"]),
        (b"{}", ["no schema version"]),
        (b"[1]", ["no schema version"]),
        (b'{"schema_version": 1}', ["no schema version"]),
        (b'{"schema_version": "1\\n0"}', ["schema version 1\\n0"]),
        (b"[" * 100_000, ["damaged"]),
        (b"\xff\xfe", ["damaged"]),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: bytes, words: list[str]) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    assert_refused(path, *words)


def test_a_report_cut_short_is_refused(report: Report, tmp_path: Path) -> None:
    path = write_json(report, tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    assert_refused(path, "damaged")


def test_a_missing_report_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / FILE_NAME, "No such file")


def test_the_schema_is_a_schema_and_holds_for_reports(report: Report) -> None:
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(SCHEMA_VERSION)
    assert schema["properties"]["schema_version"] == {"const": SCHEMA_VERSION}
    jsonschema.Draft202012Validator(schema).validate(json.loads(report_json(report)))


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: plain.pop("run"),
        lambda plain: plain["settings"].update(more=1),
        lambda plain: plain["faces"][0].update(sharpness="sharp"),
        lambda plain: plain["verdict"].update(label="surely fake"),
        lambda plain: plain.update(schema_version="0.9"),
    ],
)
def test_the_schema_refuses_what_is_no_report(report: Report, change: Change) -> None:
    plain = json.loads(report_json(report))
    change(plain)
    assert not jsonschema.Draft202012Validator(report_schema()).is_valid(plain)
