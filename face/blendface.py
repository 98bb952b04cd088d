"""BlendFace (Shiohara et al., ICCV 2023): an ArcFace network that attributes of the face mislead less."""

from __future__ import annotations

from pathlib import Path

import torch

from face.align import ARCFACE_SIDE
from face.encoder import TorchEmbedder
from face.iresnet import IResNet
from face.state import load_network
from face.types import Alignment, CropSpec

# Not measured here: the weights cannot be had openly. ArcFace networks part LFW pairs at 0.2 to 0.3
# (equal errors); stricter, because pooling two people is worse than splitting one.
SAME_PERSON_SIMILARITY = 0.35


def load_blendface(path: Path, *, device: torch.device) -> TorchEmbedder:
    """The embedder from the converted `blendface.pt`, 512-d; FaceError for the file of another network."""
    return TorchEmbedder(
        name="blendface",
        dimension=512,
        spec=CropSpec(ARCFACE_SIDE, alignment=Alignment.ARCFACE),
        same_person_similarity=SAME_PERSON_SIMILARITY,
        network=load_network(IResNet, path, title="BlendFace", device=device),
        device=device,
    )
