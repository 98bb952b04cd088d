"""The extraction's tools, and how they are made of the parts that the analysis runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from face.align import make_crops
from face.detect import FaceDetector
from face.embed import IdentityEmbedder, all_numbers
from face.types import CropSpec, FaceDetections
from forensics.backbones import CLIP_SIDE_PIXELS
from forensics.data.paste import Image
from forensics.data.samples import Detect, FindLandmarks
from forensics.reprogram import BorderReprogram


@dataclass(frozen=True)
class Sight:
    """What finds and cuts out faces. `detect` gives those of one picture [H,W,3] uint8 RGB; `crop` cuts
    [1,3,S,S] uint8 of the one face of a picture; `landmarks` gives its [68,2] dense landmarks, where they
    are wanted, or `None` if they miss the face."""

    detect: Detect
    crop: Callable[[Image, FaceDetections, CropSpec], torch.Tensor]
    landmarks: FindLandmarks | None = None


@dataclass(frozen=True, kw_only=True)
class Tools(Sight):
    """The parts of the analysis that extraction runs, so that training sees what analysis sees.

    `embed` gives the raw identity [1,E] float32 of the one face of a picture, `encode` the tower's raw
    features [N,D] float32 of crops [N,3,S,S] uint8.
    """

    embed: Callable[[Image, FaceDetections], torch.Tensor]
    encode: Callable[[torch.Tensor], torch.Tensor]


def sight(detector: FaceDetector, *, device: torch.device, landmarks: FindLandmarks | None = None) -> Sight:
    """How `forensics analyze` finds and cuts out faces."""

    def detect(image: Image) -> FaceDetections:
        return detector.detect(image[None])

    def crop(image: Image, detection: FaceDetections, spec: CropSpec) -> torch.Tensor:
        frames = torch.from_numpy(np.ascontiguousarray(image))[None].to(device)
        return make_crops(frames, detection, spec).data

    return Sight(detect, crop, landmarks)


def analysis_tools(
    detector: FaceDetector,
    embedder: IdentityEmbedder | None,
    tower: nn.Module,
    *,
    device: torch.device,
    canvas_pixels: int = CLIP_SIDE_PIXELS,
    face_pixels: int | None = None,
    landmarks: FindLandmarks | None = None,
) -> Tools:
    """What `forensics analyze` does to a face, up to the features under an empty border.

    `tower` is a CLIP image tower in evaluation mode on `device`, in the precision to compute with,
    `canvas_pixels` the side of its input and `face_pixels` that of the face inside the border, by default of
    the published size. Without an `embedder` identities have no values.
    """
    border = BorderReprogram(canvas_pixels=canvas_pixels, face_pixels=face_pixels).to(device)
    dtype = next(tower.parameters()).dtype

    def embed(image: Image, detection: FaceDetections) -> torch.Tensor:
        if embedder is None:
            return torch.zeros(1, 0)
        frames = torch.from_numpy(np.ascontiguousarray(image))[None].to(device)
        return all_numbers(embedder.embed(make_crops(frames, detection, embedder.spec))).data

    def encode(crops: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            features: torch.Tensor = tower(border(crops.to(device)).to(dtype))
        # A copy outside inference mode, which autograd may use.
        return features.float().clone()

    eyes = sight(detector, device=device, landmarks=landmarks)
    return Tools(eyes.detect, eyes.crop, eyes.landmarks, embed=embed, encode=encode)
