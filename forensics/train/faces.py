"""The faces of one split of a cache as tensors, and which of them a training step sees."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from forensics.data.cache import FAKE, GENERATED, REAL, FeatureCache, record_of
from forensics.errors import ForensicsError
from forensics.face2text import PromptMode, random_identities
from forensics.train.loop import pair_batches

# Of the random identities that validation sees; training's are numbered from 1.
VALIDATION_DRAW = 0


@dataclass(frozen=True)
class Draw:
    """How many faces a step sees: `pairs` of a real face and its pseudo-fake, `fakes` without a counterpart
    with as many real ones beside them, and `generated` ones.

    Those without a counterpart are drawn video by video, so that a long clip weighs no more than a short
    one; `by_epoch` every video once before any comes again, as published. A kind that the cache does not
    hold is left out.
    """

    pairs: int = 0
    fakes: int = 0
    generated: int = 0
    by_epoch: bool = False


class Faces:
    """One split of a cache. The first rows are the pairs, members side by side: real, fake.

    `label` is 0 for real, 1 for fake and 2 for generated faces. Raises ForensicsError for a split without
    real or without fake faces.
    """

    def __init__(self, cache: FeatureCache, split: str, device: torch.device) -> None:
        paired = _paired_rows(cache, split)
        single = np.setdiff1d(np.flatnonzero(cache.split == split), paired)
        rows = np.concatenate([paired, single])
        self.pairs = len(paired) // 2
        self.features = functional.normalize(torch.from_numpy(cache.features[rows]).to(device), dim=-1)
        self.identities = torch.from_numpy(cache.embeddings[rows]).to(device)
        self.label = torch.from_numpy(cache.label[rows].astype(np.int64)).to(device)
        self.crops = cache.crops[rows]
        self.device = device
        self.digest = hashlib.sha256(cache.features[rows].tobytes() + rows.tobytes()).hexdigest()
        self._labels = cache.label[rows]
        # [N] which record each face is of: a video, or a picture as a video of one.
        self.video = record_of(cache.pair[rows])
        if not {REAL, FAKE} <= set(self._labels.tolist()):
            raise ForensicsError(f"the cache holds no real or no fake face in the split {split!r}")

    def __len__(self) -> int:
        return len(self._labels)

    def rows_of(self, pairs: npt.ArrayLike) -> torch.Tensor:
        first = 2 * torch.as_tensor(pairs)
        return torch.stack([first, first + 1], dim=1).flatten()

    def drawn(self, draw: Draw, step: int, seed: int) -> torch.Tensor:
        """The rows of one step: a pure function of its number and the seed."""
        rows = []
        if draw.pairs and self.pairs:
            pairs = pair_batches(self.pairs, min(draw.pairs, self.pairs), step, seed)
            rows.append(self.rows_of(pairs))
        rng = np.random.default_rng([seed, step])
        for kind, (among, count) in enumerate(self._singles(draw)):
            if not count or not among.any():
                continue
            choices = np.flatnonzero(among)
            videos = np.unique(self.video[choices])
            if draw.by_epoch:
                chosen = _once_an_epoch(videos, count, step, [seed, kind])
            else:
                chosen = rng.choice(videos, size=count)
            rows.append(torch.from_numpy(self._one_of_each(choices, chosen, rng)))
        return torch.cat(rows)

    def check_draw(self, draw: Draw) -> None:
        """Raise ForensicsError where no step of `draw` would see a fake face of this split."""
        _, fakes, generated = (bool(count and among.any()) for among, count in self._singles(draw))
        if not (fakes or generated or (draw.pairs and self.pairs)):
            there = "pairs" if self.pairs else "fakes without a counterpart"
            raise ForensicsError(f"the cache holds {there} only, and none of them would be drawn; draw those")

    def _singles(self, draw: Draw) -> tuple[tuple[npt.NDArray[np.bool_], int], ...]:
        """Which faces are drawn one by one, and how many of each kind: real, fake, generated."""
        alone = np.arange(len(self)) >= 2 * self.pairs
        return (
            (self._labels == REAL, draw.fakes),
            (alone & (self._labels == FAKE), draw.fakes),
            (self._labels == GENERATED, draw.generated),
        )

    def words(self, mode: PromptMode, rows: torch.Tensor, *, draw: int = VALIDATION_DRAW) -> torch.Tensor:
        """The identities that the prompt is given: the faces' own, or random ones of the same number.

        Random ones are others at every `draw`: kept for a row, they would stand for its label, in another
        split too, whose rows have the same numbers.
        """
        if mode is PromptMode.RANDOM:
            width = self.identities.shape[1]
            return random_identities(rows, torch.full_like(rows, draw), width).to(self.device)
        return self.identities[rows.to(self.device)]

    def prompt_of(self, rows: torch.Tensor, prompts: int) -> torch.Tensor:
        """Which of the `prompts` each face answers to: without a third one, generated faces are fake."""
        return self.label[rows].clamp(max=prompts - 1)

    def auc(self, scores: npt.NDArray[np.float64], rows: npt.NDArray[np.intp] | None = None) -> float:
        """Mean over the kinds of fake of the AUC by video: real against each, `scores` [N] being the rows'.

        A video's score is the mean of its faces'; a picture is a video of one. Without `rows`, of all.
        """
        chosen = np.arange(len(self)) if rows is None else rows
        label, video = self._labels[chosen], self.video[chosen]
        means = {
            kind: _means(scores[label == kind], video[label == kind]) for kind in np.unique(label).tolist()
        }
        real = means.pop(REAL)
        return float(np.mean([_auc(real, fake) for fake in means.values()]))

    def _one_of_each(
        self, rows: npt.NDArray[np.intp], videos: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> npt.NDArray[np.intp]:
        """A random row of each video, of those among `rows`."""
        of = self.video[rows]
        return np.array([rng.choice(rows[of == video]) for video in videos])


def _once_an_epoch(
    videos: npt.NDArray[np.int64], count: int, step: int, seed: Sequence[int]
) -> npt.NDArray[np.int64]:
    """The `count` videos of a step out of an endless row of shuffles, each with all of them once."""
    first = step * count
    epochs = range(first // len(videos), (first + count - 1) // len(videos) + 1)
    order = [np.random.default_rng([*seed, epoch]).permutation(videos) for epoch in epochs]
    start = first - epochs[0] * len(videos)
    return np.concatenate(order)[start : start + count]


def _means(values: npt.NDArray[np.float64], of: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The mean of the values [N] that share an entry of `of` [N], one for each entry."""
    _, place = np.unique(of, return_inverse=True)
    return np.asarray(np.bincount(place, values) / np.bincount(place))


def _auc(real: npt.NDArray[np.float64], fake: npt.NDArray[np.float64]) -> float:
    label = np.concatenate([np.zeros(len(real)), np.ones(len(fake))])
    return float(roc_auc_score(label, np.concatenate([real, fake])))


def _paired_rows(cache: FeatureCache, split: str) -> npt.NDArray[np.intp]:
    """Rows of the split's whole pairs, real before fake."""
    chosen = np.flatnonzero(cache.split == split)
    order = chosen[np.lexsort((cache.label[chosen], cache.pair[chosen]))]
    pair = cache.pair[order]
    first = np.flatnonzero((pair[:-1] == pair[1:]) & (cache.label[order][:-1] < cache.label[order][1:]))
    return np.stack([order[first], order[first + 1]], axis=1).ravel()
