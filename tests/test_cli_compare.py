"""`forensics compare`: an analysis that also says whose faces they may be, and what can be checked of it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import jsonschema
import people
import pytest
from click.testing import Result
from command_line import assert_refused
from outputs import lines_of, run
from stubs import ColourIdentity, OneFace, StubDetector, stub_models

from forensics.errors import ExitCode
from forensics.report.read import read_report
from forensics.report.reference import REFERENCE_NOTE, ReferenceOutcome
from forensics.report.schema import report_schema
from forensics.report.timeline import REFERENCE_TITLE, timeline

FRAMES = 6


def use_models(monkeypatch: pytest.MonkeyPatch, *, found: bool = True) -> None:
    detector = StubDetector("repdfd", lambda index: 2.0)
    given = stub_models(detector, faces=OneFace(found=found), identity=ColourIdentity())
    monkeypatch.setattr("forensics.models.fetch_weights", lambda *_, **__: ())
    for module in ("api", "rerun"):
        monkeypatch.setattr(f"forensics.{module}.load_models", lambda *_, **__: given)


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return people.clip(tmp_path / "clip.mp4", *[people.RED] * FRAMES)


@pytest.fixture
def photos(tmp_path: Path) -> tuple[Path, Path]:
    red = people.photo(tmp_path / "red.png", people.RED)
    return red, people.photo(tmp_path / "dark.png", people.DARK_RED)


def compared(clip: Path, *photos: Path, options: tuple[str | Path, ...] = ()) -> Result:
    references = [word for photo in photos for word in ("--reference", photo)]
    return run("compare", clip, *references, "--all-frames", *options)


@pytest.fixture
def out(clip: Path, photos: tuple[Path, Path], tmp_path: Path) -> Path:
    result = compared(clip, *photos, options=("-o", tmp_path / "out"))
    assert result.exit_code == ExitCode.DONE, result.output
    return tmp_path / "out"


def test_the_same_person_is_consistent_and_another_is_not(
    clip: Path, photos: tuple[Path, Path], tmp_path: Path
) -> None:
    same = " ".join(compared(clip, *photos).stdout.split())
    assert "compared by dlib with the reference person of the photos 1 red.png, 2 dark.png" in same
    assert "person A: consistent with the reference person: " in same
    assert "usable faces: 6, 100% of them reach it" in same
    assert REFERENCE_NOTE in same
    # The faces' own finding is as without a comparison.
    assert "clip.mp4: manipulation cues found" in same
    other = compared(clip, people.photo(tmp_path / "blue.png", people.BLUE))
    assert other.exit_code == ExitCode.DONE
    assert "person A: not consistent: " in other.stdout


def test_each_person_is_compared_by_the_own_faces(photos: tuple[Path, Path], tmp_path: Path) -> None:
    two = people.clip(tmp_path / "two.mp4", *[people.RED] * FRAMES, *[people.BLUE] * FRAMES)
    assert compared(two, *photos, options=("-o", tmp_path / "out")).exit_code == ExitCode.DONE
    found = [person.reference for person in read_report(tmp_path / "out").people]
    assert [(one.outcome, one.usable_faces) for one in found if one is not None] == [
        (ReferenceOutcome.CONSISTENT, FRAMES),
        (ReferenceOutcome.NOT_CONSISTENT, FRAMES),
    ]


def test_photos_of_two_people_are_warned_of_and_nothing_is_found(
    clip: Path, photos: tuple[Path, Path], tmp_path: Path
) -> None:
    result = compared(clip, photos[0], people.photo(tmp_path / "blue.png", people.BLUE))
    assert result.exit_code == ExitCode.DONE
    text = " ".join(result.stdout.split())
    assert "person A: inconclusive: the reference photos may not show one person" in text
    assert "warning: reference photo 1: its similarity to the others lies below" in text


def test_nobody_to_compare_with_is_a_fault_of_usage(clip: Path) -> None:
    assert_refused(run("compare", clip), ExitCode.USAGE, "nobody to compare with", "--reference")


def test_a_bad_reference_is_refused_before_weights_are_fetched(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(*_: object, **__: object) -> None:
        raise AssertionError("weights were fetched")

    monkeypatch.setattr("forensics.models.fetch_weights", fetched)
    result = compared(clip, tmp_path / "none.jpg", options=("-o", tmp_path / "out"))
    assert_refused(result, ExitCode.INPUT, "none.jpg", "does not exist")
    assert_refused(compared(clip, clip), ExitCode.INPUT, "clip.mp4: is a video")
    assert not (tmp_path / "out").exists()


def test_a_reference_without_a_face_leaves_no_output(
    clip: Path, photos: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_models(monkeypatch, found=False)
    result = compared(clip, *photos, options=("-o", tmp_path / "out"))
    assert_refused(result, ExitCode.INPUT, "red.png", "no face was found")
    assert not (tmp_path / "out").exists()


def test_the_report_comes_back_fits_its_schema_and_holds_no_identity(out: Path) -> None:
    report = read_report(out)
    plain = json.loads((out / "report.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(report_schema()).validate(plain)
    assert report.reference is not None
    assert [photo.file_name for photo in report.reference.photos] == ["red.png", "dark.png"]
    assert set(plain["reference"]) == {
        "photos",
        "embedder",
        "operating_point",
        "margin",
        "basis",
        "one_person",
    }
    # ColourIdentity's vectors have three numbers: no list of three is in the comparison.
    assert not re.search(r"\[\s*[-\d.]+,\s*[-\d.]+,\s*[-\d.]+\s*\]", json.dumps(plain["reference"]))
    assert str(out.parent) not in json.dumps(plain)


def test_the_table_has_the_similarity_of_each_face(out: Path) -> None:
    with (out / "frames.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == FRAMES
    assert all(float(row["reference_similarity"]) == pytest.approx(1.0, abs=1e-3) for row in rows)


def test_without_a_comparison_the_column_is_empty_and_the_page_says_nothing_of_one(
    clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "plain"
    assert run("analyze", clip, "-o", out, "--all-frames").exit_code == ExitCode.DONE
    report = read_report(out)
    assert report.reference is None
    assert [person.reference for person in report.people] == [None]
    with (out / "frames.csv").open(encoding="utf-8", newline="") as file:
        assert {row["reference_similarity"] for row in csv.DictReader(file)} == {""}
    assert "reference person" not in (out / "report.html").read_text(encoding="utf-8")


def test_the_page_shows_finding_photos_and_operating_point(out: Path) -> None:
    page = (out / "report.html").read_text(encoding="utf-8")
    report = read_report(out)
    assert report.reference is not None
    assert '<p class="beside">Comparison: consistent with the reference person: person A</p>' in page
    assert "<strong>consistent with the reference person</strong> (comparison): the faces lie" in page
    assert REFERENCE_NOTE in page
    for photo in report.reference.photos:
        assert photo.file_name in page
        assert photo.sha256 in page
    drawn = timeline(report)
    assert drawn is not None
    (panel,) = (panel for panel in drawn.panels if panel.title == REFERENCE_TITLE)
    assert [level.label for level in panel.thresholds] == [
        "not consistent below 0.863",
        "operating point 0.900",
        "consistent from 0.938",
    ]
    assert len(panel.lines[0].points) == FRAMES


def test_the_name_of_a_photo_never_becomes_an_element(clip: Path, tmp_path: Path) -> None:
    hostile = people.photo(tmp_path / '"><img src=x onerror=alert(1)>.png', people.RED)
    out = tmp_path / "out"
    assert compared(clip, hostile, options=("-o", out)).exit_code == ExitCode.DONE
    assert "<img src=x" not in (out / "report.html").read_text(encoding="utf-8")


def test_the_page_is_rendered_again_from_the_report_alone(out: Path, clip: Path) -> None:
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    for path in (clip, clip.parent / "red.png", clip.parent / "dark.png", out / "report.html"):
        path.unlink()
    assert run("report", out).exit_code == ExitCode.DONE
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_verify_hashes_the_photos_and_repeats_the_comparison(out: Path) -> None:
    result = run("verify", out, "--rerun")
    assert result.exit_code == ExitCode.DONE, result.output
    photos = [line for line in lines_of(result, "ok") if "photo  " in line]
    assert [line.split()[2] for line in photos] == ["red.png:", "dark.png:"]
    assert "byte-identical" in result.stdout


def test_a_missing_photo_is_said_and_the_rest_is_verified(out: Path, photos: tuple[Path, Path]) -> None:
    photos[1].unlink()
    result = run("verify", out, "--rerun")
    assert result.exit_code == ExitCode.INPUT
    assert (
        "photo     dark.png: is not in the folder, beside it or where this runs; name it with --reference"
        in result.stdout
    )
    assert "re-run    clip.mp4: a reference photo is not here" in result.stdout
    assert lines_of(result, "MISMATCH") == []
    assert any("photo     red.png" in line for line in lines_of(result, "ok"))


def test_a_changed_photo_is_a_mismatch(out: Path, photos: tuple[Path, Path]) -> None:
    people.photo(photos[1], people.BLUE)
    result = run("verify", out)
    assert result.exit_code == ExitCode.VERIFICATION
    (line,) = lines_of(result, "MISMATCH")
    assert "dark.png" in line


def test_photos_may_be_elsewhere_be_called_otherwise_and_be_named_in_any_order(
    out: Path, photos: tuple[Path, Path], tmp_path: Path
) -> None:
    vault = tmp_path / "vault"
    vault.mkdir()
    moved = [photo.rename(vault / f"{number}.png") for number, photo in enumerate(photos)]
    named = [word for photo in reversed(moved) for word in ("--reference", photo)]
    result = run("verify", out, *named, "--rerun")
    assert result.exit_code == ExitCode.DONE, result.output
    assert "byte-identical" in result.stdout


def test_a_photo_that_was_no_reference_is_a_mismatch(out: Path, tmp_path: Path) -> None:
    other = people.photo(tmp_path / "blue.png", people.BLUE)
    result = run("verify", out, "--reference", other)
    assert result.exit_code == ExitCode.VERIFICATION
    (line,) = lines_of(result, "MISMATCH")
    assert "blue.png" in line
    assert "no reference photo of the report" in line


def test_two_photos_of_one_name_are_told_apart_by_their_digests(clip: Path, tmp_path: Path) -> None:
    photos = []
    for name, colour in (("one", people.RED), ("two", people.DARK_RED)):
        (tmp_path / name).mkdir()
        photos.append(people.photo(tmp_path / name / "face.png", colour))
    out = tmp_path / "out"
    assert compared(clip, *photos, options=("-o", out)).exit_code == ExitCode.DONE
    photos[0].rename(tmp_path / "face.png")
    result = run("verify", out)
    assert result.exit_code == ExitCode.INPUT
    assert lines_of(result, "MISMATCH") == []
    assert run("verify", out, "--reference", photos[1]).exit_code == ExitCode.DONE


def test_photos_inside_the_folder_are_no_stray_files(out: Path, photos: tuple[Path, Path]) -> None:
    for photo in photos:
        photo.rename(out / photo.name)
    assert run("verify", out).exit_code == ExitCode.DONE
