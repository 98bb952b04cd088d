"""`forensics analyze` on right and wrong inputs: one line, the exit code, nothing half-written."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import media
import pytest
from click.testing import Result
from command_line import assert_refused
from command_line import run as command_line
from stubs import StubDetector, stub_models

from forensics.errors import ExitCode
from forensics.manifest import read_manifest
from forensics.models import Models


def run(*arguments: str | Path) -> Result:
    return command_line("analyze", *arguments)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Callable[[Models], None]:
    def use(models: Models) -> None:
        monkeypatch.setattr("forensics.models.fetch_weights", lambda *_, **__: ())
        monkeypatch.setattr("forensics.api.load_models", lambda *_, **__: models)

    use(stub_models(StubDetector("repdfd", lambda index: 2.0)))
    return use


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return media.h264(tmp_path / "clip.mp4", count=20)


def text_as_video(path: Path) -> Path:
    path.write_text("#EXTM3U\nother.mp4\n")
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def giant(path: Path) -> Path:
    # A header is enough to refuse it by; 15,000 px of real picture would take a gigabyte to make.
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 15000, 15000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    "make", [lambda path: path, folder, empty, text_as_video, media.audio_only, media.no_frames, giant]
)
def test_what_is_no_usable_video_is_refused(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    result = run(make(tmp_path / "bad.mp4"), "-o", tmp_path / "out")
    assert_refused(result, ExitCode.INPUT, "bad.mp4", ";")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("models")
def test_a_video_gives_a_summary_and_files(clip: Path, tmp_path: Path) -> None:
    result = run(clip, "-o", tmp_path / "out")
    assert result.exit_code == ExitCode.DONE, result.output
    assert "clip.mp4: manipulation cues found" in result.stdout
    assert "person A" in result.stdout
    assert "uncalibrated" in result.stdout
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["frames.csv", "manifest.json", "report.html", "report.json"]


@pytest.mark.usefixtures("models")
def test_the_digest_of_the_manifest_is_printed_for_the_file(clip: Path, tmp_path: Path) -> None:
    result = run(clip, "-o", tmp_path / "out")
    digest = hashlib.sha256((tmp_path / "out" / "manifest.json").read_bytes()).hexdigest()
    assert f"sha256 of manifest.json: {digest}" in result.stdout.splitlines()
    assert (
        f"written to {tmp_path / 'out'}: frames.csv, report.html, report.json, manifest.json" in result.stdout
    )


@pytest.mark.usefixtures("models")
def test_what_is_said_of_the_case_is_in_the_report(clip: Path) -> None:
    odd = b"M\xfcller\n\x1b[31m".decode("utf-8", "surrogateescape")
    case = ("--case", "=7/24", "--examiner", odd, "--exhibit", "A", "--notes", "")
    assert json.loads(run(clip, "--json", *case).stdout)["case"] == {
        "case": "=7/24",
        "examiner": "M\\xfcller\n\x1b[31m",
        "exhibit": "A",
        "notes": None,
    }
    assert set(json.loads(run(clip, "--json").stdout)["case"].values()) == {None}


@pytest.mark.usefixtures("models")
def test_a_window_past_the_end_is_no_missing_face(clip: Path, tmp_path: Path) -> None:
    result = run(clip, "--start", "1000", "-o", tmp_path / "out")
    assert_refused(result, ExitCode.USAGE, "clip.mp4", "no frame lies between")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("models")
def test_json_goes_to_standard_output_alone(clip: Path) -> None:
    assert json.loads(run(clip, "--json").stdout)["verdict"]["label"] == "manipulation cues found"


def test_no_face_is_an_outcome_with_exit_code_4(
    clip: Path, tmp_path: Path, models: Callable[[Models], None]
) -> None:
    models(stub_models(StubDetector("repdfd", lambda index: 2.0), found=False))
    result = run(clip, "-o", tmp_path / "out")
    assert result.exit_code == ExitCode.NO_VERDICT
    assert "inconclusive: no face found" in result.stdout
    assert (tmp_path / "out" / "report.json").is_file()


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("make", [media.truncated, lambda path: media.h264(path, count=1)])
def test_short_and_truncated_videos_are_analysed(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    result = run(make(tmp_path / "short.mp4"))
    assert result.exit_code in (ExitCode.DONE, ExitCode.NO_VERDICT), result.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--detector", "repfdf"], ["repfdf", "did you mean 'repdfd'"]),
        (["--fps", "2", "--every", "3"], ["--fps and --every"]),
        (["--start", "5", "--end", "1"], ["--start and --end"]),
        (["--fps", "nan"], ["--fps nan"]),
        (["--start", "inf"], ["--start inf"]),
        (["--device", "tpu"], ["tpu", "choose"]),
        (["--backend", "vlc"], ["vlc", "pyav"]),
        (["--face-detector", "haar"], ["haar", "mtcnn"]),
        (["--face", "1,2,3"], ["1,2,3", "x,y,w,h@seconds"]),
        (["--weights", "nowhere.safetensors"], ["nowhere.safetensors", "starter"]),
    ],
)
def test_options_that_make_no_sense_are_named(
    clip: Path, tmp_path: Path, options: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forensics.models.fetch_weights", lambda *_, **__: ())
    result = run(clip, *options, "--offline", "--cache-dir", tmp_path / "cache")
    assert_refused(result, ExitCode.USAGE, *words)


def test_a_calibration_that_is_none_is_refused_before_anything_is_fetched(clip: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    result = run(clip, "--calibration", wrong, "--offline", "--cache-dir", tmp_path / "cache")
    assert_refused(result, ExitCode.INPUT, "wrong.json", "forensics calibrate")


@pytest.mark.usefixtures("models")
def test_extras_are_written_where_they_are_asked_for_and_listed(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(clip, "-o", out, "--annotate", "--save-faces")
    assert result.exit_code == ExitCode.DONE, result.output
    listed = {one.name for one in read_manifest(out).outputs}
    assert "annotated.mp4" in listed
    faces = sorted(path.name for path in (out / "faces").iterdir())
    assert faces[0] == "person-A_frame-000000.jpg"
    assert {f"faces/{name}" for name in faces} <= listed


@pytest.mark.usefixtures("models")
def test_without_crops_no_picture_of_a_face_is_kept(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(clip, "-o", out, "--no-crops").exit_code == ExitCode.DONE
    assert json.loads((out / "report.json").read_text())["pictures"] == []
    assert "data:image" not in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--annotate"], ["-o"]), (["-o", "out", "--save-faces", "--no-crops"], ["exclude each other"])],
)
def test_extras_that_cannot_be_are_named(clip: Path, options: list[str], words: list[str]) -> None:
    assert_refused(run(clip, *options), ExitCode.USAGE, *words)


def test_absent_weights_offline_say_how_to_get_them(clip: Path, tmp_path: Path) -> None:
    result = run(clip, "--offline", "--cache-dir", tmp_path / "cache", "-o", tmp_path / "out")
    assert_refused(result, ExitCode.WEIGHTS, "clip-vit-b16-image", "forensics weights fetch")
    assert not (tmp_path / "out").exists()


def test_a_corrupt_weight_is_refused(clip: Path, tmp_path: Path) -> None:
    place = tmp_path / "cache" / "clip-vit-b16-image"
    place.mkdir(parents=True)
    (place / "clip-vit-b16-image.safetensors").write_bytes(b"not the weights")
    result = run(clip, "--offline", "--cache-dir", tmp_path / "cache")
    assert_refused(result, ExitCode.WEIGHTS, "clip-vit-b16-image", "sha256")


@pytest.mark.usefixtures("models")
def test_a_folder_with_content_is_refused(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("")
    assert_refused(run(clip, "-o", tmp_path / "out"), ExitCode.USAGE, "not empty", "--overwrite")
    assert run(clip, "-o", tmp_path / "out", "--overwrite").exit_code == ExitCode.DONE


@pytest.mark.usefixtures("models")
def test_an_output_that_is_a_file_is_refused(clip: Path) -> None:
    assert_refused(run(clip, "-o", clip), ExitCode.USAGE, "is a file")


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), ExitCode.INTERRUPTED), (RuntimeError("x"), ExitCode.FAULT)]
)
def test_interrupts_and_faults_are_one_line(
    clip: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: ExitCode
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("forensics.models.fetch_weights", fail)
    assert_refused(run(clip), code)


def test_debug_shows_the_traceback_and_keeps_the_exit_code(tmp_path: Path) -> None:
    result = run(tmp_path / "none.mp4", "--debug")
    assert result.exit_code == ExitCode.INPUT
    assert result.stderr.startswith("Traceback")
    assert "UnreadableVideoError" in result.stderr
    assert "none.mp4" in result.stderr


def test_help_does_not_load_torch() -> None:
    code = "import sys; from forensics.cli import main; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
