"""The published formulas of RepDFD and TransFace, written plainly and apart from the project's code.

RepDFD goes one face at a time and through all 77 tokens. Sources: the paper (Lin et al., AAAI 2025) and the
official code's defaults; the TransFace repository (Dan et al., ICCV 2023).
"""

from __future__ import annotations

from typing import Any

import torch
from open_clip import tokenize
from torch.nn import functional
from torchvision.transforms import InterpolationMode, Resize

from forensics.face2text import PromptMode

State = dict[str, torch.Tensor]

FAKE_PROMPTS = {
    PromptMode.FACE: "A fake photo of a FE person",
    PromptMode.RANDOM: "A fake photo of a FE person",
    PromptMode.FIXED: "A fake photo of a person",
}


def published_logits(
    clip: Any,
    mode: PromptMode,
    crops: torch.Tensor,
    identities: torch.Tensor,
    delta: torch.Tensor,
    word_map: torch.Tensor,
) -> torch.Tensor:
    """[N,3,H,W] uint8 crops and raw identities [N,E] -> logits [N,2] of an open_clip CLIP."""
    canvas_side = clip.visual.image_size[0]
    side = int(canvas_side * 0.7)
    left = (canvas_side - side) // 2
    square = slice(left, left + side)
    resize = Resize((side, side), InterpolationMode.BILINEAR, antialias=True)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    rows = []
    for crop, identity in zip(crops, identities, strict=True):
        canvas = torch.zeros(3, canvas_side, canvas_side)
        canvas[:, square, square] = (resize(crop.float() / 255) - mean) / std
        border = delta.clone()
        border[:, square, square] = 0
        image = functional.normalize(clip.visual((canvas + border)[None])[0], dim=0)
        logits = []
        for prompt, has_word in (("A real photo of a person", False), (FAKE_PROMPTS[mode], True)):
            tokens = tokenize([prompt])
            hidden = clip.token_embedding(tokens)[0]
            if has_word and mode is not PromptMode.FIXED:
                word = torch.zeros(hidden.shape[1])
                word[: len(word_map)] = word_map @ identity
                hidden[6] = word
            hidden = hidden + clip.positional_embedding
            hidden = clip.ln_final(clip.transformer(hidden[None], attn_mask=clip.attn_mask))[0]
            feature = hidden[tokens[0].argmax()] @ clip.text_projection
            logits.append(clip.logit_scale.exp() * image @ functional.normalize(feature, dim=0))
        rows.append(torch.stack(logits))
    return torch.stack(rows)


def batch_norm(x: torch.Tensor, state: State, name: str, eps: float) -> torch.Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias over dimension 1."""
    wide = (1, -1) + (1,) * (x.ndim - 2)
    mean, variance, weight, bias = (
        state[f"{name}.{part}"].view(wide) for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(variance + eps) * weight + bias


def layer_norm(x: torch.Tensor, state: State, name: str) -> torch.Tensor:
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    return (x - mean) / torch.sqrt(variance + 1e-5) * state[f"{name}.weight"] + state[f"{name}.bias"]


def published_transface(state: State, images: torch.Tensor, *, depth: int, heads: int) -> torch.Tensor:
    """`VisionTransformer` of the TransFace repository in evaluation mode, the first of three values."""
    width = state["pos_embed"].shape[2]
    patches = functional.unfold(images, 9, stride=9).transpose(1, 2)
    kernel = state["patch_embed.proj.weight"].reshape(width, -1)
    x = patches @ kernel.T + state["patch_embed.proj.bias"] + state["pos_embed"]
    for i in range(depth):
        name = f"blocks.{i}"
        qkv = layer_norm(x, state, f"{name}.norm1") @ state[f"{name}.attn.qkv.weight"].T
        q, k, v = qkv.reshape(*x.shape[:2], 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        attention = ((q @ k.transpose(-2, -1)) * (width // heads) ** -0.5).softmax(-1)
        mixed = (attention @ v).transpose(1, 2).reshape(x.shape)
        x = x + mixed @ state[f"{name}.attn.proj.weight"].T + state[f"{name}.attn.proj.bias"]
        hidden = layer_norm(x, state, f"{name}.norm2") @ state[f"{name}.mlp.fc1.weight"].T
        hidden = (hidden + state[f"{name}.mlp.fc1.bias"]).clamp(0, 6)
        x = x + hidden @ state[f"{name}.mlp.fc2.weight"].T + state[f"{name}.mlp.fc2.bias"]
    x = layer_norm(x, state, "norm")
    gate = (x.flatten(1) @ state["senet.0.weight"].T).clamp(min=0) @ state["senet.2.weight"].T
    x = (x / (1 + torch.exp(-gate))[:, :, None]).flatten(1)
    x = batch_norm(x @ state["feature.0.weight"].T, state, "feature.1", 2e-5)
    return batch_norm(x @ state["feature.2.weight"].T, state, "feature.3", 2e-5)
