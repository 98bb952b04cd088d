"""Outputs appear whole or not at all, and digests depend on everything they should."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from forensics.cli.main import exit_code_of
from forensics.custody import FramesDigest, output_folder
from forensics.errors import ExitCode, OutputError
from video.frames import FrameBatch


def write_and_raise(out: Path, error: BaseException, *, overwrite: bool = False) -> None:
    with output_folder(out, overwrite=overwrite) as folder:
        (folder / "a").write_text("half")
        raise error


def write_all(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("new")


def never_entered(out: Path) -> None:
    with output_folder(out):
        pytest.fail("the block must not run")


def test_files_appear_together_when_the_block_ends(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with output_folder(out) as folder:
        (folder / "a").write_text("1")
        assert not (out / "a").exists()
    assert [path.name for path in out.iterdir()] == ["a"]


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt()])
def test_a_failing_block_leaves_nothing_not_even_the_folders_made_for_it(
    tmp_path: Path, error: BaseException
) -> None:
    with pytest.raises(type(error)) as raised:
        write_and_raise(tmp_path / "new" / "out", error)
    assert raised.value is error
    assert list(tmp_path.iterdir()) == []


def test_a_failing_block_leaves_the_folder_that_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(RuntimeError):
        write_and_raise(out, RuntimeError())
    assert list(tmp_path.iterdir()) == [out]
    assert list(out.iterdir()) == []


def test_a_full_disk_is_one_clear_error_and_nothing_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(OutputError, match="No space left on device") as refused:
        write_and_raise(out, OSError(errno.ENOSPC, "No space left on device"))
    assert str(out) in str(refused.value)
    assert exit_code_of(refused.value) is ExitCode.USAGE
    assert not out.exists()


def test_a_disk_that_fails_while_files_move_keeps_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, moved = os.replace, []

    def replace_one(source: Path, target: Path) -> None:
        if moved:
            raise OSError(errno.EIO, "Input/output error")
        moved.append(target)
        real(source, target)

    out = tmp_path / "out"
    monkeypatch.setattr("forensics.custody.os.replace", replace_one)
    with pytest.raises(OutputError, match="Input/output error"), output_folder(out) as folder:
        write_all(folder, "a", "b", "c")
    assert moved == [out / "a"]
    assert not out.exists()


def test_a_folder_with_content_is_refused_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    (tmp_path / "a").write_text("old")
    with pytest.raises(OutputError, match=r"not empty.*--overwrite"), output_folder(tmp_path):
        pytest.fail("the block must not run")
    with output_folder(tmp_path, overwrite=True) as folder:
        (folder / "a").write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert (tmp_path / "mine").read_text() == "keep"
    assert (tmp_path / "a").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 2


def test_overwriting_that_fails_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(RuntimeError):
        write_and_raise(tmp_path, RuntimeError(), overwrite=True)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_a_folder_where_a_file_should_go_stops_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "b").mkdir()
    with (
        pytest.raises(OutputError, match="b is a folder there"),
        output_folder(tmp_path, overwrite=True) as folder,
    ):
        write_all(folder, "a", "b")
    assert (tmp_path / "a").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_folders_of_files_join_what_is_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "faces").mkdir(parents=True)
    (out / "faces" / "1.png").write_text("old")
    (out / "faces" / "mine.png").write_text("keep")
    with output_folder(out, overwrite=True) as folder:
        write_all(folder, "faces/1.png", "faces/b/2.png", "a")
    kept = {path.relative_to(out).as_posix(): path.read_text() for path in out.rglob("*") if path.is_file()}
    assert kept == {"a": "new", "faces/1.png": "new", "faces/mine.png": "keep", "faces/b/2.png": "new"}
    assert not list(out.glob(".*"))


def test_a_disk_that_fails_while_folders_move_keeps_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def fail_last(source: Path, target: Path) -> None:
        if target.name == "z":
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr("forensics.custody.os.replace", fail_last)
    with pytest.raises(OutputError, match="Input/output error"), output_folder(out) as folder:
        write_all(folder, "faces/b/2.png", "z")
    assert list(out.iterdir()) == []


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "out"


def too_long_a_name(folder: Path) -> Path:
    return folder / "new" / ("x" * 300)


def dangling_link(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "nowhere")
    return folder / "link"


@pytest.mark.parametrize("make", [below_a_file, too_long_a_name, dangling_link])
def test_a_place_that_cannot_be_written_to_is_known_before_the_work(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match=r"cannot be written to.*; name a folder that can"):
        never_entered(path)
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_without_permission_is_known_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions themselves do not hold root back, as whom containers run.
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        never_entered(tmp_path / "out")


def test_the_message_is_one_line_whatever_the_folder_is_called(tmp_path: Path) -> None:
    path = tmp_path / "a\nb"
    path.write_text("")
    with pytest.raises(OutputError) as refused:
        never_entered(path)
    assert "\n" not in str(refused.value)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(OutputError, match="is a file"), output_folder(path):
        pass


def test_the_frames_digest_depends_on_number_time_size_and_pixels() -> None:
    data = np.zeros((1, 2, 8, 3), np.uint8)
    batch = FrameBatch(data, np.array([3]), np.array([30]), Fraction(1, 10))
    others = [
        replace(batch, index=np.array([4])),
        replace(batch, pts=np.array([31])),
        replace(batch, time_base=Fraction(1, 20)),
        replace(batch, data=data.reshape(1, 4, 4, 3)),
        replace(batch, data=data + np.uint8(1)),
    ]
    digests = set()
    for one in [batch, *others]:
        digest = FramesDigest()
        digest.update(one)
        digests.add(digest.hexdigest())
    assert len(digests) == 6


def test_the_frames_digest_does_not_depend_on_the_batches() -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
    numbers = np.arange(5)
    hexes = []
    for cuts in ([5], [2, 5], [1, 2, 3, 4, 5]):
        digest = FramesDigest()
        for first, last in pairwise([0, *cuts]):
            part = slice(first, last)
            digest.update(FrameBatch(data[part], numbers[part], 40 * numbers[part], Fraction(1, 1000)))
        hexes.append(digest.hexdigest())
    assert len(set(hexes)) == 1


def test_the_frames_digest_is_the_documented_one() -> None:
    data = np.arange(2 * 2 * 3 * 3, dtype=np.uint8).reshape(2, 2, 3, 3)
    digest = FramesDigest()
    digest.update(FrameBatch(data, np.array([4, 9]), np.array([40, 90]), Fraction(1, 100)))
    plain = b"4 40*1/100 3x2\n" + bytes(range(18)) + b"9 90*1/100 3x2\n" + bytes(range(18, 36))
    assert digest.hexdigest() == hashlib.sha256(plain).hexdigest()
