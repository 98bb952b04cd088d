"""TransFace-L, the identity encoder of RepDFD's published checkpoint: a ViT that re-weighs its patches.

Dan et al., "TransFace: Calibrating Transformer Training for Face Recognition from a Data-Centric
Perspective" (ICCV 2023); network `vit_l_dp005_mask_005` of the authors' repository, layers under the names
of its weights. Its training parts (dropped paths, masked patches, patch entropies) do not act at inference.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from face.align import ARCFACE_SIDE
from face.arcface import ARCFACE_BASIS, ARCFACE_SAME_PERSON_SIMILARITY
from face.encoder import TorchEmbedder
from face.facts import EmbedderFacts
from face.state import load_network
from face.types import Alignment, CropSpec

# 12 x 12 patches; the last four rows and columns of the 112 px crop are not seen, as published.
PATCH_PIXELS = 9
FACTS = {
    "transface": EmbedderFacts(
        name="transface",
        dimension=512,
        spec=CropSpec(ARCFACE_SIDE, alignment=Alignment.ARCFACE),
        same_person_similarity=ARCFACE_SAME_PERSON_SIMILARITY,
        basis=ARCFACE_BASIS,
        measured=False,
    )
}
