"""ArcFace networks in onnx files, as insightface publishes them: 112 px crops to 512-d vectors, raw.

Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition" (CVPR 2019).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from face.align import ARCFACE_SIDE
from face.encoder import CROPS_PER_BATCH
from face.errors import FaceError
from face.facts import ASSUMED_BASIS, EmbedderFacts, WithFacts
from face.session import open_session
from face.types import Alignment, CropSpec, FaceCrops, IdentityEmbeddings

DIMENSION = 512
# insightface's input: RGB, (value - 127.5) / 127.5.
MEAN_AND_SCALE = 127.5
# Also for other networks trained with ArcFace's loss.
ARCFACE_SAME_PERSON_SIMILARITY = 0.35


# insightface's buffalo_l and antelopev2, which differ in depth and training data alone, and the MobileFaceNet
# of buffalo_sc. Of the smaller SqueezeFacePoseNet no weights are published.
FACTS = {
    name: EmbedderFacts(
        name=name,
        dimension=DIMENSION,
        spec=CropSpec(ARCFACE_SIDE, alignment=Alignment.ARCFACE),
        same_person_similarity=ARCFACE_SAME_PERSON_SIMILARITY,
        basis=ASSUMED_BASIS,
    )
    for name in ("arcface", "arcface-large", "arcface-small")
}


class ArcFaceEmbedder(WithFacts):
    """An ArcFace session; make one with `load`."""

    def __init__(self, name: str, session: Any, device: torch.device) -> None:
        super().__init__(FACTS[name])
        self._session = session
        self._device = device
        (self._input,) = session.get_inputs()
        # A file exported for one crop takes no batch.
        self._crops_per_batch = 1 if self._input.shape[0] == 1 else CROPS_PER_BATCH

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        """[N,512] float32 raw vectors on the embedder's device; ValueError for crops by another spec."""
        self.check(crops)
        images = (crops.data.cpu().numpy().astype(np.float32) - MEAN_AND_SCALE) / MEAN_AND_SCALE
        vectors = np.zeros((len(images), DIMENSION), np.float32)
        for start in range(0, len(images), self._crops_per_batch):
            batch = images[start : start + self._crops_per_batch]
            (vectors[start : start + len(batch)],) = self._session.run(None, {self._input.name: batch})
        return IdentityEmbeddings(torch.from_numpy(vectors).to(self._device), self.name)


def load(path: Path, *, name: str, device: torch.device) -> ArcFaceEmbedder:
    """The embedder in an onnx file that takes [N,3,112,112] and gives [N,512].

    Raises FaceError for any other network, and for the old ones that normalise their input themselves.
    """
    session = open_session(path, title="ArcFace", device=device)
    taken = [list(each.shape) for each in session.get_inputs()]
    given = [list(each.shape) for each in session.get_outputs()]
    fits = len(taken) == 1 and taken[0][1:] == [3, ARCFACE_SIDE, ARCFACE_SIDE]
    if not (fits and len(given) == 1 and len(given[0]) == 2 and given[0][1] == DIMENSION):
        raise FaceError(
            f"{path}: not an ArcFace network: it takes {taken} and gives {given} where [N, 3, 112, 112] and "
            f"[N, {DIMENSION}] belong; fetch the weight of {name} again"
        )
    if isinstance(taken[0][0], int) and taken[0][0] != 1:
        raise FaceError(
            f"{path}: made for batches of exactly {taken[0][0]}; export it with a free batch size"
        )
    _refuse_own_normalisation(path)
    return ArcFaceEmbedder(name, session, device)


def _refuse_own_normalisation(path: Path) -> None:
    """insightface's first networks, from MXNet, begin by subtracting and multiplying: fed [-1,1] they would
    give vectors that look sound and are wrong."""
    import onnx

    first = [node.op_type for node in onnx.load(str(path), load_external_data=False).graph.node[:8]]
    if "Sub" in first and "Mul" in first:
        raise FaceError(f"{path}: an MXNet export that normalises its input itself; use a newer ArcFace file")
