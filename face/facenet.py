"""FaceNet as facenet-pytorch trained it on VGGFace2: InceptionResnetV1, 512-d unit vectors.

Schroff et al., "FaceNet: A Unified Embedding for Face Recognition and Clustering" (CVPR 2015).
"""

from __future__ import annotations

from pathlib import Path

import torch

from face.encoder import TorchEmbedder
from face.errors import FaceError
from face.facts import ASSUMED_BASIS, EmbedderFacts
from face.state import load_network
from face.types import CropSpec

SIDE_PIXELS = 160
# facenet-pytorch evaluates LFW with 14 of the 160 pixels as margin: 160 / (160 - 14).
MARGIN_RATIO = 1.1
# (value - 127.5) / 128, `fixed_image_standardization` of facenet-pytorch.
SCALE = 128.0
# The classifier of the 8,631 identities it was trained on.
CLASSIFIER = ("logits.weight", "logits.bias")
FACTS = {
    "facenet": EmbedderFacts(
        name="facenet",
        dimension=512,
        spec=CropSpec(SIDE_PIXELS, margin_ratio=MARGIN_RATIO),
        same_person_similarity=0.6,
        basis=ASSUMED_BASIS,
    )
}


def load(path: Path, *, name: str, device: torch.device) -> TorchEmbedder:
    """The embedder from the converted VGGFace2 weights.

    Its raw vectors are of length 1: the published network ends in that. Raises FaceError for a missing
    package and for the file of another network.
    """
    try:
        from facenet_pytorch import InceptionResnetV1
    except ImportError as error:
        raise FaceError(f"facenet needs facenet-pytorch ({error}): pip install facenet-pytorch") from error
    network: torch.nn.Module = load_network(
        InceptionResnetV1, path, title="FaceNet (VGGFace2)", device=device, left_out=CLASSIFIER
    )
    return TorchEmbedder(FACTS[name], network, device=device, scale=SCALE)
