"""Batches for CoDE's training, each a pure function of its step, made ahead by worker processes if asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn
from torch.utils.data import DataLoader, Dataset

from forensics.train.code_data import Record, pair_up
from forensics.train.code_pictures import Picture
from forensics.train.code_views import fit, training_views
from forensics.train.loop import pair_batches

_EMBED_BATCH = 64
# Keeps the stream of pairs apart from the streams of the pairs' views.
_PAIR_STREAM, _VIEW_STREAM = 0, 1


@dataclass(frozen=True)
class PairJob:
    """One pair to make the views of; `seed` is that of this pair in this pass over the records."""

    real: Picture
    fake: Picture
    seed: tuple[int, ...]


class Batches:
    """The training batches of `records` by step."""

    def __init__(
        self, records: Sequence[Record], *, batch_pairs: int, side: int, seed: int, workers: int = 0
    ) -> None:
        self._seed = seed
        self._side = side
        self._workers = workers
        self._pairs_of = lru_cache(maxsize=1)(
            lambda number: pair_up(records, np.random.default_rng((seed, _PAIR_STREAM, number)))
        )
        self._pairs = len(self._pairs_of(0))
        self._batch_pairs = min(batch_pairs, self._pairs)
        self._next = -1
        self._views: Iterator[torch.Tensor] = iter(())

    @property
    def batch_pairs(self) -> int:
        return self._batch_pairs

    @property
    def steps_of_a_pass(self) -> int:
        """Steps after which every record was seen."""
        return self._pairs // self._batch_pairs

    def jobs(self, step: int) -> list[PairJob]:
        """The pairs of `step`; every pass draws counterparts, order and views anew."""
        number = step // self.steps_of_a_pass
        places = pair_batches(self._pairs, self._batch_pairs, step, self._seed)
        pairs = self._pairs_of(number)
        return [PairJob(*pairs[place], (self._seed, _VIEW_STREAM, number, place)) for place in places]

    def views(self, step: int) -> torch.Tensor:
        """[N,2,4,3,side,side] uint8: for every pair of `step` the views of the real and the fake picture."""
        if step != self._next:
            loader = DataLoader(
                _Views(self._side), batch_sampler=_Steps(self, step), num_workers=self._workers
            )
            self._views = iter(loader)
        self._next = step + 1
        return next(self._views)


class _Steps:
    """The jobs of every step from `first` on, without end."""

    def __init__(self, batches: Batches, first: int) -> None:
        self._batches = batches
        self._first = first

    def __iter__(self) -> Iterator[list[PairJob]]:
        step = self._first
        while True:
            yield self._batches.jobs(step)
            step += 1


class _Views(Dataset[torch.Tensor]):
    """Answers a job with its views; it has no length, since jobs come from the sampler alone."""

    def __init__(self, side: int) -> None:
        self._side = side

    def __getitem__(self, job: PairJob) -> torch.Tensor:
        draw = np.random.default_rng(job.seed)
        members = (job.real, job.fake)
        return torch.stack([training_views(member.pixels(), draw, side=self._side) for member in members])


class _Plain(Dataset[torch.Tensor]):
    """Pictures as inference sees them."""

    def __init__(self, pictures: Sequence[Picture], side: int) -> None:
        self._pictures = pictures
        self._side = side

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, place: int) -> torch.Tensor:
        return fit(self._pictures[place].pixels(), self._side)


def embeddings(
    vit: nn.Module, pictures: Sequence[Picture], *, side: int, device: torch.device, workers: int = 0
) -> torch.Tensor:
    """[N,D] float64 on the CPU: `pictures` through `vit`, cut as at inference."""
    loader = DataLoader(_Plain(pictures, side), batch_size=_EMBED_BATCH, num_workers=workers)
    with torch.inference_mode():
        return torch.cat([vit(normalised(crops.to(device))).double().cpu() for crops in loader])


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """[N,3,H,W] uint8 RGB -> float32, scaled to [0,1], then by ImageNet's mean and standard deviation."""
    mean, std = (
        torch.tensor(values, device=pixels.device).view(3, 1, 1)
        for values in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
    )
    return (pixels.float() / 255 - mean) / std
