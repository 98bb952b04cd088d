"""The linear probe on CLIP's image features: one direction in them, and the file that carries it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file
from torch import nn
from torch.nn import functional

from face.types import CropSpec
from forensics.backbones import BACKBONES, Backbone
from forensics.checked import first_fault
from forensics.repdfd_config import OperatingPoint
from forensics.reprogram import BorderReprogram
from forensics.whole_file import whole_file
from weights.errors import CorruptWeightsError

CONFIG_KEY = "clip_linear"
TRAIN_AGAIN = "fit it again with `forensics train clip_linear`"


@dataclass(frozen=True)
class ClipLinearConfig:
    """What a probe was fitted on: `backbone` by its name here, the digest of its weights, and the crops."""

    backbone: str
    tower_sha256: str
    crop: CropSpec
    operating_point: OperatingPoint
    training: str

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise ValueError(f"the CLIP {self.backbone!r} is none of {', '.join(BACKBONES)}")


@dataclass(frozen=True)
class Probe:
    """A direction `weight` [D] float64 in unit features, and a bias; its logit is positive for fakes."""

    weight: npt.NDArray[np.float64]
    bias: float
    config: ClipLinearConfig

    def __post_init__(self) -> None:
        if self.weight.ndim != 1 or self.weight.dtype != np.float64:
            raise ValueError(f"weight must be [D] float64, not {self.weight.shape} {self.weight.dtype}")
        if not np.isfinite([*self.weight, self.bias]).all():
            raise ValueError("it holds values that are not finite")

    def logits(self, unit_features: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """[N,D] unit features -> [N] logits of P(fake)."""
        return np.asarray(unit_features.astype(np.float64) @ self.weight + self.bias)


class FaceFeatures(nn.Module):
    """[N,3,S,S] uint8 crops -> [N,D] float32 unit features of the face inside RepDFD's border, left empty."""

    def __init__(self, tower: nn.Module, backbone: Backbone, *, face_pixels: int) -> None:
        super().__init__()
        self.image_tower = tower
        self.prepare = BorderReprogram(
            canvas_pixels=backbone.canvas_pixels, face_pixels=face_pixels
        ).requires_grad_(False)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        dtype = next(self.image_tower.parameters()).dtype
        features = self.image_tower(self.prepare(crops).to(dtype))
        return functional.normalize(features.float(), dim=-1)


def save_probe(probe: Probe, path: Path) -> None:
    """Write the probe and its configuration as one safetensors file. Raises OutputError."""
    text = TypeAdapter(ClipLinearConfig).dump_json(probe.config).decode()
    arrays = {"weight": probe.weight, "bias": np.array([probe.bias])}
    with whole_file(path) as partial:
        save_file(arrays, partial, metadata={CONFIG_KEY: text})


def is_probe(path: Path) -> bool:
    """Whether the file at `path` says that it is a probe."""
    try:
        with safe_open(path, framework="numpy") as file:
            return CONFIG_KEY in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False


def read_probe(path: Path) -> Probe:
    """The probe in a file. Raises CorruptWeightsError for a file of another kind, or a damaged one."""
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(CONFIG_KEY)
        arrays = load_file(path)
    except SafetensorError as error:
        raise CorruptWeightsError(f"{path}: not a safetensors file ({error}); {TRAIN_AGAIN}") from error
    if text is None:
        raise CorruptWeightsError(f"{path}: not a linear probe of this tool; {TRAIN_AGAIN}")
    try:
        config = TypeAdapter(ClipLinearConfig).validate_json(text)
    except ValidationError as error:
        cause = first_fault(error)
        raise CorruptWeightsError(
            f"{path}: its configuration cannot be read ({cause}); {TRAIN_AGAIN}"
        ) from error
    if arrays.keys() != {"weight", "bias"} or arrays["bias"].shape != (1,):
        raise CorruptWeightsError(f"{path}: not one direction and one bias; {TRAIN_AGAIN}")
    try:
        return Probe(arrays["weight"], float(arrays["bias"][0]), config)
    except ValueError as error:
        raise CorruptWeightsError(f"{path}: {error}; {TRAIN_AGAIN}") from error
