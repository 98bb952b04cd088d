"""Facts that a report states beside its findings: the settings, the run, the case."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from face.detect import DetectSettings
from face.manual import ManualFace
from face.quality import QualityLimits
from forensics.code_heads import HeadKind
from forensics.detector import Precision
from forensics.face2text import PromptMode
from forensics.frame_crops import CropLayout
from video.reader import Limits
from video.sampling import SamplingMode


@dataclass(frozen=True)
class SettingsFacts:
    """The settings of an analysis as its report records them; `AnalysisSettings.from_facts` reads them.

    `sampling_amount`, `start_seconds` and `end_seconds` are exact. `prompt`, `weights` and `head` are what
    the detectors really ran with, `None` where no detector has such a choice; `weights` is the name of a
    variant, a file or a folder, never a path.
    """

    sampling: SamplingMode
    sampling_amount: Fraction
    start_seconds: Fraction | None
    end_seconds: Fraction | None
    limits: Limits
    backend: str
    face_detector: str
    detect: DetectSettings
    quality: QualityLimits
    manual_faces: tuple[ManualFace, ...]
    tracking_embedder: str
    detectors: tuple[str, ...]
    prompt: PromptMode | None
    weights: str | None
    head: HeadKind | None
    crops: CropLayout
    precision: Precision
    device: str
    min_frames: int
    whole_frame: bool
    pictures: bool
    chunk_frames: int


@dataclass(frozen=True)
class PackageVersion:
    """A package that results depend on; `version` is `None` where it is not installed."""

    name: str
    version: str | None


@dataclass(frozen=True)
class MemoryShortage:
    """A piece of work, `what`, for which `frames` frames at once were too many; it went on with `fewer`.

    Batches of another size can change the last digits of a score, no finding.
    """

    what: str
    frames: int
    fewer: int

    def __str__(self) -> str:
        return f"out of memory for {self.what} with {self.frames} frames at once, went on with {self.fewer}"


@dataclass(frozen=True)
class RunFacts:
    """What may differ between identical re-runs: when, where and with what an analysis ran.

    `started` is UTC in ISO 8601; `seconds` is the wall time of the analysis.
    """

    started: str
    seconds: float
    host: str
    system: str
    python: str
    packages: tuple[PackageVersion, ...]
    ffmpeg: tuple[PackageVersion, ...]
    device: str
    instruction_set: str
    threads: int
    cores: int | None
    memory_shortages: tuple[MemoryShortage, ...]


@dataclass(frozen=True)
class CaseFacts:
    """What the examiner says about the case, `None` where nothing was said. Bytes that are no UTF-8 are
    written as escapes, as in file names."""

    case: str | None = None
    examiner: str | None = None
    exhibit: str | None = None
    notes: str | None = None

    def __post_init__(self) -> None:
        for name, text in vars(self).items():
            if text is not None:
                object.__setattr__(self, name, storable(text))


NO_CASE = CaseFacts()


class C2paStatus(StrEnum):
    """Whether the evidence carries a C2PA manifest (Content Credentials)."""

    NOT_CHECKED = "not checked"
    ABSENT = "absent"
    PRESENT = "present"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class C2paFacts:
    """What the evidence's C2PA manifest claims and whether it holds; a fact beside the scores.

    `reason` says why it was not checked or could not be read. `validation` is the validator's word on an
    active manifest that is present ("Invalid", "Valid", "Trusted"), `failures` are its codes for what does
    not hold. `signed` is the time the signature states.
    """

    status: C2paStatus
    reason: str | None = None
    validation: str | None = None
    failures: tuple[str, ...] = ()
    issuer: str | None = None
    claim_generator: str | None = None
    title: str | None = None
    signed: str | None = None


def storable(text: str) -> str:
    """Text from the operating system (an argument, a file name) as text that any encoding can store."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
