"""Identity vectors by dlib's face recognition network, a ResNet of 29 layers with 128 outputs.

King, "High Quality Face Recognition with Deep Metric Learning" (dlib blog, 2017). The weights are CC0.

Measured with faces found by MTCNN and aligned by `face.align`: on two draws of about 300 pairs of LFW
photographs, half of them of one person, AUC 0.994 both times, best accuracy 0.966 and 0.986 (limits 0.905),
and an equal error rate of 0.040 at a cosine of 0.910; on 300 pairs of the deepface test set (25 photographs,
38 pairs of one person) AUC 1.000. Its cosines are high throughout: the median is 0.85 for two people and
0.95 for one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from face.align import DLIB_SIDE
from face.errors import FaceError
from face.facts import EmbedderFacts, WithFacts
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
        basis="measured on LFW: 0.8 % of 11,175 pairs of two people pass, 7 % of those of one person fail; "
        "AUC 0.994, equal error rate 0.040 at 0.910",
        measured=True,
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
