"""Tiny seeded models for tests: real architecture, random weights, milliseconds to run."""

from __future__ import annotations

import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from torch import nn

EMBED_DIM = 32


def tiny_clip(*, seed: int = 0, token_width: int = 24) -> CLIP:
    """A whole CLIP of open_clip's own making, all vocabulary rows, QuickGELU, in evaluation mode."""
    torch.manual_seed(seed)
    model = CLIP(
        EMBED_DIM,
        CLIPVisionCfg(image_size=32, patch_size=8, width=48, layers=2, head_width=16),
        CLIPTextCfg(width=token_width, heads=4, layers=2),
        quick_gelu=True,
    )
    # open_clip starts attention output and bias at values that hide mistakes; random ones do not.
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.eval().requires_grad_(False)
