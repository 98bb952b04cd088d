"""Which tracklets are one person's: joined by identity, where two seen in one frame are never one person."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

# Below every cosine: never to be joined.
_NEVER = -2.0


def group_identities(
    identity_sums: npt.NDArray[np.float64], rivals: Iterable[tuple[int, int]], *, min_similarity: float
) -> npt.NDArray[np.int64]:
    """[N] the group of each of N tracklets, numbered from 0 in order of first appearance.

    `identity_sums` [N,D] are their sums of unit vectors. The two groups whose means are most alike are
    joined first, as long as their cosine reaches `min_similarity`; groups that hold a pair of `rivals` are
    never joined. Agglomerative clustering by centroids with cannot-link constraints: the mean of many faces
    tells people apart where single faces do not, so that early, safe joins make the later ones safer.
    """
    sums = identity_sums.copy()
    group = np.arange(len(sums))
    if len(sums) < 2:
        return group
    means = _directions(sums)
    similarity = means @ means.T
    for one, other in rivals:
        similarity[one, other] = similarity[other, one] = _NEVER
    np.fill_diagonal(similarity, _NEVER)
    # The best of each row is kept, so that a join costs a few rows and not the whole matrix: the two joined
    # and those whose best was one of them. The best of a pair's newer row stands for the pair.
    best = similarity.max(1)
    while best.max() >= min_similarity:
        kept = int(best.argmax())
        gone = int(similarity[kept].argmax())
        group[group == gone] = kept
        sums[kept] += sums[gone]
        means[kept] = _directions(sums[[kept]])[0]
        never = (similarity[kept] == _NEVER) | (similarity[gone] == _NEVER)
        never[[kept, gone]] = True
        row = np.where(never, _NEVER, means @ means[kept])
        stale = (best == similarity[:, kept]) | (best == similarity[:, gone])
        similarity[kept] = similarity[:, kept] = row
        similarity[gone] = similarity[:, gone] = _NEVER
        stale[[kept, gone]] = True
        best[stale] = similarity[stale].max(1)
    return in_order_of_appearance(group)


def in_order_of_appearance(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """[N] the same groups as `labels` [N], numbered from 0 in order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _directions(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[N,D] vectors of length 1; zero where a sum is zero."""
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    directions: npt.NDArray[np.float64] = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)
    return directions
