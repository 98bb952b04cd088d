"""What became of each detector, and the video's outcome that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from forensics.detector import Scope
from forensics.findings import Label, Reason, Thresholds, VideoFinding
from forensics.report.words import found_sentence, margin_words, reason_sentence
from forensics.scores import ScoreKind


class Status(StrEnum):
    """What became of a detector in this analysis."""

    RAN = "ran"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class DetectorRun:
    """One detector's part: `reason` says why it was skipped or failed, `finding` what it found if it ran."""

    name: str
    scope: Scope
    status: Status
    reason: str | None
    score_kind: ScoreKind | None
    thresholds: Thresholds | None
    notes: tuple[str, ...]
    finding: VideoFinding | None

    @staticmethod
    def without_finding(name: str, scope: Scope, status: Status, reason: str) -> DetectorRun:
        """The record of a detector that was skipped or failed."""
        return DetectorRun(name, scope, status, reason, None, None, (), None)


@dataclass(frozen=True)
class Verdict:
    """The video's outcome: that of the face detectors, or of the whole-frame ones where no other ran.

    `beside` says in one sentence each what whole-frame detectors found; they are never fused with the faces.
    """

    label: Label
    reason: Reason | None
    sentence: str
    beside: tuple[str, ...] = ()


def conclude(runs: Sequence[DetectorRun]) -> Verdict:
    """The video's outcome: the finding of the face detectors that ran, cues outweighing none."""
    scope = deciding_scope(runs)
    found = [(run.finding, run.thresholds, run.scope) for run in runs if run.finding is not None]
    if not found:
        why = reason_sentence(Reason.DETECTOR_FAILED, scope=scope)
        sentence = f"{Label.INCONCLUSIVE.value}: {why}"
        return Verdict(Label.INCONCLUSIVE, Reason.DETECTOR_FAILED, sentence)
    rank = {Label.CUES: 2, Label.INCONCLUSIVE: 1, Label.NO_CUE: 0}
    deciding = [(finding, limits) for finding, limits, of in found if of is scope]
    worst, limits = max(deciding, key=lambda pair: rank[pair[0].label])
    return Verdict(
        label=worst.label,
        reason=worst.reason,
        sentence=_headline(worst, limits),
        beside=tuple(
            f"whole frame, {finding.detector}: {found_sentence(finding)}{margin_words(limits, finding.label)}"
            for finding, limits, of in found
            if of is not scope
        ),
    )


def deciding_scope(runs: Sequence[DetectorRun]) -> Scope:
    """What the video's outcome is about: faces, or whole frames where only they were scored."""
    scored = {run.scope for run in runs if run.finding is not None}
    return Scope.FRAME if scored == {Scope.FRAME} else Scope.FACE


def _headline(finding: VideoFinding, thresholds: Thresholds | None) -> str:
    people = len(finding.tracks)
    judged = sum(track.label is Label.NO_CUE for track in finding.tracks)
    if finding.label is Label.NO_CUE and judged < people:
        # A headline must not clear people who were never judged.
        return f"{Label.NO_CUE.value} in {judged} of {people} people; the others could not be judged"
    return found_sentence(finding) + margin_words(thresholds, finding.label)
