"""The command line as tests call it, and what a refusal must look like."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from forensics.cli import main
from forensics.errors import ExitCode


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def assert_refused(result: Result, code: ExitCode, *words: str) -> None:
    """One line with these words, no traceback, and the exit code."""
    assert result.exit_code == code, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("forensics: ")
    assert all(word in line for word in words), line
    assert "Traceback" not in result.output
