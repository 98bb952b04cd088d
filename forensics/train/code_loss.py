"""CoDE's loss: InfoNCE between views of one class, with the other class as negatives.

Source: Baraldi et al., ECCV 2024, and src/engine.py of github aimagelab/CoDE.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

PUBLISHED_TEMPERATURE = 0.1


@dataclass(frozen=True)
class ClassViews:
    """Embeddings [N,D] of one class's pictures, row by row the same picture.

    `original` as inference sees it, `augmented` treated, `whole` a large crop, `local` a small one.
    """

    original: torch.Tensor
    augmented: torch.Tensor
    whole: torch.Tensor
    local: torch.Tensor

    def __post_init__(self) -> None:
        shapes = {tuple(view.shape) for view in vars(self).values()}
        if len(shapes) != 1 or self.original.ndim != 2:
            raise ValueError(f"the four views must be [N,D] of one shape, not {sorted(shapes)}")


def info_nce(
    query: torch.Tensor, positive: torch.Tensor, negatives: torch.Tensor, *, temperature: float
) -> torch.Tensor:
    """Mean over the rows of -log(exp(q.p/t) / (exp(q.p/t) + sum_n exp(q.n/t))), all as unit vectors.

    `query` and `positive` are [N,D], row i belongs to row i; every row of `negatives` [M,D] counts
    against every query. Other queries' positives do not, unlike in self-supervised learning.
    """
    query, positive, negatives = (
        functional.normalize(vectors, dim=-1) for vectors in (query, positive, negatives)
    )
    agreeing = (query * positive).sum(dim=1, keepdim=True)
    logits = torch.cat([agreeing, query @ negatives.T], dim=1) / temperature
    return functional.cross_entropy(logits, torch.zeros(len(query), dtype=torch.long, device=query.device))


def code_loss(
    real: ClassViews,
    fake: ClassViews,
    *,
    partner: torch.Tensor,
    temperature: float = PUBLISHED_TEMPERATURE,
    official: bool = False,
) -> torch.Tensor:
    """Half the sum of four InfoNCE terms: original to augmented and local to whole, for either class.

    `partner` [N] names the row whose augmented view is each original's positive. With `official` the loss
    is what the official training really descends: its one-process path adds the real half twice and leaves
    the fake half out.
    """

    def half(own: ClassViews, other: ClassViews) -> torch.Tensor:
        globally = info_nce(own.original, own.augmented[partner], other.augmented, temperature=temperature)
        locally = info_nce(own.local, own.whole, other.whole, temperature=temperature)
        return (globally + locally) / 2

    if official:
        return 2 * half(real, fake)
    return half(real, fake) + half(fake, real)


def partners(count: int, generator: torch.Generator) -> torch.Tensor:
    """[count] a permutation that leaves no row where it was: another picture of the same class."""
    if count < 2:
        raise ValueError("a picture alone has no other picture for a partner")
    shift = int(torch.randint(1, count, (), generator=generator))
    return torch.arange(count).roll(shift)
