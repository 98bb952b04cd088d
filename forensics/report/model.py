"""The report: everything one analysis found, as plain frozen data that every output is made from."""

from __future__ import annotations

import string
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from face.types import FaceTrack
from forensics.aggregate import Label, Reason, Thresholds, TrackFinding, VideoFinding
from forensics.report.facts import C2paFacts, CaseFacts, RunFacts, SettingsFacts
from video.facts import Probe
from video.frames import Delivery

SCHEMA_VERSION = "1.0"
CALIBRATION_NOTE = (
    "The score is uncalibrated: it ranks faces, it is no probability that this video is fake, and without a "
    "calibration on comparable material nothing is called real or fake."
)


class Status(StrEnum):
    """What became of a detector in this analysis."""

    RAN = "ran"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class ModelFile:
    """A file whose bytes the scores depend on. `pinned` says what its digest was compared with."""

    name: str
    sha256: str
    licence: str
    commercial_use: bool
    pinned: str
    used_by: str


@dataclass(frozen=True)
class EvidenceFacts:
    """The evidence file and what was decoded from it."""

    file_name: str
    size_bytes: int
    sha256: str
    probe: Probe
    delivery: Delivery
    decoded_frames_sha256: str
    c2pa: C2paFacts


@dataclass(frozen=True)
class DetectorRun:
    """One detector's part: `reason` says why it was skipped or failed, `finding` what it found if it ran."""

    name: str
    status: Status
    reason: str | None
    score_kind: str | None
    thresholds: Thresholds | None
    notes: tuple[str, ...]
    finding: VideoFinding | None


@dataclass(frozen=True)
class Person:
    """One track as reports show it: without its identity vector, which is biometric data."""

    id: int
    name: str
    first_index: int
    last_index: int
    first_seconds: float
    last_seconds: float
    detections: int

    @staticmethod
    def of(track: FaceTrack) -> Person:
        return Person(
            id=track.id,
            name=person_name(track.id),
            first_index=track.first_index,
            last_index=track.last_index,
            first_seconds=track.first_seconds,
            last_seconds=track.last_seconds,
            detections=track.detections,
        )


@dataclass(frozen=True)
class FaceScore:
    """One detector's word on one face; without a score there is a reason."""

    detector: str
    score: float | None
    probability: float | None
    abstained: str | None


@dataclass(frozen=True)
class FaceRow:
    """One face in one sampled frame. Boxes are pixels of the delivered (upright, square-pixel) frame."""

    frame_index: int
    pts: int
    time_base: str
    pts_seconds: float
    track: int
    box_xyxy: tuple[float, float, float, float]
    confidence: float
    size_pixels: float
    sharpness: float
    yaw_degrees: float
    pitch_degrees: float
    visible_ratio: float
    scores: tuple[FaceScore, ...]


@dataclass(frozen=True)
class Verdict:
    """The video's outcome over all detectors that ran."""

    label: Label
    reason: Reason | None
    sentence: str


@dataclass(frozen=True)
class Report:
    """One analysis. `run` holds what may differ between identical re-runs; nothing else does."""

    schema_version: str
    tool_version: str
    case: CaseFacts
    evidence: EvidenceFacts
    settings: SettingsFacts
    weights: tuple[ModelFile, ...]
    detectors: tuple[DetectorRun, ...]
    people: tuple[Person, ...]
    verdict: Verdict
    calibration: str
    warnings: tuple[str, ...]
    faces: tuple[FaceRow, ...]
    run: RunFacts


def person_name(track: int) -> str:
    """Tracks are people to a reader: A, B, ... Z, AA, AB, ..."""
    letters = string.ascii_uppercase
    name = ""
    track += 1
    while track:
        track, rest = divmod(track - 1, len(letters))
        name = letters[rest] + name
    return f"person {name}"


def conclude(runs: tuple[DetectorRun, ...]) -> Verdict:
    """The video's outcome: the finding of the face detectors that ran, cues outweighing none."""
    findings = [run.finding for run in runs if run.finding is not None]
    if not findings:
        return _verdict(Label.INCONCLUSIVE, Reason.DETECTOR_FAILED)
    rank = {Label.CUES: 2, Label.INCONCLUSIVE: 1, Label.NO_CUE: 0}
    worst = max(findings, key=lambda finding: rank[finding.label])
    judged = sum(track.label is Label.NO_CUE for track in worst.tracks)
    if worst.label is Label.NO_CUE and judged < len(worst.tracks):
        # A headline must not clear people who were never judged.
        people = len(worst.tracks)
        sentence = f"{Label.NO_CUE.value} in {judged} of {people} people; the others could not be judged"
        return Verdict(worst.label, None, sentence)
    return _verdict(worst.label, worst.reason)


def _verdict(label: Label, reason: Reason | None) -> Verdict:
    sentence = label.value if reason is None else f"{label.value}: {reason.sentence}"
    return Verdict(label, reason, sentence)


def mean_probability(report: Report, finding: TrackFinding) -> float | None:
    """Mean P(fake) over the scored faces of a track, `None` where the detector gives none."""
    given = [
        score.probability
        for row in report.faces
        if row.track == finding.track
        for score in row.scores
        if score.detector == finding.detector and score.probability is not None
    ]
    return float(np.mean(given)) if given else None
