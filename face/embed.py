"""What an identity embedder is, and loading one by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import torch

from face.errors import FaceError
from face.types import CropSpec, FaceCrops, IdentityEmbeddings


class IdentityEmbedder(Protocol):
    """Turns face crops into identity vectors.

    `dimension` is D; `spec` says which crops it wants; `same_person_similarity` is the cosine of two unit
    vectors from which on they are taken for one person, with how it was found stated in its file.
    """

    name: str
    dimension: int
    spec: CropSpec
    licence: str
    same_person_similarity: float

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        """[N,D] raw vectors, in the order of `crops`. Raises FaceError for crops of another spec."""
        ...


@dataclass(frozen=True)
class _Entry:
    module: str
    weights: tuple[str, ...]


# A module is imported only when its embedder is loaded.
_ENTRIES = {"dlib": _Entry("face.dlib", ("dlib-face-recognition-resnet",))}
EMBEDDERS = tuple(_ENTRIES)


def weights_needed(name: str) -> tuple[str, ...]:
    """The names in the weights registry that `load_embedder(name)` needs in `model_paths`."""
    return _entry(name).weights


def load_embedder(name: str, *, device: torch.device, model_paths: Mapping[str, Path]) -> IdentityEmbedder:
    """The embedder called `name`, from the files `model_paths` gives for `weights_needed(name)`.

    Raises FaceError for an unknown name, a missing package, or a file that is absent or of another network.
    """
    entry = _entry(name)
    for weight in entry.weights:
        if weight not in model_paths:
            raise FaceError(
                f"the embedder {name} needs the weight {weight}: forensics weights fetch {weight}"
            )
        if not model_paths[weight].is_file():
            raise FaceError(f"{model_paths[weight]}: no such file; forensics weights fetch {weight}")
    return cast(IdentityEmbedder, import_module(entry.module).load(model_paths, device=device))


def check_spec(name: str, crops: FaceCrops, spec: CropSpec) -> None:
    """Raise FaceError unless `crops` were made as the embedder `name` wants them."""
    if crops.spec != spec:
        raise FaceError(f"the embedder {name} wants crops of {spec}, not of {crops.spec}")


def _entry(name: str) -> _Entry:
    if name not in _ENTRIES:
        raise FaceError(f"no identity embedder is named {name!r}; there are: {', '.join(EMBEDDERS)}")
    return _ENTRIES[name]
