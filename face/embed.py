"""What an identity embedder is, and which ones there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from face.errors import FaceError, check_paths
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
    weight: str
    load: Callable[[Path, torch.device], IdentityEmbedder]


def _load_dlib(path: Path, device: torch.device) -> IdentityEmbedder:
    from face.dlib import load_dlib

    return load_dlib(path, device=device)


def _load_arcface(path: Path, device: torch.device) -> IdentityEmbedder:
    from face.arcface import load_arcface

    return load_arcface(path, name="arcface", device=device)


def _load_arcface_large(path: Path, device: torch.device) -> IdentityEmbedder:
    from face.arcface import load_arcface

    return load_arcface(path, name="arcface-large", device=device)


def _load_facenet(path: Path, device: torch.device) -> IdentityEmbedder:
    from face.facenet import load_facenet

    return load_facenet(path, device=device)


def _load_blendface(path: Path, device: torch.device) -> IdentityEmbedder:
    from face.blendface import load_blendface

    return load_blendface(path, device=device)


def _load_transface(path: Path, device: torch.device) -> IdentityEmbedder:
    from face.transface import load_transface

    return load_transface(path, device=device)


_EMBEDDERS = {
    "dlib": _Entry("dlib-face-recognition-resnet", _load_dlib),
    "arcface": _Entry("arcface-buffalo-l", _load_arcface),
    "arcface-large": _Entry("arcface-antelopev2", _load_arcface_large),
    "facenet": _Entry("facenet-vggface2", _load_facenet),
    "blendface": _Entry("blendface", _load_blendface),
    "transface": _Entry("transface-l-glint360k", _load_transface),
}


def embedder_names() -> tuple[str, ...]:
    """The names that `load_embedder` takes; imports none of their packages."""
    return tuple(_EMBEDDERS)


def weights_needed(name: str) -> tuple[str, ...]:
    """The names of the weights that an embedder needs; FaceError for an unknown embedder."""
    return (_entry(name).weight,)


def load_embedder(name: str, model_paths: Mapping[str, Path], *, device: torch.device) -> IdentityEmbedder:
    """An embedder from local weight files, keyed as `weights_needed` names them.

    FaceError for an unknown name, and for a weight that is missing or cannot be loaded.
    """
    entry = _entry(name)
    check_paths(f"the embedder {name}", [entry.weight], model_paths)
    return entry.load(model_paths[entry.weight], device)


def _entry(name: str) -> _Entry:
    if name not in _EMBEDDERS:
        raise FaceError(f"no identity embedder is called {name!r}; there are: {', '.join(_EMBEDDERS)}")
    return _EMBEDDERS[name]
