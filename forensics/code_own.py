"""What `forensics train code` left in a folder: which files, read for the detector and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, NonNegativeInt, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from safetensors import SafetensorError
from safetensors.torch import load_file

from forensics.checked import first_fault
from forensics.code_heads import HeadKind
from forensics.code_model import CROP_PIXELS
from forensics.errors import UsageFault
from weights.errors import CorruptWeightsError

BACKBONE_FILE = "code-vit-tiny.safetensors"
CONFIG_FILE = "code.json"
TRAIN_AGAIN = "make it again with `forensics train code`"


def head_file(kind: HeadKind) -> str:
    return f"{kind.weights}.safetensors"


@dataclass(frozen=True)
class Side:
    """The pictures on one side of the split."""

    real_pictures: NonNegativeInt
    fake_pictures: NonNegativeInt


@dataclass(frozen=True)
class Data:
    """The material of a training."""

    train: Side
    validation: Side


@dataclass(frozen=True)
class Training:
    """What `code.json` says of a training, as far as a report repeats it."""

    crop_pixels: int
    steps_trained: NonNegativeInt
    data: Data
    validation_auc: dict[HeadKind, Annotated[float, Field(ge=0, le=1)]]

    def note(self, kind: HeadKind) -> str:
        """The sentence of the report, with the figures of the head that decides."""
        learnt, judged = self.data.train, self.data.validation
        return (
            "CoDE runs with weights of the user's own training: it is not the published CoDE, and its scores "
            f"are not comparable. Trained for {self.steps_trained} steps on {learnt.real_pictures} real and "
            f"{learnt.fake_pictures} generated pictures; the {kind.value} head reached a validation AUC of "
            f"{self.validation_auc[kind]:.3f} on {judged.real_pictures} real and {judged.fake_pictures} "
            "generated ones."
        )


def own_files(folder: Path, kind: HeadKind) -> tuple[Path, Path, Path]:
    """The ViT, the head of `kind` and the record of the training in `folder`.

    Raises UsageFault, which names what is missing, for anything but the folder of a finished training.
    """
    if not folder.is_dir():
        raise UsageFault(
            f"--weights {folder}: CoDE takes the folder of `forensics train code -o FOLDER`, and there is no "
            "such folder; leave --weights out for the published weights"
        )
    files = (folder / BACKBONE_FILE, folder / head_file(kind), folder / CONFIG_FILE)
    if missing := [path.name for path in files if not path.is_file()]:
        raise UsageFault(
            f"--weights {folder}: not the folder of a finished `forensics train code`: {', '.join(missing)} "
            "missing; finish the training with --resume or name another folder"
        )
    return files


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file of the folder. Raises CorruptWeightsError for a damaged one."""
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CorruptWeightsError(f"{path}: not a safetensors file ({error}); {TRAIN_AGAIN}") from error


def read_training(path: Path, kind: HeadKind) -> Training:
    """The record of the training, which must be of the detector's crops and have validated the head.

    Raises CorruptWeightsError.
    """
    try:
        training = TypeAdapter(Training).validate_python(json.loads(path.read_bytes()))
    except ValidationError as error:
        raise CorruptWeightsError(f"{path}: is damaged: {first_fault(error)}; {TRAIN_AGAIN}") from error
    except (ValueError, RecursionError) as error:
        raise CorruptWeightsError(f"{path}: is damaged: no JSON ({error}); {TRAIN_AGAIN}") from error
    if training.crop_pixels != CROP_PIXELS:
        raise CorruptWeightsError(
            f"{path}: trained on {training.crop_pixels} px, not the detector's {CROP_PIXELS}; {TRAIN_AGAIN}"
        )
    if kind not in training.validation_auc:
        raise CorruptWeightsError(f"{path}: says no validation AUC of the {kind.value} head; {TRAIN_AGAIN}")
    return training
