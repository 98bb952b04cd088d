"""The file of a trained RepDFD: its learnt tensors and its configuration, in one safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from forensics.repdfd import RepDFD
from forensics.repdfd_config import RepDFDConfig
from forensics.whole_file import whole_file
from weights.errors import CorruptWeightsError

CONFIG_KEY = "repdfd"
# The remedy for a checkpoint that cannot be used.
TRAIN_AGAIN = "train it again, or name starter or official"


def save_checkpoint(model: RepDFD, config: RepDFDConfig, path: Path) -> None:
    """Write the learnt parts and their configuration as one safetensors file. Raises OutputError."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in model.learnt_state().items()}
    with whole_file(path) as partial:
        save_file(tensors, partial, metadata={CONFIG_KEY: config.to_json()})


def read_config(path: Path) -> RepDFDConfig:
    """The configuration in a checkpoint. Raises CorruptWeightsError when there is none of this form."""
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(CONFIG_KEY)
    except SafetensorError as error:
        raise CorruptWeightsError(f"{path}: not a safetensors file ({error}); {TRAIN_AGAIN}") from error
    if text is None:
        raise CorruptWeightsError(f"{path}: not a RepDFD checkpoint of this tool; {TRAIN_AGAIN}")
    try:
        return RepDFDConfig.from_json(text)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptWeightsError(
            f"{path}: its configuration cannot be read ({error}); {TRAIN_AGAIN}"
        ) from error


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The learnt parts in a checkpoint. Raises CorruptWeightsError for a file of another kind."""
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CorruptWeightsError(f"{path}: not a safetensors file ({error}); {TRAIN_AGAIN}") from error


def load_learnt(
    model: RepDFD, tensors: Mapping[str, torch.Tensor], *, source: object = "RepDFD checkpoint"
) -> RepDFD:
    """Load the learnt parts into `model`; every key but the frozen towers' must be there, and no other.

    Raises CorruptWeightsError, which names the `source`, for other keys or shapes, and for values that are
    not finite.
    """
    try:
        missing, unexpected = model.load_state_dict(dict(tensors), strict=False)
    except RuntimeError as error:
        cause = " ".join(str(error).split())
        raise CorruptWeightsError(
            f"{source}: not what its configuration says: {cause}; {TRAIN_AGAIN}"
        ) from error
    learnt = model.learnt_state()
    missing = [key for key in missing if key in learnt]
    if missing or unexpected:
        raise CorruptWeightsError(
            f"{source}: keys missing {missing}, keys unexpected {unexpected}; {TRAIN_AGAIN}"
        )
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise CorruptWeightsError(f"{source}: it holds values that are not finite; {TRAIN_AGAIN}")
    return model
