"""The seam every detector stands behind: what it needs, how it is found by name, how it is loaded."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

import forensics.detectors
from forensics.code_heads import HeadKind
from forensics.errors import UsageFault
from forensics.evidence import Evidence
from forensics.face2text import PromptMode
from forensics.findings import Thresholds
from forensics.frame_crops import CropLayout
from forensics.scores import FrameScores
from weights.results import WeightFile
from weights.store import Store

if TYPE_CHECKING:
    from forensics.attribution import Each

# What `weights` may say besides a path.
WEIGHT_VARIANTS = ("starter", "official")


class Scope(StrEnum):
    """What a detector scores."""

    FACE = "face"
    FRAME = "frame"


class Precision(StrEnum):
    """The arithmetic of the models. The values are those of `--precision`."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"

    @property
    def dtype(self) -> torch.dtype:
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.value]


@dataclass(frozen=True)
class LoadOptions:
    """How to load a detector.

    `prompt` is for detectors with prompts, `None` means as it was trained; `weights` names a variant, a file
    or a folder where a detector has several, `head` the decision where there are several on one embedding,
    `None` means the usual one. `crops` are what a whole-frame detector of fixed input size looks at.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: Precision = Precision.FP32
    prompt: PromptMode | None = None
    weights: str | None = None
    head: HeadKind | None = None
    crops: CropLayout = CropLayout.CENTRE


class Detector(Protocol):
    """A loaded detector.

    `embedder` names the identity encoder it needs, `None` if it needs none: it never gets another one.
    `thresholds` apply to a track's mean score, `weights` are the files it was loaded from, and `notes`
    are sentences the report must carry (assumptions, stand-ins, ablations).
    """

    name: str
    scope: Scope
    embedder: str | None
    thresholds: Thresholds
    weights: tuple[WeightFile, ...]
    notes: tuple[str, ...]

    def score(self, evidence: Evidence) -> FrameScores:
        """Score every face (or frame) of a chunk, in the order of the evidence."""
        ...


@dataclass(frozen=True)
class FaceInputs:
    """Faces as a detector takes them: `crops` [K,3,S,S] uint8 RGB and raw `identities` [K,D] float32."""

    crops: torch.Tensor
    identities: torch.Tensor


@runtime_checkable
class WithOptions(Protocol):
    """A detector that `prompt`, `weights` or `head` mean something to.

    `options` are those it runs with: what it was left to choose is chosen, what it does not have is `None`.
    """

    options: LoadOptions


@runtime_checkable
class Explains(Protocol):
    """A face detector that can say where in a face's picture its score came from, by `explanation`."""

    name: str
    explanation: str

    def inputs(self, evidence: Evidence, chosen: npt.NDArray[np.intp]) -> FaceInputs:
        """What it scores the `chosen` [K] faces of the evidence by."""
        ...

    def explain(self, inputs: FaceInputs, *, each: Each = map) -> torch.Tensor:
        """[K,h,w] float32 heat of each face over its crop, at least 0; only the shape of a map counts.

        `each` may run what a face takes side by side.
        """
        ...


class DetectorModule(Protocol):
    """What a file in `forensics/detectors/` gives. The file's name is the detector's name."""

    SUMMARY: str
    SCOPE: Scope

    def weights_needed(self, options: LoadOptions) -> tuple[str, ...]:
        """Names in the weights registry, for listing and fetching before anything is loaded."""
        ...

    def load(self, store: Store, options: LoadOptions) -> Detector: ...


def detector_names() -> tuple[str, ...]:
    """The names of all detectors, found without importing any of them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(forensics.detectors.__path__)))


def detector_module(name: str) -> DetectorModule:
    """Import the one file of detector `name`, so that a missing optional package breaks only that one.

    Raises UsageFault for an unknown name.
    """
    names = detector_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names)}"
        raise UsageFault(f"there is no detector {name!r}; {hint}")
    return cast(DetectorModule, importlib.import_module(f"forensics.detectors.{name}"))
