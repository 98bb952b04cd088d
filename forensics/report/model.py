"""The report: everything one analysis found, as plain frozen data that every output is made from."""

from __future__ import annotations

from dataclasses import dataclass

from forensics.calibration.verdict import CalibratedVerdict
from forensics.identity_handover import Handover
from forensics.report.facts import C2paFacts, CaseFacts, RunFacts, SettingsFacts
from forensics.report.people import Person
from forensics.report.reference import ReferenceFacts
from forensics.report.rows import FaceHeatmap, FacePicture, FaceRow, FrameRow
from forensics.report.verdict import DetectorRun, Verdict
from video.facts import Probe
from video.frames import Delivery

SCHEMA_VERSION = "2.5"
CALIBRATION_NOTE = (
    "The score is uncalibrated: it ranks what was scored, it is no probability that this video is fake, "
    "and without a calibration on comparable material nothing is called real or fake."
)


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
