"""Checks: what was verified, how each ended, the exit code of all, and where a file may lie again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from forensics.errors import ExitCode
from forensics.report.facts import storable


class State(StrEnum):
    """How a check ended."""

    SOUND = "ok"
    FAILED = "MISMATCH"
    UNCHECKED = "not checked"


class Subject(StrEnum):
    """What a check is about."""

    OUTPUT = "output"
    EVIDENCE = "evidence"
    PHOTO = "photo"
    WEIGHTS = "weights"
    RERUN = "re-run"


@dataclass(frozen=True)
class Check:
    """One thing that was checked; `detail` says what was found."""

    subject: Subject
    name: str
    state: State
    detail: str


@dataclass(frozen=True)
class Verification:
    """All checks of one output folder, in the order they were made."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> ExitCode:
        """7 if anything does not match; else 3 where report, evidence or photos are not here; else 0."""
        if any(check.state is State.FAILED for check in self.checks):
            return ExitCode.VERIFICATION
        needed = (Subject.OUTPUT, Subject.EVIDENCE, Subject.PHOTO, Subject.RERUN)
        missing = any(check.state is State.UNCHECKED and check.subject in needed for check in self.checks)
        return ExitCode.INPUT if missing else ExitCode.DONE


def find_named(name: str, folder: Path) -> Path | None:
    """The file that a report calls `name`: in `folder`, beside it, or where the command runs."""
    for place in (folder, folder.resolve().parent, Path.cwd()):
        with suppress(OSError):
            # Compared, never joined: a name that anybody may have written is no path to follow.
            for path in sorted(place.iterdir()):
                if storable(path.name) == name and path.is_file():
                    return path
    return None
