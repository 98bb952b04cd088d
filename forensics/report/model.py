"""The report: everything one analysis found, as plain frozen data that every output is made from."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from face.types import FaceTrack
from forensics.calibration.verdict import CalibratedVerdict
from forensics.detector import Scope
from forensics.findings import Label, Reason, Thresholds, VideoFinding
from forensics.identity_drift import IdentityChange
from forensics.identity_handover import Handover
from forensics.report.facts import C2paFacts, CaseFacts, RunFacts, SettingsFacts
from forensics.report.reference import ReferenceFacts, ReferenceFinding, ReferenceOutcome
from forensics.report.words import found_sentence, margin_words, reason_sentence
from forensics.scores import ScoreKind
from video.facts import Probe
from video.frames import Delivery

SCHEMA_VERSION = "2.4"
CALIBRATION_NOTE = (
    "The score is uncalibrated: it ranks what was scored, it is no probability that this video is fake, "
    "and without a calibration on comparable material nothing is called real or fake."
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
    """The evidence file and what was decoded from it.

    `sha256_after` is its digest when the analysis had ended: the file was only read.
    """

    file_name: str
    size_bytes: int
    sha256: str
    sha256_after: str
    probe: Probe
    delivery: Delivery
    decoded_frames_sha256: str
    c2pa: C2paFacts


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
class IdentityFacts:
    """How steady one track's identity embedding is, beside the scores and never part of them.

    `drift_per_second` is the robust slope of the faces' cosine to the identity of the track's first quarter,
    `flicker` the median length of the step between the unit vectors of neighbouring faces, `changes` the
    sudden changes inside one shot. `None` where there are too few faces.
    """

    drift_per_second: float | None
    flicker: float | None
    changes: tuple[IdentityChange, ...]


@dataclass(frozen=True)
class Person:
    """One track as reports show it: without its identity vector, which is biometric data.

    `reference` is how it compares with the reference person, `None` where there is none.
    """

    id: int
    name: str
    first_index: int
    last_index: int
    first_seconds: float
    last_seconds: float
    detections: int
    identity: IdentityFacts
    reference: ReferenceFinding | None

    @staticmethod
    def of(track: FaceTrack, identity: IdentityFacts, reference: ReferenceFinding | None) -> Person:
        return Person(
            id=track.id,
            name=person_name(track.id),
            first_index=track.first_index,
            last_index=track.last_index,
            first_seconds=track.first_seconds,
            last_seconds=track.last_seconds,
            detections=track.detections,
            identity=identity,
            reference=reference,
        )


@dataclass(frozen=True)
class DetectorScore:
    """One detector's word on one face or frame; without a score there is a reason.

    `peak` is the highest score of a frame's crops, where a detector looks at several.
    """

    detector: str
    score: float | None
    probability: float | None
    abstained: str | None
    peak: float | None = None


@dataclass(frozen=True)
class FrameRow:
    """One sampled frame with what whole-frame detectors say of it; `shot` counts from 0."""

    frame_index: int
    pts: int
    time_base: str
    pts_seconds: float
    shot: int
    scores: tuple[DetectorScore, ...]


@dataclass(frozen=True)
class FaceRow:
    """One face in one sampled frame. Boxes are pixels of the delivered (upright, square-pixel) frame.

    `identity_similarity` is the cosine of the face's identity embedding to its track's typical one (the
    median in each coordinate),
    `reference_similarity` that to the reference person, if there is one; both are `None` for a face too
    poor to tell.
    """

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
    covered_ratio: float
    identity_similarity: float | None
    reference_similarity: float | None
    scores: tuple[DetectorScore, ...]


@dataclass(frozen=True)
class FacePicture:
    """A small JPEG of one face, base64, for reports that show people."""

    track: int
    frame_index: int
    jpeg_base64: str


@dataclass(frozen=True)
class FaceHeatmap:
    """Where in one person's most suspicious face a detector's score came from, by `method`; no proof.

    Both are small JPEGs, base64: the face as the detector sees it, and the same under the colours of the
    heat, from none to the most of this one face.
    """

    track: int
    frame_index: int
    detector: str
    method: str
    crop_jpeg_base64: str
    overlay_jpeg_base64: str


@dataclass(frozen=True)
class Verdict:
    """The video's outcome: that of the face detectors, or of the whole-frame ones where no other ran.

    `beside` says in one sentence each what whole-frame detectors found; they are never fused with the faces.
    """

    label: Label
    reason: Reason | None
    sentence: str
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class CalibratedTrack:
    """What the calibration says of one person's mean score."""

    track: int
    verdict: CalibratedVerdict


@dataclass(frozen=True)
class CalibratedFinding:
    """What a calibration file says of this report: of the video by its most suspicious person, and of each.

    `tracks` is empty where the calibration is not that of one face detector alone.
    """

    file_name: str
    sha256: str
    detectors: tuple[str, ...]
    verdict: CalibratedVerdict
    tracks: tuple[CalibratedTrack, ...]


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
    reference: ReferenceFacts | None
    handovers: tuple[Handover, ...]
    verdict: Verdict
    calibration: str
    calibrated: CalibratedFinding | None
    warnings: tuple[str, ...]
    frames: tuple[FrameRow, ...]
    faces: tuple[FaceRow, ...]
    pictures: tuple[FacePicture, ...]
    heatmaps: tuple[FaceHeatmap, ...]
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


def reference_headline(people: Sequence[Person]) -> str:
    """Who is consistent with the reference person, who is not, and of whom nothing was found."""
    names = {
        outcome: [one.name for one in people if one.reference and one.reference.outcome is outcome]
        for outcome in ReferenceOutcome
    }
    found = "; ".join(f"{outcome}: {', '.join(of)}" for outcome, of in names.items() if of)
    return found or "no face was found to compare with the reference person"


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
