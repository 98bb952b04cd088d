"""Which face of a frame continues which tracklet: by identity, and by place where identity is unclear."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from face.boxes import overlap
from face.tracklet import Tracklet

# Beside likeness, which runs from 0 at the limit to 1 at the same picture: place settles what identity
# leaves open, and does not outvote it when two people who look alike cross.
_PLACE_WEIGHT = 0.3


def associate(
    tracklets: Sequence[Tracklet],
    boxes: npt.NDArray[np.float32],
    vectors: npt.NDArray[np.float32],
    usable: npt.NDArray[np.bool_],
    *,
    min_similarity: float,
    poor_similarity: float,
    min_overlap: float,
) -> list[Tracklet | None]:
    """The tracklet that each of N faces continues, `None` for a face that begins one.

    The assignment is the best of all (Hungarian), each tracklet given once. A usable face needs a cosine of
    `min_similarity` to the tracklet's identity. A poor one, and any face where the tracklet has no identity
    yet, needs its place and `poor_similarity`: what is too blurred to say who it is can well say that it is
    someone else, as after a cut.
    """
    chosen: list[Tracklet | None] = [None] * len(boxes)
    if not tracklets:
        return chosen
    shared = overlap(np.array([tracklet.last_box for tracklet in tracklets]), boxes)
    same_place = shared >= min_overlap
    to_mean = np.array([tracklet.identity for tracklet in tracklets]) @ vectors.T
    # A head that has turned is like its last view, not like the average of all.
    to_last = np.array([tracklet.last_vector for tracklet in tracklets]) @ vectors.T
    similarity = np.where(same_place, np.maximum(to_mean, to_last), to_mean)
    identified = np.array([tracklet.usable_faces > 0 for tracklet in tracklets])[:, None] & usable
    needed = np.where(identified, min_similarity, np.where(same_place, poor_similarity, np.inf))
    likeness = (similarity - poor_similarity) / (1 - poor_similarity)
    affinity = np.where(similarity >= needed, likeness + _PLACE_WEIGHT * shared, 0.0)
    for row, column in zip(*linear_sum_assignment(affinity, maximize=True), strict=True):
        if affinity[row, column] > 0:
            chosen[column] = tracklets[row]
    return chosen
