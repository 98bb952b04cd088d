"""`forensics batch` on right and wrong inputs: what it prints, its exit codes, nothing half-written."""

from __future__ import annotations

import errno
import io
import sqlite3
from pathlib import Path

import pytest
from batches import Inline, Place, clips, finished, place
from click.testing import Result
from command_line import assert_refused
from command_line import run as command_line
from rich.console import Console

from forensics.batch.index import Index
from forensics.errors import ExitCode

__all__ = ["place"]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.batch.crew.Processes", Inline)


def run(place: Place, *options: str | Path) -> Result:
    return command_line("batch", place.source, "-o", place.out, "--all-frames", "--no-crops", *options)


def test_a_batch_says_what_it_did_and_where_it_is(place: Place) -> None:
    clips(place.source, 3)
    (place.source / "notes.txt").write_text("")
    result = run(place)
    assert result.exit_code == ExitCode.DONE, result.output
    assert result.stdout.splitlines() == [
        "3 files: 3 done, 0 failed; videos analysed now: 3, before: 0",
        f"written to {place.out}: index.html, index.csv",
    ]
    told = result.stderr.splitlines()
    assert told[0] == "3 to analyse, 0 finished before"
    assert [line.partition(" (")[0] for line in told[1:4]] == [
        "1/3 0.mp4: inconclusive",
        "2/3 1.mp4: inconclusive",
        "3/3 2.mp4: manipulation cues found",
    ]
    assert told[4] == "not taken: notes.txt (not called like a video or picture); all are in left_out.csv"
    again = run(place)
    assert again.stdout.startswith("3 files: 3 done, 0 failed; videos analysed now: 0, before: 3")


def test_on_a_terminal_a_live_table_counts_instead(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(
        "forensics.cli.batch_progress.Console",
        lambda stderr: Console(file=screen, force_terminal=True, width=100),
    )
    clips(place.source, 2)
    (place.source / "text.mp4").write_text("none")
    result = run(place)
    assert result.exit_code == ExitCode.BATCH_FAILURES, result.output
    assert "to analyse" not in result.stderr
    shown = screen.getvalue()
    assert all(heading in shown for heading in ("done", "failed", "to do", "rate", "remaining", "last"))
    last = shown.rpartition("remaining")[2]
    assert "an hour" in last
    assert [cell.strip() for cell in last.split("│") if cell.strip().isdigit()][:3] == ["2", "1", "0"]


def test_some_that_fail_are_named_and_give_exit_code_8(place: Place) -> None:
    clips(place.source, 2)
    (place.source / "text.mp4").write_text("none")
    result = run(place)
    assert result.exit_code == ExitCode.BATCH_FAILURES
    assert "3 files: 2 done, 1 failed" in result.stdout
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("failed: "))
    assert "text.mp4" in line
    # It is still failed when nothing is left to do.
    assert run(place).exit_code == ExitCode.BATCH_FAILURES
    assert place.behaviour.begun() == [0, 1]


def test_what_was_refused_is_tried_again_where_that_is_asked_for(place: Place) -> None:
    clips(place.source, 1)
    (place.source / "text.mp4").write_text("none")
    assert "videos analysed now: 1, before: 1" not in run(place).stdout
    assert "videos analysed now: 0, before: 2" in run(place).stdout
    assert "videos analysed now: 1, before: 1" in run(place, "--retry-failed").stdout


def test_a_video_without_a_verdict_is_done(place: Place) -> None:
    clips(place.source, 1)
    result = run(place, "--min-frames", "50")
    assert result.exit_code == ExitCode.DONE
    assert "too_few_frames" in (place.out / "index.csv").read_text()


def test_a_dry_run_lists_what_would_be_done_and_writes_nothing(place: Place) -> None:
    clips(place.source, 2)
    result = run(place, "--dry-run")
    assert result.exit_code == ExitCode.DONE, result.output
    assert result.stdout.splitlines() == [
        "to do: 0.mp4",
        "to do: 1.mp4",
        "2 files; videos to analyse: 2, finished before: 0, not readable: 0",
    ]
    assert not place.out.exists()
    run(place)
    assert run(place, "--dry-run").stdout.splitlines()[:2] == ["done before: 0.mp4", "done before: 1.mp4"]


def test_a_manifest_with_missing_files_is_worked_off(place: Place) -> None:
    clips(place.source, 1)
    manifest = place.root / "list.csv"
    manifest.write_text("path\nin/0.mp4\nin/gone.mp4\n")
    result = command_line("batch", manifest, "-o", place.out, "--all-frames", "--no-crops")
    assert result.exit_code == ExitCode.BATCH_FAILURES
    assert "failed: " in result.stderr
    assert "gone.mp4: cannot be read (does not exist)" in result.stderr


def test_a_share_says_which_others_are_missing(place: Place) -> None:
    clips(place.source, 4)
    first = run(place, "--shard", "1/2")
    assert "at work or not begun: the shares 2/2" in first.stderr
    second = run(place, "--shard", "2/2")
    assert "not begun" not in second.stderr
    assert len(finished(place.out)) == 4


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--shard", "5/4"], ExitCode.USAGE, ["--shard 5/4", "1/N"]),
        (["--shard", "half"], ExitCode.USAGE, ["--shard half", "1/4"]),
        (["--face", "1,2,30,40@1"], ExitCode.USAGE, ["--face", "one video"]),
        (["--save-faces"], ExitCode.USAGE, ["exclude each other"]),
        (["--calibration", "nowhere.json"], ExitCode.INPUT, ["nowhere.json"]),
    ],
)
def test_options_that_make_no_sense_are_named(
    place: Place, options: list[str], code: ExitCode, words: list[str]
) -> None:
    clips(place.source, 1)
    assert_refused(run(place, *options), code, *words)
    assert not place.out.exists()


def test_a_folder_without_videos_is_refused(place: Place) -> None:
    place.source.mkdir()
    assert_refused(run(place), ExitCode.INPUT, "holds no video")
    assert not place.out.exists()


def test_a_source_that_is_not_there_is_refused(place: Place) -> None:
    assert_refused(run(place), ExitCode.INPUT, "does not exist")


def test_an_output_inside_the_input_is_refused(place: Place) -> None:
    clips(place.source, 1)
    result = command_line("batch", place.source, "-o", place.source / "out")
    assert_refused(result, ExitCode.USAGE, "is searched", "outside")
    assert not (place.source / "out").exists()


def test_a_folder_of_something_else_is_refused(place: Place) -> None:
    clips(place.source, 1)
    place.out.mkdir()
    (place.out / "mine.txt").write_text("keep")
    assert_refused(run(place), ExitCode.USAGE, "mine.txt", "new folder")
    assert [path.name for path in place.out.iterdir()] == ["mine.txt"]


def test_a_batch_of_another_version_of_the_tool_is_refused(place: Place) -> None:
    clips(place.source, 1)
    place.out.mkdir()
    with sqlite3.connect(place.out / "index.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    assert_refused(run(place), ExitCode.USAGE, "index.sqlite", "another version", "new folder")


def test_a_second_batch_in_the_same_folder_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    clips(place.source, 1)
    place.out.mkdir()
    monkeypatch.setattr("forensics.batch.index._BUSY_SECONDS", 0.1)
    with Index(place.out / "index.sqlite"):
        assert_refused(run(place), ExitCode.USAGE, "another batch", "--shard")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_an_output_that_cannot_be_written_is_known_before_the_work(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    # Permissions themselves do not hold root back, as whom containers run.
    clips(place.source, 1)
    real = Path.mkdir

    def refuse(path: Path, *given: object, **told: object) -> None:
        if path.is_relative_to(place.out):
            raise OSError(number, "No such luck", str(path))
        real(path, *given, **told)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert_refused(run(place), ExitCode.USAGE, str(place.out), "No such luck")
    assert place.behaviour.begun() == []


def test_a_full_disk_is_one_line_and_no_video_is_to_blame(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips(place.source, 2)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("forensics.batch.work.write_analysis", full)
    result = run(place)
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.splitlines()[-1].endswith(
        "(No space left on device); what is finished is kept: make room and give the same command again"
    )
    monkeypatch.undo()
    assert "failed" not in (place.out / "index.csv").read_text()
