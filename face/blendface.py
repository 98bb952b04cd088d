"""BlendFace (Shiohara et al., ICCV 2023): an ArcFace network that attributes of the face mislead less."""

from __future__ import annotations

from pathlib import Path

import torch

from face.align import ARCFACE_SIDE
from face.arcface import ARCFACE_SAME_PERSON_SIMILARITY
from face.encoder import TorchEmbedder
from face.facts import ASSUMED_BASIS, EmbedderFacts
from face.iresnet import IResNet
from face.state import load_network
from face.types import Alignment, CropSpec

FACTS = {
    "blendface": EmbedderFacts(
        name="blendface",
        dimension=512,
        spec=CropSpec(ARCFACE_SIDE, alignment=Alignment.ARCFACE),
        same_person_similarity=ARCFACE_SAME_PERSON_SIMILARITY,
        basis=ASSUMED_BASIS,
    )
}


def load(path: Path, *, name: str, device: torch.device) -> TorchEmbedder:
    """The embedder from the converted `blendface.pt`, 512-d; FaceError for the file of another network."""
    network = load_network(IResNet, path, title="BlendFace", device=device)
    return TorchEmbedder(FACTS[name], network, device=device)
