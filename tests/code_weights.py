"""Seeded weights in the transformers layout of CoDE's ViT-Tiny, and pictures to run it on."""

from __future__ import annotations

import numpy as np
import torch

WIDTH, MLP_WIDTH, DEPTH, TOKENS = 192, 768, 12, 197
# So faint that a layer norm with timm's own epsilon, 1e-6, would change the result by far.
FAINT = 1e-3


def transformers_state(*, seed: int = 0) -> dict[str, torch.Tensor]:
    """All tensors of a saved transformers `ViTModel` of CoDE's shape, pooler included, drawn by numpy."""
    draw = np.random.default_rng(seed)

    def normal(*shape: int, mean: float = 0.0, std: float = 0.1) -> torch.Tensor:
        return torch.from_numpy(draw.normal(mean, std, shape).astype(np.float32))

    state = {
        "embeddings.cls_token": normal(1, 1, WIDTH, std=FAINT),
        "embeddings.position_embeddings": normal(1, TOKENS, WIDTH, std=FAINT),
        "embeddings.patch_embeddings.projection.weight": normal(WIDTH, 3, 16, 16, std=FAINT / 28),
        "embeddings.patch_embeddings.projection.bias": normal(WIDTH, std=FAINT),
    }
    for block in range(DEPTH):
        prefix = f"encoder.layer.{block}"
        linear = {
            **{f"attention.attention.{part}": (WIDTH, WIDTH) for part in ("query", "key", "value")},
            "attention.output.dense": (WIDTH, WIDTH),
            "intermediate.dense": (MLP_WIDTH, WIDTH),
            "output.dense": (WIDTH, MLP_WIDTH),
        }
        for name, shape in linear.items():
            state[f"{prefix}.{name}.weight"] = normal(*shape)
            state[f"{prefix}.{name}.bias"] = normal(shape[0])
        for name in ("layernorm_before", "layernorm_after"):
            state[f"{prefix}.{name}.weight"] = normal(WIDTH, mean=1.0)
            state[f"{prefix}.{name}.bias"] = normal(WIDTH)
    state["layernorm.weight"] = normal(WIDTH, mean=1.0)
    state["layernorm.bias"] = normal(WIDTH)
    state["pooler.dense.weight"] = normal(WIDTH, WIDTH)
    state["pooler.dense.bias"] = normal(WIDTH)
    return state


def pictures(count: int, height: int, width: int, *, seed: int = 1) -> torch.Tensor:
    """[count,height,width,3] uint8 RGB noise."""
    draw = np.random.default_rng(seed)
    return torch.from_numpy(draw.integers(0, 256, (count, height, width, 3), dtype=np.uint8))
