"""CoDE's ViT-Tiny (Baraldi et al., ECCV 2024): its published weights in timm's model, and its embedding.

Source: the official code, src/inference/code_model.py of github aimagelab/CoDE. The Hub's file is a
`ViTModel` of transformers; timm's model computes the same with queries, keys and values in one matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import timm
import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn

from face.onednn import with_onednn_products
from weights.errors import CorruptWeightsError

ARCHITECTURE = "vit_tiny_patch16_224"
CROP_PIXELS = 224
EMBEDDING_WIDTH = 192
DEPTH = 12
# That of transformers' ViT; timm's own is 1e-6.
LAYER_NORM_EPS = 1e-12

# The names of timm and of transformers, outside and inside of a block; each has a weight and a bias.
STEM_NAMES = {"patch_embed.proj": "embeddings.patch_embeddings.projection", "norm": "layernorm"}
TOKEN_NAMES = {"cls_token": "embeddings.cls_token", "pos_embed": "embeddings.position_embeddings"}
BLOCK_NAMES = {
    "norm1": "layernorm_before",
    "attn.proj": "attention.output.dense",
    "norm2": "layernorm_after",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}
QKV_NAMES = tuple(f"attention.attention.{part}" for part in ("query", "key", "value"))
# transformers writes a pooler that the published inference replaces by an identity.
UNUSED = frozenset({"pooler.dense.weight", "pooler.dense.bias"})


def empty_vit() -> nn.Module:
    """The architecture with freshly drawn weights; its output is the CLS token after the final norm."""
    norm = partial(nn.LayerNorm, eps=LAYER_NORM_EPS)
    return timm.create_model(ARCHITECTURE, pretrained=False, num_classes=0, norm_layer=norm)


def build_vit(state: Mapping[str, torch.Tensor]) -> nn.Module:
    """The ViT with `state`, named as transformers' `ViTModel` names it; frozen, in evaluation mode.

    Raises CorruptWeightsError when a tensor is missing, left over, of another shape or not finite.
    """
    # On the meta device nothing is initialised only to be overwritten.
    with torch.device("meta"):
        vit = empty_vit()
    try:
        vit.load_state_dict(to_timm(state), strict=True, assign=True)
    except RuntimeError as error:
        raise CorruptWeightsError(f"not CoDE's ViT-Tiny: {' '.join(str(error).split())}") from error
    return with_onednn_products(vit.eval().requires_grad_(False))


def to_timm(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`state` under timm's names, float32. Raises CorruptWeightsError for other names than transformers'."""
    left = {name: tensor.float() for name, tensor in state.items() if name not in UNUSED}
    if broken := [name for name, tensor in left.items() if not torch.isfinite(tensor).all()]:
        raise CorruptWeightsError(f"not CoDE's ViT-Tiny: {broken[0]} holds values that are not finite")
    try:
        found = {ours: left.pop(theirs) for ours, theirs in TOKEN_NAMES.items()}
        for kind in ("weight", "bias"):
            for ours, theirs in STEM_NAMES.items():
                found[f"{ours}.{kind}"] = left.pop(f"{theirs}.{kind}")
            for block in range(DEPTH):
                ours_block, theirs_block = f"blocks.{block}", f"encoder.layer.{block}"
                parts = [left.pop(f"{theirs_block}.{part}.{kind}") for part in QKV_NAMES]
                found[f"{ours_block}.attn.qkv.{kind}"] = torch.cat(parts)
                for ours, theirs in BLOCK_NAMES.items():
                    found[f"{ours_block}.{ours}.{kind}"] = left.pop(f"{theirs_block}.{theirs}.{kind}")
    except KeyError as error:
        raise CorruptWeightsError(f"not CoDE's ViT-Tiny: {error.args[0]} is missing") from error
    if left:
        raise CorruptWeightsError(f"not CoDE's ViT-Tiny: {min(left)} does not belong to it")
    return found


def embed(vit: nn.Module, crops: torch.Tensor) -> torch.Tensor:
    """The embeddings [N,192] float64 of `crops` [N,224,224,3] uint8 RGB, computed in the model's precision.

    Scaled to [0,1] and normalised by ImageNet's mean and standard deviation, as published.
    """
    if crops.shape[1:] != (CROP_PIXELS, CROP_PIXELS, 3):
        raise ValueError(f"crops must be [N,{CROP_PIXELS},{CROP_PIXELS},3], not {list(crops.shape)}")
    mean, std = (
        torch.tensor(values, device=crops.device) for values in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
    )
    pixels = ((crops.float() / 255 - mean) / std).permute(0, 3, 1, 2)
    dtype = next(vit.parameters()).dtype
    with torch.inference_mode():
        embeddings: torch.Tensor = vit(pixels.to(dtype))
    return embeddings.double()
