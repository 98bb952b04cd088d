"""Identity vectors by dlib's face recognition network, a ResNet of 29 layers with 128 outputs.

King, "High Quality Face Recognition with Deep Metric Learning" (dlib blog, 2017). The weights are CC0.

What it was measured on is in `FACTS`. Its cosines are high throughout: equal errors lie at 0.90 to 0.93.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from face.align import DLIB_SIDE
from face.errors import FaceError
from face.facts import EmbedderFacts, PairsMeasured, WithFacts
from face.types import Alignment, CropSpec, FaceCrops, IdentityEmbeddings

# Crops that pass the network at once, which bounds its memory.
CROPS_PER_BATCH = 32


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


class DlibEmbedder(WithFacts):
    """dlib's network; make one with `load`. It runs on the CPU whatever the device of the crops."""

    def __init__(self, facts: EmbedderFacts, network: Any, device: torch.device) -> None:
        super().__init__(facts)
        self._network = network
        self._device = device

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        """[N,128] vectors, raw, on the embedder's device; ValueError for crops by another spec."""
        self.check(crops)
        images = crops.data.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        vectors = np.zeros((len(images), self.dimension), np.float32)
        for start in range(0, len(images), CROPS_PER_BATCH):
            batch = list(images[start : start + CROPS_PER_BATCH])
            vectors[start : start + len(batch)] = self._network.compute_face_descriptor(batch)
        return IdentityEmbeddings(torch.from_numpy(vectors).to(self._device), self.name)


def load(path: Path, *, name: str, device: torch.device) -> DlibEmbedder:
    """The embedder of `dlib_face_recognition_resnet_model_v1.dat`; FaceError when it cannot be loaded."""
    try:
        import dlib
    except ImportError as error:
        raise FaceError(f"dlib cannot be imported ({error}): pip install dlib-bin") from error

    try:
        network = dlib.face_recognition_model_v1(str(path))
    except RuntimeError as error:
        raise FaceError(f"{path}: dlib cannot load it ({error}); fetch the weight again") from error
    return DlibEmbedder(FACTS[name], network, device)
