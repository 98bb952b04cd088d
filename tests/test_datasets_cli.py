"""`forensics data check`, `datasets`, `manifest` and `extract --as`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import assert_refused, run
from dataset_trees import TREES, touch, write_tar
from media import picture
from PIL import Image

from face.types import FaceDetections
from forensics.data.dataset import dataset_names
from forensics.data.faces import FaceRecord, Label, Split
from forensics.data.samples import CLIP_FRAMES_PER_SECOND, Failure, find_faces
from forensics.errors import ExitCode


def save_picture(path: Path, number: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(number)).save(path)


def test_check_counts_by_split_label_method_and_compression(tmp_path: Path) -> None:
    TREES["faceforensics"](tmp_path)
    result = run("data", "check", tmp_path, "--as", "faceforensics", "--both-classes", "--split", "val")
    assert result.exit_code == ExitCode.DONE, result.output
    assert "FaceShifter" in result.stdout
    assert "missing: none" in result.stdout
    result = run("data", "check", tmp_path, "--as", "faceforensics", "--compression", "raw", "--json")
    found = json.loads(result.stdout)
    assert found["items"] == 18
    row = {"split": "test", "label": "fake", "method": "Deepfakes", "compression": "c0", "items": 2}
    assert row in found["counts"]
    assert found["missing"] == found["extra"] == found["leaking_identities"] == []
    assert found["unreadable"] is None


def test_check_names_what_is_missing_and_what_lies_there_besides(tmp_path: Path) -> None:
    TREES["celebdf"](tmp_path)
    (tmp_path / "Celeb-real/id2_0001.mp4").unlink()
    touch(tmp_path, "Celeb-real/notes.txt")
    result = run("data", "check", tmp_path, "--as", "celebdf")
    assert_refused(result, ExitCode.INPUT, "1 files do not exist: Celeb-real/id2_0001.mp4")
    assert "missing: 1\n  Celeb-real/id2_0001.mp4\nextra: 1\n  Celeb-real/notes.txt\n" in result.stdout
    assert run("data", "check", tmp_path, "--as", "celebdf", "--allow-missing").exit_code == ExitCode.DONE


def test_check_lists_ten_names_and_json_all(tmp_path: Path) -> None:
    TREES["celebdf"](tmp_path)
    touch(tmp_path / "Celeb-real", *(f"{number}.txt" for number in range(12)))
    shown = run("data", "check", tmp_path, "--as", "celebdf").stdout
    assert "extra: 12\n" in shown
    assert shown.count(".txt\n") == 10
    assert "and 2 more; --json lists all" in shown
    listed = json.loads(run("data", "check", tmp_path, "--as", "celebdf", "--json").stdout)
    assert len(listed["extra"]) == 12


def test_check_refuses_identities_in_two_splits_unless_allowed(tmp_path: Path) -> None:
    TREES["celebdf"](tmp_path)
    touch(tmp_path, "Celeb-real/id2_0009.mp4")
    arguments = ("data", "check", tmp_path, "--as", "celebdf")
    assert_refused(run(*arguments), ExitCode.INPUT, "more than one split: celebdf:id2")
    assert run(*arguments, "--allow-leaks").exit_code == ExitCode.DONE
    assert run(*arguments, "--split", "test").exit_code == ExitCode.DONE


def test_check_refuses_one_class_where_both_are_asked_for(tmp_path: Path) -> None:
    TREES["celebdf"](tmp_path)
    (tmp_path / "Celeb-synthesis/id0_id1_0000.mp4").unlink()
    arguments = ("data", "check", tmp_path, "--as", "celebdf")
    assert run(*arguments).exit_code == ExitCode.DONE
    assert_refused(run(*arguments, "--both-classes"), ExitCode.INPUT, "train holds no fake record")


def test_probe_opens_every_item_and_counts_those_that_cannot_be_opened(tmp_path: Path) -> None:
    save_picture(tmp_path / "real.png")
    save_picture(tmp_path / "frames/1.png")
    write_tar(tmp_path / "s.tar", ["a.png"], (tmp_path / "real.png").read_bytes())
    touch(tmp_path, "empty.mp4")
    write_tar(tmp_path / "broken.tar", ["b.png"])
    rows = "".join(
        f"{name},real,test,m,,\n"
        for name in ("real.png", "frames", "s.tar/a.png", "empty.mp4", "broken.tar/b.png")
    )
    (tmp_path / "m.csv").write_text(f"path,label,split,method,identity,group\n{rows}")
    arguments = ("data", "check", tmp_path / "m.csv", "--as", "manifest", "--probe")
    result = run(*arguments)
    assert_refused(result, ExitCode.INPUT, "2 items cannot be opened", "empty.mp4", "b.png")
    assert "cannot be opened: 2\n" in result.stdout
    assert run(*arguments, "--max-unreadable", "1").exit_code == ExitCode.INPUT
    result = run(*arguments, "--max-unreadable", "2", "--json")
    assert result.exit_code == ExitCode.DONE
    assert len(json.loads(result.stdout)["unreadable"]) == 2


def test_a_wrong_layout_and_a_wrong_name_are_one_line(tmp_path: Path) -> None:
    touch(tmp_path, "holiday/beach.mp4")
    result = run("data", "check", tmp_path, "--as", "wilddeepfake")
    assert_refused(result, ExitCode.INPUT, "expected real_train, fake_train", "found holiday")
    assert_refused(run("data", "check", tmp_path, "--as", "DFDCP"), ExitCode.USAGE, "no dataset 'DFDCP'")


def test_a_broken_shard_is_named_in_one_line(tmp_path: Path) -> None:
    write_tar(tmp_path / "s.tar", ["1.real.png"])
    (tmp_path / "s.tar").write_bytes((tmp_path / "s.tar").read_bytes()[:700])
    (tmp_path / "t.tar").write_text("no tar")
    for name, remedy in (("s.tar", "again"), ("t.tar", "again")):
        result = run("data", "check", tmp_path, "--as", "d3")
        assert_refused(result, ExitCode.INPUT, f"{name}: cannot be read as a tar", remedy)
        (tmp_path / name).unlink()


def test_the_known_datasets_are_listed_with_their_layouts() -> None:
    listed = json.loads(run("data", "datasets", "--json").stdout)
    assert [row["name"] for row in listed] == list(dataset_names())
    for row in listed:
        assert row["summary"]
        assert "\n" not in row["layout"]
    lines = run("data", "datasets").stdout.splitlines()
    assert lines[::2] == [f"{row['name']}: {row['summary']}" for row in listed]
    assert lines[1::2] == [f"    {row['layout']}" for row in listed]


def test_a_manifest_of_a_dataset_says_what_it_lacks_and_overwrites_nothing(tmp_path: Path) -> None:
    TREES["celebdf"](tmp_path / "data")
    (tmp_path / "data/Celeb-real/id2_0001.mp4").unlink()
    arguments = ("data", "manifest", tmp_path / "data", "--as", "celebdf", "-o", tmp_path / "items.csv")
    result = run(*arguments)
    assert result.exit_code == ExitCode.DONE, result.output
    assert "6 items" in result.stdout
    assert "missing: 1\n  Celeb-real/id2_0001.mp4" in result.stderr
    assert run("data", "check", tmp_path / "items.csv", "--as", "manifest").exit_code == ExitCode.DONE
    assert_refused(run(*arguments), ExitCode.USAGE, "exists")


@pytest.mark.parametrize("refused", ["missing", "leaking"])
def test_extract_refuses_a_faulty_dataset_before_it_loads_anything(refused: str, tmp_path: Path) -> None:
    TREES["celebdf"](tmp_path)
    if refused == "missing":
        (tmp_path / "Celeb-real/id2_0001.mp4").unlink()
    else:
        touch(tmp_path, "Celeb-real/id2_0009.mp4")
    word = {"missing": "do not exist", "leaking": "more than one split"}[refused]
    cache = ("--offline", "--cache-dir", tmp_path / "no weights")
    arguments = ("data", "extract", tmp_path, "--as", "celebdf", "-o", tmp_path / "cache", *cache)
    assert_refused(run(*arguments), ExitCode.INPUT, word)
    allowed = run(*arguments, "--allow-missing", "--allow-leaks")
    assert allowed.exit_code == ExitCode.WEIGHTS, allowed.output
    assert not (tmp_path / "cache").exists()


def test_faces_are_looked_for_in_sequences_and_in_members_of_tars(tmp_path: Path) -> None:
    for number in range(1, 26):
        save_picture(tmp_path / f"frames/{number}.png", number)
    save_picture(tmp_path / "one.png", 77)
    write_tar(tmp_path / "s.tar", ["a/one.png"], (tmp_path / "one.png").read_bytes())
    seen = []

    def look(image: object) -> FaceDetections:
        seen.append(image)
        return FaceDetections.empty()

    records = [
        FaceRecord(tmp_path / name, Label.REAL, Split.TRAIN, "m", name)
        for name in ("frames", "s.tar/a/one.png")
    ]
    failed: list[Failure] = []
    assert list(find_faces(list(enumerate(records)), look, failed)) == []
    # Of 25 pictures a second, as many as of a clip: the 1st, 13th and 25th.
    assert CLIP_FRAMES_PER_SECOND == 2
    assert [image.tolist() for image in seen] == [picture(number).tolist() for number in (1, 13, 25, 77)]
    assert len(failed) == 2
