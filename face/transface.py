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
from face.arcface import ARCFACE_SAME_PERSON_SIMILARITY
from face.encoder import TorchEmbedder
from face.facts import ASSUMED_BASIS, EmbedderFacts
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
        basis=ASSUMED_BASIS,
    )
}


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        queries, keys, values = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(queries, keys, values)
        result: torch.Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return result


class _Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.act = nn.ReLU6()
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.fc2(self.act(self.fc1(tokens)))
        return result


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = _Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = _Mlp(width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        result: torch.Tensor = tokens + self.mlp(self.norm2(tokens))
        return result


class _PatchEmbed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH_PIXELS, PATCH_PIXELS)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches: torch.Tensor = self.proj(images).flatten(2).transpose(1, 2)
        return patches


class TransFace(nn.Module):
    """[N,3,112,112] float32 RGB in [-1,1] -> [N,512] identity vectors, raw (the output of a BatchNorm).

    The defaults are TransFace-L; other widths and depths serve tests.
    """

    def __init__(self, *, width: int = 768, depth: int = 24, heads: int = 8, dimension: int = 512) -> None:
        super().__init__()
        patches = (ARCFACE_SIDE // PATCH_PIXELS) ** 2
        self.patch_embed = _PatchEmbed(width)
        self.pos_embed = nn.Parameter(torch.zeros(1, patches, width))
        # Stood in for masked patches in training; kept because the published file holds it.
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.senet = nn.Sequential(
            nn.Linear(width * patches, patches, bias=False),
            nn.ReLU(),
            nn.Linear(patches, patches, bias=False),
            nn.Sigmoid(),
        )
        self.feature = nn.Sequential(
            nn.Linear(width * patches, width, bias=False),
            nn.BatchNorm1d(width, eps=2e-5),
            nn.Linear(width, dimension, bias=False),
            nn.BatchNorm1d(dimension, eps=2e-5),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.patch_embed(images) + self.pos_embed
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)
        weighed = tokens * self.senet(tokens.flatten(1))[:, :, None]
        vectors: torch.Tensor = self.feature(weighed.flatten(1))
        return vectors


def load(path: Path, *, name: str, device: torch.device) -> TorchEmbedder:
    """The embedder from the converted Glint360K weights; FaceError for the file of another network."""
    network = load_network(TransFace, path, title="TransFace-L", device=device)
    return TorchEmbedder(FACTS[name], network, device=device)
