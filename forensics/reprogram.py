"""The image half of RepDFD: a face shrunk into a learnable border, in CLIP's normalised input space."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from forensics.backbones import CLIP_SIDE_PIXELS, PUBLISHED_FACE_RATIO

# OpenAI's CLIP normalisation, RGB.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def squash(crops: torch.Tensor, side_pixels: int) -> torch.Tensor:
    """Resize [N,3,H,W] uint8 crops to [N,3,S,S] float32 in [0,1], antialiased bilinear, aspect not kept.

    What torchvision's Resize does by default; crops of that very size pass through unchanged, and so do the
    gradients of crops given as floats in 0..255.
    """
    scaled = crops.float() / 255
    if crops.shape[-2:] == (side_pixels, side_pixels):
        return scaled
    return functional.interpolate(scaled, (side_pixels, side_pixels), mode="bilinear", antialias=True)


class BorderReprogram(nn.Module):
    """RepDFD's visual prompt: squash, normalise, zero-pad to the canvas, add a learnt border.

    `delta` [3,S,S] lives in normalised space, is unbounded, and counts only outside the centred face
    square: 77,520 live values for a face of 156 in a canvas of 224 pixels.
    Source: Lin et al., AAAI 2025, and the official code's `resize_dict` and `perturb_dict`.
    """

    delta: nn.Parameter
    mask: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, *, canvas_pixels: int = CLIP_SIDE_PIXELS, face_pixels: int | None = None) -> None:
        super().__init__()
        self.canvas_pixels = canvas_pixels
        self.face_pixels = int(canvas_pixels * PUBLISHED_FACE_RATIO) if face_pixels is None else face_pixels
        if not 0 < self.face_pixels <= canvas_pixels:
            raise ValueError(f"a face of {self.face_pixels} px does not fit a canvas of {canvas_pixels} px")
        # The face's upper left corner lies this far inside the canvas.
        self.offset_pixels = before = (canvas_pixels - self.face_pixels) // 2
        after = canvas_pixels - self.face_pixels - before
        self._padding = (before, after, before, after)
        inside = torch.ones(1, self.face_pixels, self.face_pixels)
        self.register_buffer("mask", 1 - functional.pad(inside, self._padding), persistent=False)
        self.register_buffer("mean", torch.tensor(CLIP_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(CLIP_STD).view(3, 1, 1), persistent=False)
        self.delta = nn.Parameter(torch.zeros(3, canvas_pixels, canvas_pixels))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """[N,3,H,W] uint8 face crops -> [N,3,S,S] float32 inputs of the image tower."""
        face = (squash(crops, self.face_pixels) - self.mean) / self.std
        return functional.pad(face, self._padding) + self.delta * self.mask
