"""What an identity embedder is, and which ones there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from face.errors import FaceError
from face.types import CropSpec, FaceCrops, IdentityEmbeddings


class IdentityEmbedder(Protocol):
    """Turns face crops into vectors that tell people apart.

    `spec` says which crops it takes, `dimension` how long its vectors are. From a cosine of
    `same_person_similarity` between unit vectors on, two faces are taken to be one person's; the embedder's
    file says how it was found.
    """

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def spec(self) -> CropSpec: ...

    @property
    def same_person_similarity(self) -> float: ...

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        """[N,D] raw vectors of N crops by `spec`; ValueError for other crops."""
        ...


@dataclass(frozen=True)
class _Entry:
    weights: tuple[str, ...]
    load: Callable[[Mapping[str, Path], torch.device], IdentityEmbedder]


_DLIB_WEIGHT = "dlib-face-recognition-resnet"


def _load_dlib(model_paths: Mapping[str, Path], device: torch.device) -> IdentityEmbedder:
    from face.dlib import load_dlib

    return load_dlib(model_paths[_DLIB_WEIGHT], device=device)


_EMBEDDERS = {"dlib": _Entry((_DLIB_WEIGHT,), _load_dlib)}


def embedder_names() -> tuple[str, ...]:
    """The names that `load_embedder` takes; imports none of their packages."""
    return tuple(_EMBEDDERS)


def weights_needed(name: str) -> tuple[str, ...]:
    """The names of the weights that an embedder needs; FaceError for an unknown embedder."""
    return _entry(name).weights


def load_embedder(name: str, model_paths: Mapping[str, Path], *, device: torch.device) -> IdentityEmbedder:
    """An embedder from local weight files, keyed as `weights_needed` names them.

    FaceError for an unknown name, and for a weight that is missing or cannot be loaded.
    """
    entry = _entry(name)
    for weight in entry.weights:
        if weight not in model_paths:
            raise FaceError(f"the embedder {name} needs the weight {weight}: fetch it first")
        if not model_paths[weight].is_file():
            raise FaceError(f"{model_paths[weight]}: no such file; fetch the weight {weight} again")
    return entry.load(model_paths, device)


def _entry(name: str) -> _Entry:
    if name not in _EMBEDDERS:
        raise FaceError(f"no identity embedder is called {name!r}; there are: {', '.join(_EMBEDDERS)}")
    return _EMBEDDERS[name]
