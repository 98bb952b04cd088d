"""The index of a batch: one owner, what it keeps, and what it says of a file that is none."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from forensics.batch.index import Given, Index, IndexInUseError
from forensics.batch.outcome import Fault, Outcome, Status
from forensics.errors import OutputError

DONE = Outcome(Status.DONE, 1.5, "no cue found", "between_thresholds", "repdfd", 0.1 + 0.2)
REFUSED = Outcome.failed("a.mp4: is\nempty", Fault.REFUSED, seconds=0.25)
A, B = "a" * 64, "b" * 64


def test_what_was_recorded_is_read_back_exactly(tmp_path: Path) -> None:
    with Index(tmp_path / "index.sqlite") as index:
        index.record(A, "key", DONE, attempts=2)
        index.record(B, "key", REFUSED, attempts=1)
    with Index(tmp_path / "index.sqlite") as index:
        assert index.outcome(A, "key") == DONE
        assert index.outcome(B, "key") == REFUSED
        assert index.outcome(A, "other") is None
    assert REFUSED.error == "a.mp4: is empty"


def test_the_rows_are_the_inputs_in_order_under_the_present_key(tmp_path: Path) -> None:
    given = [Given(3, "b.mp4", B), Given(1, "a.mp4", A), Given(2, "gone.mp4", None, "gone.mp4: is gone")]
    with Index(tmp_path / "index.sqlite") as index:
        index.record(A, "old", DONE, attempts=1)
        index.begin("new", given)
        rows = index.rows()
        assert [(row.path, row.status, row.error) for row in rows] == [
            ("a.mp4", Status.PENDING, None),
            ("gone.mp4", Status.FAILED, "gone.mp4: is gone"),
            ("b.mp4", Status.PENDING, None),
        ]
        index.begin("old", given)
        assert index.rows()[0].finding == "no cue found"


def test_it_is_a_database_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    with Index(path) as index:
        index.begin("key", [])
        assert (tmp_path / "index.sqlite-wal").exists()
        # No memory shared between processes: network file systems have none.
        assert not (tmp_path / "index.sqlite-shm").exists()
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_what_was_recorded_is_there_though_the_owner_was_killed(tmp_path: Path) -> None:
    with Index(tmp_path / "index.sqlite") as index:
        index.begin("key", [Given(0, "a.mp4", A)])
        index.record(A, "key", DONE, attempts=1)
        # What lies on the disk at this moment is what a killed owner leaves.
        for name in ("index.sqlite", "index.sqlite-wal"):
            shutil.copy(tmp_path / name, tmp_path / f"killed-{name}")
    for name in ("index.sqlite", "index.sqlite-wal"):
        os.replace(tmp_path / f"killed-{name}", tmp_path / name)
    with Index(tmp_path / "index.sqlite") as index:
        assert index.rows()[0].status is Status.DONE


def test_a_second_owner_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.batch.index._BUSY_SECONDS", 0.1)
    with (
        Index(tmp_path / "index.sqlite"),
        pytest.raises(IndexInUseError, match=r"another batch.*--shard"),
    ):
        Index(tmp_path / "index.sqlite")


def test_an_index_of_another_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "index.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(OutputError, match=r"another version.*index 99"):
        Index(tmp_path / "index.sqlite")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").write_text("not a database at all, " * 100)
    with pytest.raises(OutputError, match=r"is damaged .*not a database.*delete it"):
        Index(tmp_path / "index.sqlite")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be used"):
        Index(tmp_path / "nowhere" / "index.sqlite")
