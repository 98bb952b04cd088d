"""What the project knows about one weight file: the record the registry is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from weights.convert.layout import TensorShapes
from weights.sources import Converted, Source

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]*")
SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class WeightSpec:
    """One weight file: its name, where it may come from, the digest it must have, its licence.

    `sources` are tried in order. `sha256` is None where no digest could be verified from here: such a file is
    pinned at first use. `converter` names the module of `weights.convert` that makes `file` from the raw
    weight a `Converted` source names. `tensors` are a few by which a safetensors file without a registered
    digest is told from that of another network. Raises ValueError on a record that contradicts itself.
    """

    name: str
    file: str
    sources: tuple[Source, ...]
    sha256: str | None
    licence: str
    commercial_use: bool
    converter: str | None
    trained_with: str
    paper: str
    size_bytes: int | None
    description: str
    used_by: tuple[str, ...] = ()
    tensors: TensorShapes = ()

    def __post_init__(self) -> None:
        if not NAME_PATTERN.fullmatch(self.name):
            raise ValueError(f"weight name {self.name!r}: use lower-case letters, digits and hyphens")
        if PurePosixPath(self.file).name != self.file or self.file.startswith("."):
            raise ValueError(f"{self.name}: {self.file!r} is not a plain file name")
        if self.sha256 is not None and not SHA256_PATTERN.fullmatch(self.sha256):
            raise ValueError(f"{self.name}: {self.sha256!r} is not a sha256 in lower-case hexadecimal")
        if not self.sources:
            raise ValueError(f"{self.name}: no source")
        if bool(self.raw_names) != (self.converter is not None):
            raise ValueError(f"{self.name}: a converter and a Converted source go together")

    @property
    def raw_names(self) -> tuple[str, ...]:
        """The weights this one is converted from."""
        return tuple(source.weights for source in self.sources if isinstance(source, Converted))
