"""Tiny seeded models for tests: real architecture, random weights, milliseconds to run."""

from __future__ import annotations

from typing import Any

import torch
from open_clip.model import CLIP
from torch import nn

EMBED_DIM = 32


def tiny_clip_config(*, image_pixels: int = 32, token_width: int = 24) -> dict[str, Any]:
    """What open_clip's table would hold for `tiny_clip`."""
    return {
        "embed_dim": EMBED_DIM,
        "vision_cfg": {
            "image_size": image_pixels,
            "patch_size": 8,
            "width": 48,
            "layers": 2,
            "head_width": 16,
        },
        "text_cfg": {"width": token_width, "heads": 4, "layers": 2},
        "quick_gelu": True,
    }


def tiny_clip(*, seed: int = 0, image_pixels: int = 32, token_width: int = 24) -> CLIP:
    """A whole CLIP of open_clip's own making, all vocabulary rows, QuickGELU, in evaluation mode."""
    torch.manual_seed(seed)
    model = CLIP(**tiny_clip_config(image_pixels=image_pixels, token_width=token_width))
    # open_clip starts attention output and bias at values that hide mistakes; random ones do not.
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.eval().requires_grad_(False)
