"""What an identity embedder is, and which ones there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import torch

from face.errors import FaceError, check_paths
from face.facts import EmbedderFacts
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


class _Module(Protocol):
    """What the file of an embedder gives: its facts by name, and a function that loads it."""

    FACTS: Mapping[str, EmbedderFacts]

    def load(self, path: Path, *, name: str, device: torch.device) -> IdentityEmbedder: ...


@dataclass(frozen=True)
class _Entry:
    module: str
    weight: str


_EMBEDDERS = {
    "dlib": _Entry("face.dlib", "dlib-face-recognition-resnet"),
    "arcface": _Entry("face.arcface", "arcface-buffalo-l"),
    "arcface-large": _Entry("face.arcface", "arcface-antelopev2"),
    "arcface-small": _Entry("face.arcface", "arcface-buffalo-sc"),
    "facenet": _Entry("face.facenet", "facenet-vggface2"),
    "blendface": _Entry("face.blendface", "blendface"),
    "transface": _Entry("face.transface", "transface-l-glint360k"),
}


def embedder_names() -> tuple[str, ...]:
    """The names that `load_embedder` takes; imports none of their packages."""
    return tuple(_EMBEDDERS)


def weights_needed(name: str) -> tuple[str, ...]:
    """The names of the weights that an embedder needs; FaceError for an unknown embedder."""
    return (_entry(name).weight,)


def embedder_facts(name: str) -> EmbedderFacts:
    """What is known of an embedder without its weights or its package; FaceError for an unknown one."""
    return _module(name).FACTS[name]


def load_embedder(name: str, model_paths: Mapping[str, Path], *, device: torch.device) -> IdentityEmbedder:
    """An embedder from local weight files, keyed as `weights_needed` names them.

    FaceError for an unknown name, and for a weight that is missing or cannot be loaded.
    """
    entry = _entry(name)
    check_paths(f"the embedder {name}", [entry.weight], model_paths)
    return _module(name).load(model_paths[entry.weight], name=name, device=device)


def all_numbers(embeddings: IdentityEmbeddings) -> IdentityEmbeddings:
    """The same embeddings. Raises FaceError where the encoder gave a NaN or an infinity for a face."""
    if not embeddings.finite.all():
        raise FaceError(
            f"{embeddings.embedder}: the network gave values that are no numbers; verify its weights"
        )
    return embeddings


def _entry(name: str) -> _Entry:
    if name not in _EMBEDDERS:
        raise FaceError(f"no identity embedder is called {name!r}; there are: {', '.join(_EMBEDDERS)}")
    return _EMBEDDERS[name]


def _module(name: str) -> _Module:
    return cast(_Module, import_module(_entry(name).module))
