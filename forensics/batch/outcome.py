"""What became of one video in a batch, in types that JSON knows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from face.errors import FaceError
from forensics.calibration.reports import video_score
from forensics.errors import ForensicsError
from forensics.findings import VideoFinding
from forensics.memory import OUT_OF_MEMORY
from forensics.report.model import Report
from forensics.report.verdict import deciding_scope
from video.errors import VideoError, WorkerError
from weights.errors import WeightsError


class Status(StrEnum):
    """How far a video is; one whose finding is `inconclusive` is done."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class Fault(StrEnum):
    """Why a video failed.

    What is `REFUSED` would be refused again; `OUTPUT` speaks of the folder that is written to and ends the
    batch. The others may pass: they are tried again when the batch is.
    """

    REFUSED = "refused"
    UNREADABLE = "unreadable"
    MEMORY = "out of memory"
    READING = "reading failed"
    CRASH = "crash"
    UNEXPECTED = "unexpected"
    OUTPUT = "output"


# Worth another attempt at once: the fault may lie with the moment, not with the file.
PASSING = frozenset({Fault.MEMORY, Fault.READING, Fault.CRASH})


@dataclass(frozen=True)
class Outcome:
    """A video that is done, with its finding, or that failed, with one line that says why.

    `score` is that of `detector`, the one that decided: the mean of the most suspicious person. `seconds`
    is the wall time of the analysis.
    """

    status: Status
    seconds: float
    finding: str | None = None
    reason: str | None = None
    detector: str | None = None
    score: float | None = None
    error: str | None = None
    fault: Fault | None = None

    @staticmethod
    def of_report(report: Report) -> Outcome:
        """The same whether the analysis has just ended or its report was found again."""
        detector, score = _deciding(report)
        reason = report.verdict.reason
        return Outcome(
            status=Status.DONE,
            seconds=report.run.seconds,
            finding=report.verdict.label.value,
            reason=None if reason is None else reason.value,
            detector=detector,
            score=score,
        )

    @staticmethod
    def failed(error: str, fault: Fault, *, seconds: float = 0.0) -> Outcome:
        return Outcome(
            Status.FAILED, round(seconds, 3), error=" ".join(error.split()) or fault.value, fault=fault
        )

    @staticmethod
    def of_error(error: Exception, name: str, *, seconds: float) -> Outcome:
        """What an exception of an analysis says of its video `name`."""
        if isinstance(error.__cause__, OUT_OF_MEMORY):
            return Outcome.failed(str(error), Fault.MEMORY, seconds=seconds)
        if isinstance(error, (VideoError, ForensicsError, FaceError, WeightsError)):
            return Outcome.failed(str(error), Fault.REFUSED, seconds=seconds)
        if isinstance(error, OUT_OF_MEMORY):
            text, fault = "there was not enough memory for it; pass fewer --jobs", Fault.MEMORY
        elif isinstance(error, WorkerError):
            text, fault = f"{error}; pass fewer --jobs", Fault.CRASH
        elif isinstance(error, OSError):
            text, fault = f"cannot be read ({error.strerror or error}); check the disk", Fault.READING
        else:
            text = f"unexpected fault: {type(error).__name__}: {error}; analyze it with --debug to see where"
            fault = Fault.UNEXPECTED
        return Outcome.failed(f"{name}: {text}", fault, seconds=seconds)

    def plain(self) -> dict[str, Any]:
        """As JSON's own types; `from_plain` reads them."""
        return asdict(self)

    @staticmethod
    def from_plain(plain: dict[str, Any]) -> Outcome:
        fault = plain["fault"]
        typed = {"status": Status(plain["status"]), "fault": None if fault is None else Fault(fault)}
        return Outcome(**(plain | typed))


def _deciding(report: Report) -> tuple[str | None, float | None]:
    """The detector whose finding is the verdict's, and its score of the video."""
    scope = deciding_scope(report.detectors)
    found: list[VideoFinding] = [
        run.finding for run in report.detectors if run.finding is not None and run.scope is scope
    ]
    agreeing = [
        finding
        for finding in found
        if (finding.label, finding.reason) == (report.verdict.label, report.verdict.reason)
    ]
    if not agreeing:
        return None, None
    return agreeing[0].detector, video_score(agreeing[0])
