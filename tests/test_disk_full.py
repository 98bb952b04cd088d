"""A disk that is full at any point of any command: one line, the exit code, and no file cut short."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import media
import pytest
import torch
from command_line import assert_refused, run
from figures.disk_full import (
    MODULE,
    Command,
    check_failure,
    commands,
    fill_at_every_write,
    snapshot,
    stand_ins,
)
from full_disk import READ_ONLY, files_up_to, in_own_mounts, may_mount, read_only
from safetensors.torch import save_file

from forensics.errors import ExitCode, OutputError
from forensics.whole_file import is_unfinished, make_folder, whole_file
from video.write import write_video

COMMANDS = (
    "analyze",
    "analyze --overwrite",
    "report",
    "evaluate",
    "calibration",
    "weights import",
    "weights export",
    "data extract",
    "training loop",
)


@pytest.fixture(scope="module")
def all_commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Command]]:
    with pytest.MonkeyPatch.context() as patch:
        stand_ins(patch)
        yield commands(tmp_path_factory.mktemp("inputs"))


@pytest.mark.parametrize("name", COMMANDS)
def test_whatever_cannot_be_written_is_one_line_and_leaves_only_whole_files(
    name: str, all_commands: dict[str, Command], tmp_path: Path
) -> None:
    assert set(all_commands) == set(COMMANDS)
    assert fill_at_every_write(all_commands[name], tmp_path) >= 1


@pytest.mark.parametrize("name", COMMANDS)
def test_a_read_only_folder_for_the_output_is_one_line_and_stays_as_it_was(
    name: str, all_commands: dict[str, Command], tmp_path: Path
) -> None:
    command = all_commands[name]
    command.place(tmp_path)
    before = snapshot(tmp_path)
    with read_only(tmp_path):
        ended = command.go(tmp_path)
    check_failure(command, ended, tmp_path, before, cause=READ_ONLY)
    assert snapshot(tmp_path) == before


@pytest.mark.usefixtures("all_commands")
def test_read_only_evidence_is_analysed(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    clip = media.h264(evidence / "clip.mp4", count=6)
    with read_only(evidence) as disk:
        result = run("analyze", clip, "-o", tmp_path / "out", "--all-frames", "--annotate")
    assert result.exit_code == ExitCode.DONE, result.output
    assert disk.refused == 0


@pytest.mark.usefixtures("all_commands")
def test_evidence_on_a_failing_disk_is_named_and_not_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> str:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    clip = media.h264(tmp_path / "clip.mp4", count=6)
    monkeypatch.setattr("forensics.pipeline.sha256_of", fail)
    result = run("analyze", clip, "-o", tmp_path / "out")
    assert_refused(result, ExitCode.INPUT, "clip.mp4: cannot be read (Input/output error); copy it")
    assert not (tmp_path / "out").exists()


def test_a_real_disk_that_is_too_small_is_no_other() -> None:
    if not may_mount():
        pytest.skip("this machine lets no process mount a file system of its own")
    done = in_own_mounts(MODULE, "--count", "3", "--mounting")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("no file cut short") == len(COMMANDS)


def write_tensors(path: Path) -> None:
    with whole_file(path) as partial:
        save_file({"w": torch.zeros(1000)}, partial)


def write_clip(path: Path) -> None:
    write_video(path, [media.picture(number) for number in range(30)], frame_rate=Fraction(25))


@pytest.mark.parametrize(
    ("write", "kind"), [(write_tensors, OutputError), (write_clip, OSError)], ids=["safetensors", "video"]
)
def test_what_libraries_write_without_python_is_whole_or_absent_too(
    write: Callable[[Path], None], kind: type[Exception], tmp_path: Path
) -> None:
    path = tmp_path / "file.mp4"
    held = len(list(Path("/proc/self/fd").iterdir()))
    for size_bytes in (0, 1000):
        with files_up_to(size_bytes), pytest.raises(kind, match="File too large"):
            write(path)
        assert list(tmp_path.iterdir()) == []
        assert len(list(Path("/proc/self/fd").iterdir())) == held
    write(path)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def replace_and_fail(path: Path) -> None:
    with whole_file(path) as partial:
        partial.write_text("new")
        assert is_unfinished(partial)
        assert path.read_text() == "old"
        raise KeyError


def test_a_whole_file_replaces_the_old_one_only_when_it_is_done(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyError):
        replace_and_fail(path)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("file", "old")]
    with whole_file(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot be made a folder \(Not a directory\); name one"):
        make_folder(tmp_path / "file" / "below")
