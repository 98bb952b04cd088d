"""The exceptions of the `forensics` package and the exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process returns; what was found never changes it unless `--fail-on` asks."""

    DONE = 0
    FAULT = 1
    USAGE = 2
    INPUT = 3
    NO_VERDICT = 4
    WEIGHTS = 5
    FAIL_ON = 6
    VERIFICATION = 7
    BATCH_FAILURES = 8
    INTERRUPTED = 130


class ForensicsError(Exception):
    """The analysis could not be made. The message names the file, the cause and the remedy in one line."""

    exit_code: ExitCode = ExitCode.FAULT


class UsageFault(ForensicsError):
    """An option or a name makes no sense; nothing was started."""

    exit_code = ExitCode.USAGE


class OutputError(ForensicsError):
    """The outputs cannot be written where they were asked for."""

    exit_code = ExitCode.USAGE


class CalibrationError(ForensicsError):
    """The scores give no calibration, or a calibration file cannot be used for this analysis."""

    exit_code = ExitCode.INPUT


class ReferencePhotoError(ForensicsError):
    """A reference photo does not show which person the faces are to be compared with."""

    exit_code = ExitCode.INPUT


class ReportError(ForensicsError):
    """A report or a manifest is missing, damaged or of another version of the format."""

    exit_code = ExitCode.INPUT


class TamperedError(ForensicsError):
    """A file does not hold the bytes that its manifest lists."""

    exit_code = ExitCode.VERIFICATION
