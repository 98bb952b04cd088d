"""Runs a converter by the name the registry gives it and writes the result in the fixed layout."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from weights.convert.layout import Array, write_safetensors
from weights.convert.pickles import RefusedPickleError
from weights.errors import CorruptWeightsError

CONVERTERS = ("clip_onnx", "mesonet", "repdfd", "sklearn_heads", "torch_state")


class Converter(Protocol):
    """What every converter module offers."""

    def convert(self, source: Path) -> Mapping[str, Array]:
        """The tensors in `source`. Raises CorruptWeightsError when it is not what the converter reads."""


def run_converter(name: str, source: Path, target: Path, *, source_sha256: str) -> None:
    """Convert `source` with `weights.convert.<name>` into the safetensors file `target`.

    The digest of the source goes into the file's metadata. Raises CorruptWeightsError for a source of another
    form; ValueError for an unknown converter.
    """
    if name not in CONVERTERS:
        raise ValueError(f"no converter is named {name!r}; there are {', '.join(CONVERTERS)}")
    # Imported by name so that onnx and h5py are loaded only when a file of theirs is converted.
    converter = cast(Converter, importlib.import_module(f"weights.convert.{name}"))
    try:
        tensors = converter.convert(source)
    except RefusedPickleError as error:
        cause = f"refused, nothing in it was run: {error}"
        raise CorruptWeightsError(f"{source}: {cause}", cause=cause) from error
    metadata = {"format": "pt", "converter": name, "source_sha256": source_sha256}
    try:
        write_safetensors(tensors, target, metadata=metadata)
    except ValueError as error:
        cause = f"cannot be written as safetensors: {error}"
        raise CorruptWeightsError(f"{source}: {cause}", cause=cause) from error
