"""`forensics evaluate` and the lists of encoders and face detectors: tables, JSON, wrong inputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import assert_refused, run
from PIL import Image
from stubs import OneFace, OneIdentity

from face.detect import detector_names
from face.embed import embedder_names
from face.facts import DetectorFacts
from forensics.errors import ExitCode


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two people in three pictures, and models that take everybody for the same person."""
    monkeypatch.setattr("forensics.cli.evaluate._fetched", lambda *_: {"stub": "0" * 64})
    monkeypatch.setattr("forensics.models.load_named_detector", lambda *_, **__: OneFace())
    monkeypatch.setattr("forensics.models.load_named_embedder", lambda *_, **__: OneIdentity())
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (64, 64), "grey").save(tmp_path / name)
    path = tmp_path / "pairs.csv"
    path.write_text("first,second,same\na.png,b.png,1\na.png,c.png,0\nb.png,c.png,0\n")
    return path


def test_faces_prints_a_table_and_writes_the_figures(pairs: Path, tmp_path: Path) -> None:
    result = run("evaluate", "faces", pairs, "-o", tmp_path / "out.json", "--detect-size", "320")
    assert result.exit_code == ExitCode.DONE, result.output
    assert "3 of 3 pairs used, faces found by mtcnn" in result.stdout
    assert "under 300 pairs of two people" in result.stdout
    written = json.loads((tmp_path / "out.json").read_text())
    # Equal cosines tell nothing, and at the operating point everybody passes.
    figures = written["figures"]["dlib"]
    assert (figures["auc"], figures["false_match_rate"], figures["false_non_match_rate"]) == (0.5, 1, 0)
    assert figures["accuracy"] == pytest.approx(1 / 3)
    assert written["weights_sha256"] == {"stub": "0" * 64}
    assert written["detect"]["longest_side_pixels"] == 320
    assert json.loads(run("evaluate", "faces", pairs, "--json", "--detect-size", "320").stdout) == written


def test_faces_names_pictures_without_a_face(pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.models.load_named_detector", lambda *_, **__: OneFace(found=False))
    result = run("evaluate", "faces", pairs)
    assert_refused(
        result, ExitCode.INPUT, "pairs.csv", "3 pictures have no face", "try another face detector"
    )


def test_an_output_that_exists_or_has_no_folder_is_refused_before_any_work(
    pairs: Path, tmp_path: Path
) -> None:
    for output in (pairs, tmp_path / "nowhere" / "out.json"):
        assert_refused(
            run("evaluate", "faces", pairs, "-o", output), ExitCode.USAGE, output.name, "name a new"
        )
    assert pairs.read_text().startswith("first")


@pytest.mark.parametrize("option", ["--embedder", "--face-detector"])
def test_an_unknown_encoder_or_detector_is_a_usage_error(tmp_path: Path, option: str) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    path = tmp_path / "pairs.csv"
    path.write_text("first,second,same\na.png,b.png,1\nb.png,a.png,0\n")
    result = run("evaluate", "faces", path, option, "squeeze", "--offline", "--cache-dir", tmp_path)
    assert_refused(result, ExitCode.USAGE, "'squeeze'", "there are: ")


def test_absent_weights_offline_say_how_to_get_them(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    path = tmp_path / "pairs.csv"
    path.write_text("first,second,same\na.png,b.png,1\nb.png,a.png,0\n")
    result = run("evaluate", "faces", path, "--offline", "--cache-dir", tmp_path / "cache")
    assert_refused(result, ExitCode.WEIGHTS, "dlib-face-recognition-resnet", "forensics weights fetch")


@pytest.mark.parametrize(
    ("command", "words"), [("faces", ["gone", "give a CSV"]), ("face-detectors", ["gone", "give pictures"])]
)
def test_what_is_not_there_is_refused(tmp_path: Path, command: str, words: list[str]) -> None:
    assert_refused(run("evaluate", command, tmp_path / "gone"), ExitCode.INPUT, *words)


def test_face_detectors_without_weights_are_listed_as_not_run(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    options = ("--cache-dir", tmp_path / "cache", "--device", "cpu")
    result = run("evaluate", "face-detectors", tmp_path / "black.png", *options)
    assert result.exit_code == ExitCode.DONE, result.output
    assert "mtcnn" in result.stdout
    assert "threads: torch" in result.stdout
    assert "yunet not run: its weight is not here; forensics weights fetch yunet-2026may" in result.stdout
    plain = json.loads(run("evaluate", "face-detectors", tmp_path / "black.png", "--json", *options).stdout)
    assert plain["detectors"]["mtcnn"]["pictures"] == {"pictures": 1, "recall": 0, "extra_boxes": 0}
    assert plain["detectors"]["mtcnn"]["milliseconds"] > 0
    assert set(plain["not_run"]) == {"scrfd", "yunet"}
    assert "forensics weights fetch yunet" in plain["not_run"]["yunet"]


def test_a_damaged_detector_weight_is_a_reason_not_to_run(tmp_path: Path) -> None:
    place = tmp_path / "cache" / "yunet-2026may"
    place.mkdir(parents=True)
    (place / "face_detection_yunet_2026may.onnx").write_bytes(b"half a network")
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    result = run(
        "evaluate", "face-detectors", tmp_path / "black.png", "--json", "--cache-dir", tmp_path / "cache"
    )
    assert "sha256" in json.loads(result.stdout)["not_run"]["yunet"]


def test_every_encoder_is_listed_with_its_figures_or_without() -> None:
    rows = json.loads(run("detectors", "--embedders", "--json").stdout)
    assert [row["name"] for row in rows] == list(embedder_names())
    dlib = rows[0]
    assert (dlib["dimension"], dlib["spec"]["size"], dlib["licence"]) == (128, 150, "CC0 1.0")
    assert all(0.5 < each["auc"] <= 1 and "pairs" in each["pairs"] for each in dlib["measurements"])
    assert {row["name"] for row in rows if row["measurements"]} == {"dlib"}
    shown = run("detectors", "--embedders").stdout
    assert "InsightFace" in shown
    assert shown.count("not measured here") == len(rows) - 1


def test_every_face_detector_is_listed_with_its_weights_and_licence() -> None:
    rows = {row["name"]: row for row in json.loads(run("detectors", "--faces", "--json").stdout)}
    assert list(rows) == list(detector_names())
    assert (rows["mtcnn"]["shipped_in"], rows["mtcnn"]["licence"]) == ("facenet-pytorch", "MIT")
    assert rows["scrfd"]["weights"] == ["scrfd-10g"]
    assert "non-commercial" in rows["scrfd"]["licence"]
    assert all(0 < each["recall"] <= 1 for row in rows.values() for each in row["measurements"])
    assert run("detectors", "--faces").stdout.count("not measured here") == 1


def test_one_list_at_a_time() -> None:
    assert_refused(run("detectors", "--faces", "--embedders"), ExitCode.USAGE, "exclude each other")


def test_a_face_detector_either_needs_weights_or_ships_in_a_package() -> None:
    for fields in ({}, {"weights": ("w",), "shipped_in": "p", "licence": "MIT"}, {"shipped_in": "p"}):
        with pytest.raises(ValueError, match="either needs weights or ships"):
            DetectorFacts("any", "a detector", **fields)  # type: ignore[arg-type]
