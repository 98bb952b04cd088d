"""Identity by dlib's face recognition ResNet (King 2017): 128-d vectors from 150 px chips, on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from face.align import DLIB_SIDE
from face.embed import check_spec
from face.errors import FaceError
from face.types import Alignment, CropSpec, FaceCrops, IdentityEmbeddings

WEIGHT = "dlib-face-recognition-resnet"


class DlibEmbedder:
    """See `face.embed.IdentityEmbedder`."""

    name = "dlib"
    dimension = 128
    spec = CropSpec(DLIB_SIDE, alignment=Alignment.DLIB)
    licence = "CC0-1.0"
    same_person_similarity = 0.93

    def __init__(self, network: Any) -> None:
        self._network = network

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        check_spec(self.name, crops, self.spec)
        if not len(crops):
            return IdentityEmbeddings(torch.zeros((0, self.dimension)), self.name)
        chips = list(crops.data.permute(0, 2, 3, 1).contiguous().cpu().numpy())
        vectors = np.array(self._network.compute_face_descriptor(chips), np.float32)
        return IdentityEmbeddings(torch.from_numpy(vectors), self.name)


def load(model_paths: Mapping[str, Path], *, device: torch.device) -> DlibEmbedder:
    """The embedder; it runs on the CPU whatever `device` is. Raises FaceError for a file dlib cannot read."""
    try:
        import dlib
    except ImportError as error:
        raise FaceError(
            f"the embedder dlib needs the package dlib-bin: pip install dlib-bin ({error})"
        ) from error
    path = model_paths[WEIGHT]
    try:
        network = dlib.face_recognition_model_v1(str(path))
    except RuntimeError as error:
        raise FaceError(
            f"{path}: not dlib's face recognition network ({error}); forensics weights fetch {WEIGHT}"
        ) from error
    return DlibEmbedder(network)
