"""RepDFD's published formulas, written plainly and apart from the project's code: one face at a time, all 77
tokens. Source: METHODS of the paper (Lin et al., AAAI 2025) and the official code's defaults."""

from __future__ import annotations

from typing import Any

import torch
from open_clip import tokenize
from torch.nn import functional
from torchvision.transforms import InterpolationMode, Resize

from forensics.face2text import PromptMode

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
