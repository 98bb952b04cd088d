"""Identity embedders that are a torch network on aligned or plain crops: the part they share."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from face.errors import FaceError
from face.types import CropSpec, FaceCrops, IdentityEmbeddings

# Crops that pass a network at once: it bounds the memory, and it is fixed because the size of a batch
# changes the last bits of the results.
CROPS_PER_BATCH = 32


@dataclass(frozen=True)
class TorchEmbedder:
    """See `face.embed.IdentityEmbedder`.

    `network` takes [N,3,S,S] float32 RGB, (value - `mean`) / `scale` of the 0..255 crops, and gives
    [N,dimension] raw vectors.
    """

    name: str
    dimension: int
    spec: CropSpec
    same_person_similarity: float
    network: torch.nn.Module
    device: torch.device
    mean: float = 127.5
    scale: float = 127.5

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        """[N,D] float32 raw vectors on the embedder's device.

        Raises ValueError for crops by another spec, FaceError where the weights give what is no number.
        """
        if crops.spec != self.spec:
            raise ValueError(f"{self.name} takes crops by {self.spec}, not {crops.spec}")
        vectors = torch.zeros((len(crops), self.dimension), device=self.device)
        with torch.inference_mode():
            for start in range(0, len(crops), CROPS_PER_BATCH):
                batch = crops.data[start : start + CROPS_PER_BATCH].to(self.device).float()
                vectors[start : start + len(batch)] = self.network((batch - self.mean) / self.scale)
        if not bool(torch.isfinite(vectors).all()):
            raise FaceError(f"{self.name}: the network gave values that are no numbers; verify its weights")
        return IdentityEmbeddings(vectors, self.name)
