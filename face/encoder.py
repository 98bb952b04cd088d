"""Identity embedders that are a torch network on aligned or plain crops: the part they share."""

from __future__ import annotations

import torch

from face.facts import EmbedderFacts, WithFacts
from face.types import FaceCrops, IdentityEmbeddings

# Crops that pass a network at once: it bounds the memory, and it is fixed because the size of a batch
# changes the last bits of the results.
CROPS_PER_BATCH = 32


class TorchEmbedder(WithFacts):
    """See `face.embed.IdentityEmbedder`.

    `network` takes [N,3,S,S] float32 RGB, (value - `mean`) / `scale` of the 0..255 crops, and gives
    [N,dimension] raw vectors.
    """

    def __init__(
        self,
        facts: EmbedderFacts,
        network: torch.nn.Module,
        *,
        device: torch.device,
        mean: float = 127.5,
        scale: float = 127.5,
    ) -> None:
        super().__init__(facts)
        self._network = network
        self._device = device
        self._mean = mean
        self._scale = scale

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        """[N,D] float32 raw vectors on the embedder's device. Raises ValueError for crops by another spec."""
        self.check(crops)
        vectors = torch.zeros((len(crops), self.dimension), device=self._device)
        with torch.inference_mode():
            for start in range(0, len(crops), CROPS_PER_BATCH):
                batch = crops.data[start : start + CROPS_PER_BATCH].to(self._device).float()
                vectors[start : start + len(batch)] = self._network((batch - self._mean) / self._scale)
        return IdentityEmbeddings(vectors, self.name)
