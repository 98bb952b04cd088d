"""Identity vectors by dlib's face recognition network, a ResNet of 29 layers with 128 outputs.

King, "High Quality Face Recognition with Deep Metric Learning" (dlib blog, 2017). The weights are CC0.

What it was measured on is in `FACTS`. Its cosines are high throughout: equal errors lie at 0.90 to 0.93.
"""

from __future__ import annotations

from pathlib import Path

import torch

from face.align import DLIB_SIDE
from face.dlib_network import read_network
from face.encoder import TorchEmbedder
from face.errors import FaceError
from face.facts import EmbedderFacts, PairsMeasured
from face.types import Alignment, CropSpec

FACTS = {
    "dlib": EmbedderFacts(
        name="dlib",
        dimension=128,
        spec=CropSpec(size=DLIB_SIDE, alignment=Alignment.DLIB),
        # Stricter than the point of equal errors: pooling two people spoils a verdict, a person split in two
        # only doubles it.
        same_person_similarity=0.92,
        basis="measured on LFW with faces found by MTCNN: none of 4,500 colour and 0.5 % of 3,945 grey pairs "
        "of two people pass, 4 % and 10 % of the pairs of one person fail; of pairs of strangers of one sex "
        "and origin in UTKFace, 2 % (white men) to 37 % (Asian women) pass",
        measurements=(
            PairsMeasured("DeepFace test set, 38 + 262 pairs, MTCNN", 1.0, 0.0, 0.0, 0.0),
            PairsMeasured("DeepFace test set, 38 + 262 pairs, YuNet of May 2026", 1.0, 0.0, 0.0038, 0.0),
            PairsMeasured("LFW colour, 450 + 4500 pairs of 10 people, MTCNN", 0.9996, 0.0102, 0.0, 0.0422),
            PairsMeasured(
                "LFW colour, 450 + 4500 pairs of 10 people, YuNet of May 2026", 0.9969, 0.0200, 0.0007, 0.0644
            ),
            PairsMeasured("LFW grey, 394 + 3945 pairs of 400 people, MTCNN", 0.9936, 0.0305, 0.0053, 0.0990),
            PairsMeasured(
                "LFW grey, 400 + 4000 pairs of 400 people, YuNet of May 2026", 0.9967, 0.0163, 0.0028, 0.0500
            ),
        ),
    )
}


def load(path: Path, *, name: str, device: torch.device) -> TorchEmbedder:
    """The embedder of `dlib_face_recognition_resnet_model_v1.dat`; FaceError when it cannot be loaded."""
    try:
        network = read_network(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FaceError(f"{path}: not dlib's network ({error}); fetch the weight again") from error
    # The network takes the pixels as they are.
    return TorchEmbedder(FACTS[name], network.to(device), device=device, mean=0.0, scale=1.0)
