"""The index of a batch: SQLite with one owner, what was given and what became of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from forensics.batch.outcome import Outcome, Status
from forensics.errors import OutputError
from video.errors import printable

SCHEMA_VERSION = 1
# Long enough for another shard that only reads this index.
_BUSY_SECONDS = 5.0
_SCHEMA = """
CREATE TABLE batch (key TEXT NOT NULL);
CREATE TABLE inputs (position INTEGER PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT, error TEXT);
CREATE TABLE analyses (
    sha256 TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, finding TEXT, reason TEXT, detector TEXT,
    score REAL, error TEXT, fault TEXT, seconds REAL NOT NULL, attempts INTEGER NOT NULL,
    PRIMARY KEY (sha256, key)
);
"""
_ROWS = """
SELECT position, path, inputs.sha256, key, coalesce(status, ?), finding, reason, detector, score,
    coalesce(analyses.error, inputs.error), seconds, attempts
FROM inputs LEFT JOIN analyses ON analyses.sha256 = inputs.sha256 AND analyses.key = ?
ORDER BY position
"""


class IndexInUseError(OutputError):
    """Another process owns the index now."""


@dataclass(frozen=True)
class Given:
    """A file of the input: its place in it, its name there, and its digest, or why it cannot be read."""

    position: int
    path: str
    sha256: str | None
    error: str | None = None


@dataclass(frozen=True)
class Row:
    """A file of the input and what became of it. `key` is `None` until it was analysed."""

    position: int
    path: str
    sha256: str | None
    key: str | None
    status: Status
    finding: str | None
    reason: str | None
    detector: str | None
    score: float | None
    error: str | None
    seconds: float | None
    attempts: int | None


class Index:
    """The index in one file, owned by one process for as long as it is open.

    It is in WAL mode with an exclusive lock, under which SQLite needs no memory shared between processes,
    which network file systems do not give. That is why each shard has an index of its own. What it says of
    an analysis is also in the folder of that analysis, so that it can be lost without a loss.
    Raises IndexInUseError where another process has it open, OutputError where it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _told(path):
            self._database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            self._open()
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._database.close()

    @property
    def key(self) -> str | None:
        """The key of the analyses that the index speaks of, `None` before the first."""
        found = self._fetch("SELECT key FROM batch")
        return str(found[0][0]) if found else None

    def begin(self, key: str, given: Iterable[Given]) -> None:
        """Speak of these files and of analyses of that key from now on; other analyses are kept."""
        rows = [(one.position, one.path, one.sha256, one.error) for one in given]
        with _told(self._path), self._transaction():
            self._database.execute("DELETE FROM batch")
            self._database.execute("INSERT INTO batch VALUES (?)", (key,))
            self._database.execute("DELETE FROM inputs")
            self._database.executemany("INSERT INTO inputs VALUES (?, ?, ?, ?)", rows)

    def outcome(self, sha256: str, key: str) -> Outcome | None:
        """What became of that video under that key, `None` where nothing did."""
        found = self._fetch(
            "SELECT status, seconds, finding, reason, detector, score, error, fault FROM analyses "
            "WHERE sha256 = ? AND key = ?",
            sha256,
            key,
        )
        if not found:
            return None
        names = ("status", "seconds", "finding", "reason", "detector", "score", "error", "fault")
        return Outcome.from_plain(dict(zip(names, found[0], strict=True)))

    def record(self, sha256: str, key: str, outcome: Outcome, *, attempts: int) -> None:
        """Write what became of a video."""
        values = (
            sha256,
            key,
            outcome.status.value,
            outcome.finding,
            outcome.reason,
            outcome.detector,
            outcome.score,
            outcome.error,
            None if outcome.fault is None else outcome.fault.value,
            outcome.seconds,
            attempts,
        )
        with _told(self._path):
            marks = ", ".join("?" * len(values))
            self._database.execute(f"INSERT OR REPLACE INTO analyses VALUES ({marks})", values)

    def rows(self) -> tuple[Row, ...]:
        """Every file of the input in order."""
        found = self._fetch(_ROWS, Status.PENDING.value, self.key)
        return tuple(_row(values) for values in found)

    def _open(self) -> None:
        with _told(self._path):
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            with self._transaction():
                (version,) = self._database.execute("PRAGMA user_version").fetchone()
                if version == 0:
                    for statement in _SCHEMA.split(";"):
                        self._database.execute(statement)
                    self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        if version not in (0, SCHEMA_VERSION):
            raise OutputError(
                f"{printable(self._path)}: was written by another version of the tool (index {version}, this "
                f"one writes {SCHEMA_VERSION}); name a new folder"
            )

    def _fetch(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with _told(self._path):
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _row(values: Sequence[Any]) -> Row:
    position, path, sha256, key, status, finding, reason, detector, score, error, seconds, attempts = values
    if sha256 is None:
        status = Status.FAILED
    return Row(
        position=position,
        path=path,
        sha256=sha256,
        key=key,
        status=Status(status),
        finding=finding,
        reason=reason,
        detector=detector,
        score=score,
        error=error,
        seconds=seconds,
        attempts=attempts,
    )


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What SQLite says, in one line with the file and the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise IndexInUseError(
                f"{printable(path)}: another batch is using it; wait for its end, or divide them by --shard"
            ) from error
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise OutputError(
                f"{printable(path)}: is damaged ({error}); delete it, its batch makes it anew from what is "
                "finished"
            ) from error
        raise OutputError(
            f"{printable(path)}: cannot be used ({error}); make room or name another folder, and give the "
            "same command again"
        ) from error
