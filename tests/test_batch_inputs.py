"""What a batch takes of a folder or a manifest, what it leaves out, where it may write, and its shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from forensics.batch.folders import check_output
from forensics.batch.inputs import BatchInputError, list_inputs
from forensics.batch.shard import Shard
from forensics.data.faces import DatasetError
from forensics.errors import OutputError, UsageFault


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_a_folder_is_searched_with_all_below_it_in_the_order_of_names(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.mkv", "a.mp4", "b/10.AVI", "c.jpg", "b.webm")
    files = list_inputs(tmp_path).files
    assert [file.name for file in files] == ["a.mp4", "b/10.AVI", "b/2.mkv", "b.webm", "c.jpg"]
    assert all(file.path == tmp_path / file.name for file in files)


def test_everything_that_is_not_taken_is_named_with_its_reason(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "notes.txt", "playlist.m3u8", ".hidden.mp4", ".git/b.mp4")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.mp4")
    inputs = list_inputs(tmp_path)
    assert [file.name for file in inputs.files] == ["a.mp4"]
    assert {one.name: one.reason for one in inputs.left_out} == {
        "notes.txt": "not called like a video or picture",
        "playlist.m3u8": "not called like a video or picture",
        ".hidden.mp4": "hidden",
        ".git": "hidden",
        "link.mp4": "a symbolic link",
        "loop": "a symbolic link",
        "pipe.mp4": "no regular file",
    }


def test_a_name_that_is_no_text_can_be_stored(tmp_path: Path) -> None:
    name = os.fsdecode(b"M\xfcller.mp4")
    touch(tmp_path, name)
    (file,) = list_inputs(tmp_path).files
    assert file.name == "M\\xfcller.mp4"
    assert file.path.is_file()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.csv", "path,label\nb.mp4,x\na.mp4,y\nb.mp4,z\n"),
        ("list.jsonl", '{"path": "b.mp4"}\n{"path": "a.mp4"}\n\n{"path": "b.mp4"}\n'),
    ],
)
def test_a_manifest_keeps_its_order_and_counts_a_path_once(tmp_path: Path, name: str, text: str) -> None:
    manifest = tmp_path / name
    manifest.write_text(text)
    files = list_inputs(manifest).files
    assert [(file.name, file.path) for file in files] == [
        ("b.mp4", tmp_path / "b.mp4"),
        ("a.mp4", tmp_path / "a.mp4"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("list.csv", "file\na.mp4\n", "line 2: no path"),
        ("list.csv", "path\n\0.mp4\n", "line 2: no path"),
        ("list.jsonl", "[1]\n", "line 1"),
        ("list.jsonl", '{"path": 3}\n', "line 1: no path"),
    ],
)
def test_a_manifest_without_paths_is_refused_by_its_line(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError, match=words):
        list_inputs(tmp_path / name)


def empty_folder(root: Path) -> Path:
    touch(root, "in/notes.txt")
    return root / "in"


def empty_manifest(root: Path) -> Path:
    (root / "list.csv").write_text("path\n")
    return root / "list.csv"


def a_video(root: Path) -> Path:
    touch(root, "a.mp4")
    return root / "a.mp4"


def nothing(root: Path) -> Path:
    return root / "nowhere"


@pytest.mark.parametrize("make", [empty_folder, empty_manifest, a_video, nothing])
def test_an_input_without_videos_is_refused(tmp_path: Path, make: object) -> None:
    assert callable(make)
    with pytest.raises(BatchInputError):
        list_inputs(make(tmp_path))


def test_an_output_that_would_be_searched_is_refused(tmp_path: Path) -> None:
    source = touch(tmp_path, "in/a.mp4") / "in"
    (tmp_path / "other").symlink_to(source)
    for out in (source, source / "out", tmp_path / "other" / "out"):
        with pytest.raises(UsageFault, match="is searched"):
            check_output(out, source)
    check_output(tmp_path / "out", source)
    check_output(tmp_path / "in-out", source)


@pytest.mark.parametrize("name", ["index.csv", "left_out.csv", f"{'0' * 64}/0/faces"])
def test_an_input_in_the_output_is_refused(tmp_path: Path, name: str) -> None:
    """These two tables have a column of paths and would be written over."""
    touch(tmp_path, f"out/{name}")
    with pytest.raises(UsageFault, match="is written to"):
        check_output(tmp_path / "out", tmp_path / "out" / name)


@pytest.mark.parametrize("name", ["mine.txt", "report.json", "index.sqlite.old", "index.html.bak"])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "out/index.sqlite", f"out/{'0' * 64}/0/report.json")
    check_output(tmp_path / "out", tmp_path / "in")
    touch(tmp_path, f"out/{name}")
    with pytest.raises(OutputError, match="is of no batch"):
        check_output(tmp_path / "out", tmp_path / "in")


def test_a_file_is_no_output(tmp_path: Path) -> None:
    touch(tmp_path, "out")
    with pytest.raises(OutputError, match="cannot be written to"):
        check_output(tmp_path / "out", tmp_path / "in")


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "1", "a/b", "1/4/2", "-1/4", " 1/4", "", "\uff11/4"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageFault, match="--shard"):
        Shard.parse(text)


def test_every_file_is_of_one_share() -> None:
    shares = [Shard.parse(f"{number}/5") for number in range(1, 6)]
    for number in range(50):
        digest = f"{number * 7919:064x}"[::-1]
        assert sum(share.takes(digest, "") for share in shares) == 1
        assert sum(share.takes(None, f"gone-{number}.mp4") for share in shares) == 1
