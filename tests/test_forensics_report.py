"""Reports: plain, finite, equal for equal runs, and without the paths and vectors of anybody."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import media
import numpy as np
import pytest
from stubs import StubDetector, stub_models

from forensics.aggregate import find_in_video
from forensics.detector import Scope
from forensics.findings import Label, Reason, TrackFinding
from forensics.pipeline import analyze_video
from forensics.report.json import report_json, to_plain, write_json
from forensics.report.model import Report
from forensics.report.people import person_name
from forensics.report.rows import DetectorScore, FaceRow, FrameRow
from forensics.report.table import COLUMNS, write_table
from forensics.report.verdict import DetectorRun, Status, conclude
from forensics.scores import Abstention, ScoreKind
from forensics.settings import AnalysisSettings
from video.sampling import Sampling

SETTINGS = AnalysisSettings(sampling=Sampling.all(), detectors=("a",), device="cpu")
FRAMES = 4


def rising(index: int) -> float:
    return index / 10 + 1


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.h264(tmp_path_factory.mktemp("clip") / "clip.mp4", count=FRAMES)


@pytest.fixture(scope="module")
def report(clip: Path) -> Report:
    """Scores 1.0, 1.1 and 1.3 on the frames 0, 1 and 3; silence on frame 2."""
    detector = StubDetector("a", lambda index: float("nan") if index == 2 else rising(index))
    return analyze_video(clip, stub_models(detector), SETTINGS)


def test_equal_reports_give_equal_bytes(report: Report, tmp_path: Path) -> None:
    again = replace(report)
    (tmp_path / "again").mkdir()
    first, second = write_json(report, tmp_path), write_json(again, tmp_path / "again")
    assert first.read_bytes() == second.read_bytes()
    first, second = write_table(report, tmp_path), write_table(again, tmp_path / "again")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan"), -np.inf])
def test_a_number_that_is_not_finite_never_becomes_json(report: Report, value: float) -> None:
    face = replace(report.faces[0], sharpness=value)
    with pytest.raises(ValueError, match="Out of range float"):
        report_json(replace(report, faces=(face,)))


def test_the_json_is_strict_and_an_abstention_is_null_with_its_reason(report: Report) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    plain = json.loads(report_json(report), parse_constant=refuse)
    said = [face["scores"][0] for face in plain["faces"]]
    assert [one["score"] for one in said] == [1.0, 1.1, None, 1.3]
    assert [one["abstained"] for one in said] == [None, None, "not_finite", None]
    assert plain["verdict"] == {
        "label": "manipulation cues found",
        "reason": None,
        "sentence": "manipulation cues found",
        "beside": [],
    }
    assert plain["faces"][1]["time_base"].startswith("1/")
    assert "uncalibrated" in plain["calibration"]


def test_the_json_ends_with_a_line_and_writes_letters_as_they_are(report: Report) -> None:
    text = report_json(replace(report, warnings=("Größe",)))
    assert text.endswith("}\n")
    assert "Größe" in text


def test_no_path_and_no_identity_vector_leaves_the_machine(report: Report, clip: Path) -> None:
    text = report_json(report)
    plain = json.loads(text)
    assert plain["evidence"]["file_name"] == "clip.mp4"
    assert plain["evidence"]["probe"]["path"] == "clip.mp4"
    assert str(clip.parent) not in text
    assert set(plain["people"][0]["identity"]) == {"drift_per_second", "flicker", "changes"}


def test_every_kind_of_value_has_one_plain_form() -> None:
    values = {
        "fraction": Fraction(1001, 30000),
        "enum": Abstention.BLURRED,
        "path": Path("some") / "where" / "a.mp4",
        "array": np.array([[1.5, 2.0]]),
        3: (1, None, [Reason.NO_FACE]),
    }
    assert to_plain(values) == {
        "fraction": "1001/30000",
        "enum": "blurred",
        "path": "a.mp4",
        "array": [[1.5, 2.0]],
        "3": [1, None, ["no_face"]],
    }


def test_a_file_name_that_is_not_utf8_survives(clip: Path, tmp_path: Path) -> None:
    odd = tmp_path / b"clip\xff\n.mp4".decode("utf-8", "surrogateescape")
    odd.write_bytes(clip.read_bytes())
    report = analyze_video(odd, stub_models(StubDetector("a", rising)), SETTINGS)
    plain = json.loads(write_json(report, tmp_path).read_text(encoding="utf-8"))
    assert plain["evidence"]["file_name"] == "clip\\xff\n.mp4"
    assert plain["evidence"]["probe"]["path"] == "clip\\xff\n.mp4"


def rows_of(report: Report, folder: Path) -> list[dict[str, str]]:
    with write_table(report, folder).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_one_row_per_face_and_frame(report: Report, tmp_path: Path) -> None:
    rows = rows_of(report, tmp_path)
    assert tuple(rows[0]) == COLUMNS
    assert [row["frame_index"] for row in rows] == ["0", "1", "2", "3"]
    assert {row["shot"] for row in rows} == {"0"}
    assert [row["score"] for row in rows] == ["1.0", "1.1", "", "1.3"]
    assert [row["abstained"] for row in rows] == ["", "", "not_finite", ""]
    assert {row["person"] for row in rows} == {"person A"}
    assert [float(row["pts_seconds"]) for row in rows] == [0.0, 0.04, 0.08, 0.12]


def test_each_column_holds_what_it_is_called(report: Report, tmp_path: Path) -> None:
    face = FaceRow(
        frame_index=7,
        pts=280,
        time_base="1/1000",
        pts_seconds=0.28,
        track=27,
        box_xyxy=(1.0, 2.0, 3.0, 4.0),
        confidence=0.5,
        size_pixels=6.0,
        sharpness=8.0,
        yaw_degrees=9.0,
        pitch_degrees=10.0,
        visible_ratio=0.25,
        covered_ratio=0.125,
        identity_similarity=0.75,
        reference_similarity=0.5,
        scores=(DetectorScore("a", -1.5, 0.125, None), DetectorScore("b", None, None, "cut_off")),
    )
    frame = FrameRow(7, 280, "1/1000", 0.28, 1, ())
    first, second = rows_of(replace(report, frames=(frame,), faces=(face,)), tmp_path)
    place = {"frame_index": "7", "pts_seconds": "0.28", "shot": "1", "track": "27", "person": "person AB"}
    box = {"x1": "1.0", "y1": "2.0", "x2": "3.0", "y2": "4.0", "confidence": "0.5"}
    quality = {"size_pixels": "6.0", "sharpness": "8.0", "yaw_degrees": "9.0", "pitch_degrees": "10.0"}
    shared = {
        **place,
        **box,
        **quality,
        "visible_ratio": "0.25",
        "covered_ratio": "0.125",
        "identity_similarity": "0.75",
        "reference_similarity": "0.5",
        "peak": "",
    }
    assert first == shared | {"detector": "a", "score": "-1.5", "probability": "0.125", "abstained": ""}
    assert second == shared | {"detector": "b", "score": "", "probability": "", "abstained": "cut_off"}


def test_a_report_without_faces_has_a_table_without_rows(report: Report, tmp_path: Path) -> None:
    assert rows_of(replace(report, faces=()), tmp_path) == []
    assert (tmp_path / "frames.csv").read_text(encoding="utf-8").split() == [",".join(COLUMNS)]


def test_whole_frames_come_after_the_faces_without_person_and_box(report: Report, tmp_path: Path) -> None:
    frame = FrameRow(3, 12, "1/100", 0.12, 2, (DetectorScore("w", 1.0, None, None, 5.0),))
    *faces, whole = rows_of(replace(report, frames=(*report.frames[:3], frame)), tmp_path)
    assert len(faces) == FRAMES
    given = {
        "frame_index": "3",
        "pts_seconds": "0.12",
        "shot": "2",
        "detector": "w",
        "score": "1.0",
        "peak": "5.0",
    }
    assert whole == dict.fromkeys(COLUMNS, "") | given


def test_components_are_columns_of_their_own_where_a_detector_gives_any(
    report: Report, tmp_path: Path
) -> None:
    scores = (
        DetectorScore("a", 1.0, None, None, components={"fake": -0.5, "generated": 0.75}),
        DetectorScore("a", None, None, "blurred"),
        DetectorScore("b", 2.0, None, None),
    )
    first, *others = rows_of(replace(report, faces=(replace(report.faces[0], scores=scores),)), tmp_path)
    assert tuple(first) == (*COLUMNS, "component_fake", "component_generated")
    assert (first["component_fake"], first["component_generated"]) == ("-0.5", "0.75")
    assert [(row["component_fake"], row["component_generated"]) for row in others] == [("", "")] * 2


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_text_starts_a_formula_and_numbers_stay_so(report: Report, tmp_path: Path, start: str) -> None:
    scores = (DetectorScore(start, -1.5, 0.125, None), DetectorScore("b", None, None, start))
    face = replace(report.faces[0], box_xyxy=(-4.0, -2.5, 3.0, 4.0), scores=scores)
    first, second = rows_of(replace(report, faces=(face,)), tmp_path)
    assert (first["detector"], second["abstained"]) == (f"'{start}", f"'{start}")
    assert (first["score"], first["x1"], first["y1"]) == ("-1.5", "-4.0", "-2.5")
    assert (second["detector"], second["score"]) == ("b", "")


def test_people_are_lettered() -> None:
    names = [person_name(track) for track in (0, 1, 25, 26, 27, 51, 52, 701, 702)]
    letters = [name.removeprefix("person ") for name in names]
    assert letters == ["A", "B", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA"]
    assert len({person_name(track) for track in range(2000)}) == 2000


def finding(track: int, label: Label, reason: Reason | None, mean: float | None = 0.0) -> TrackFinding:
    return TrackFinding("a", track, label, reason, mean, None, 9, 0, None, ())


CLEAR = finding(0, Label.NO_CUE, None, -2.0)
CUES = finding(1, Label.CUES, None, 2.0)
UNDECIDED = finding(2, Label.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS)
PASSER_BY = finding(3, Label.INCONCLUSIVE, Reason.TOO_FEW_FRAMES, 3.0)


def ran(*tracks: TrackFinding, name: str = "a") -> DetectorRun:
    found = find_in_video(name, tracks)
    return DetectorRun(name, Scope.FACE, Status.RAN, None, ScoreKind.LOGIT, None, (), found)


def whole_frame(label: Label, reason: Reason | None = None) -> DetectorRun:
    found = find_in_video("w", [finding(0, label, reason)])
    return replace(ran(name="w"), scope=Scope.FRAME, finding=found)


FAILED = DetectorRun.without_finding("bad", Scope.FACE, Status.FAILED, "it broke")


@pytest.mark.parametrize(
    ("runs", "label", "sentence"),
    [
        ((), Label.INCONCLUSIVE, "inconclusive: no detector ran"),
        ((FAILED,), Label.INCONCLUSIVE, "inconclusive: no detector ran"),
        ((FAILED, ran(CLEAR)), Label.NO_CUE, "no cue found"),
        ((ran(),), Label.INCONCLUSIVE, "inconclusive: no face found"),
        ((ran(CLEAR), ran(CUES, name="b")), Label.CUES, "manipulation cues found"),
        ((ran(UNDECIDED), ran(CUES, name="b")), Label.CUES, "manipulation cues found"),
        (
            (ran(CLEAR), ran(UNDECIDED, name="b")),
            Label.INCONCLUSIVE,
            "inconclusive: the score lies between the thresholds",
        ),
        (
            (ran(CLEAR, PASSER_BY),),
            Label.NO_CUE,
            "no cue found in 1 of 2 people; the others could not be judged",
        ),
    ],
)
def test_the_verdict_is_the_most_suspicious_finding(
    runs: tuple[DetectorRun, ...], label: Label, sentence: str
) -> None:
    for order in (runs, runs[::-1]):
        verdict = conclude(order)
        assert (verdict.label, verdict.sentence) == (label, sentence)


def test_whole_frame_findings_stand_beside_the_faces_and_never_decide() -> None:
    cues = whole_frame(Label.CUES)
    verdict = conclude((ran(CLEAR), cues))
    assert (verdict.label, verdict.sentence) == (Label.NO_CUE, "no cue found")
    assert verdict.beside == ("whole frame, w: manipulation cues found",)
    too_few = conclude((ran(PASSER_BY), cues))
    assert (too_few.label, too_few.reason) == (Label.INCONCLUSIVE, Reason.TOO_FEW_FRAMES)


def test_where_only_whole_frames_were_scored_they_decide() -> None:
    verdict = conclude((FAILED, whole_frame(Label.CUES)))
    assert (verdict.label, verdict.beside) == (Label.CUES, ())
