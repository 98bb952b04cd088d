"""The extraction's tools made of the project's own parts: detector, crops, identity and image tower."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from face.align import make_crops
from face.detect import FaceDetector
from face.embed import IdentityEmbedder
from face.types import CropSpec, FaceDetections
from forensics.backbones import CLIP_SIDE_PIXELS
from forensics.data.extract import Tools
from forensics.data.paste import Image
from forensics.reprogram import BorderReprogram


def analysis_tools(
    detector: FaceDetector,
    embedder: IdentityEmbedder | None,
    tower: nn.Module,
    *,
    device: torch.device,
    canvas_pixels: int = CLIP_SIDE_PIXELS,
    face_pixels: int | None = None,
) -> Tools:
    """What `forensics analyze` does to a face, up to the features under an empty border.

    `tower` is a CLIP image tower in evaluation mode on `device`, in the precision to compute with,
    `canvas_pixels` the side of its input and `face_pixels` that of the face inside the border, by default of
    the published size. Without an `embedder` identities have no values.
    """
    border = BorderReprogram(canvas_pixels=canvas_pixels, face_pixels=face_pixels).to(device)
    dtype = next(tower.parameters()).dtype

    def detect(image: Image) -> FaceDetections:
        return detector.detect(image[None])

    def crop(image: Image, detection: FaceDetections, spec: CropSpec) -> torch.Tensor:
        frames = torch.from_numpy(np.ascontiguousarray(image))[None].to(device)
        return make_crops(frames, detection, spec).data

    def embed(image: Image, detection: FaceDetections) -> torch.Tensor:
        if embedder is None:
            return torch.zeros(1, 0)
        frames = torch.from_numpy(np.ascontiguousarray(image))[None].to(device)
        return embedder.embed(make_crops(frames, detection, embedder.spec)).data

    def encode(crops: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            features: torch.Tensor = tower(border(crops.to(device)).to(dtype))
        # A copy outside inference mode, which autograd may use.
        return features.float().clone()

    return Tools(detect=detect, crop=crop, embed=embed, encode=encode)
