"""How steady one person's identity is over time: drift, flicker and sudden changes inside a shot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from forensics.sampled_frames import SampledFrames
from forensics.track_statistics import robust_slope

# What may be said of drift and flicker. With dlib's vectors at four frames a second, on the longest track of
# each `measure` clip, the AUC against 11 real clips was: flicker 0.77 for 8 manipulated clips (95% interval
# 0.52 to 0.95) and 0.56 for 8 generated ones (0.27 to 0.83); drift, whatever its sign, 0.69 (0.43 to 0.91)
# for 7 and 0.59 (0.32 to 0.83) for 8. Most of the manipulated clips are of one actress, and the only real
# clip of her flickers more than all but one of them: what is measured there is the material.
SIGNAL_NOTE = (
    "Drift and flicker of the identity are measured, no claim is made for them: on the clips tried they did "
    "not tell manipulated or generated faces from real ones beyond what the material itself explains."
)

# Faces on either side of a change: fewer would let one odd view pass for another person, more would hide a
# change that lasts a second at four frames a second.
FACES_BESIDE_CHANGE = 4
# The part of a track that drift is measured from.
START_SHARE = 0.25


@dataclass(frozen=True)
class IdentityChange:
    """A sudden change between two neighbouring faces: `seconds` and `frame_index` are those of the first face
    after it. Cosines to the identity before: the median of the faces before and of those after."""

    seconds: float
    frame_index: int
    similarity_before: float
    similarity_after: float


@dataclass(frozen=True)
class IdentitySeries:
    """The identity of one track over time, in order of frames.

    `frame_index` [N] int64; `seconds` [N] float64; `similarity_to_own` [N] float64, the cosine of each face
    to the robust mean of the track; `similarity_to_previous` [N] float64, its cosine to the usable face
    before it in the same shot. NaN where the face is not usable or has none before it.

    `drift_per_second` is the robust slope of the faces' cosine to the identity of the track's first quarter:
    negative where the face comes to look less like it. `flicker` is the median length of the step between
    the unit vectors of neighbours. Both are `None` with too few faces, and both depend on how densely the
    video was sampled.
    """

    track: int
    frame_index: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    similarity_to_own: npt.NDArray[np.float64]
    similarity_to_previous: npt.NDArray[np.float64]
    drift_per_second: float | None
    flicker: float | None
    changes: tuple[IdentityChange, ...]


def identity_series(
    frame_index: npt.NDArray[np.int64],
    unit_embeddings: npt.NDArray[np.floating],
    usable: npt.NDArray[np.bool_],
    *,
    sampled: SampledFrames,
    track: int,
    same_person_similarity: float,
) -> IdentitySeries:
    """The identity over time of the N faces of one track, given in any order.

    `unit_embeddings` [N,D] of length 1; `usable` [N] says which faces are good enough to tell who they are;
    `sampled` are all frames that were looked at. `same_person_similarity` is the embedder's cosine from which
    on two photographs show one person: below it, what follows is someone else. Neighbours are usable faces
    in frames that are (`SampledFrames.near`), in one shot. Raises ValueError for arrays of different lengths
    and for a frame that was not looked at.
    """
    lengths = {len(of) for of in (frame_index, unit_embeddings, usable)}
    if len(lengths) != 1:
        raise ValueError(f"the faces of a track come in arrays of different lengths: {sorted(lengths)}")
    # Ties (one track has one face in a frame) are settled by the vectors themselves.
    order = np.lexsort((*unit_embeddings.T, frame_index))
    frame_index, usable = frame_index[order], usable[order]
    place = sampled.places(frame_index)
    seconds, shot = sampled.seconds[place], sampled.shot[place]
    known = np.flatnonzero(usable)
    vectors = unit_embeddings[order][known].astype(np.float64)
    times, shots = seconds[known], shot[known]
    neighbours = sampled.near(place[known][:-1], place[known][1:]) & (np.diff(shots) == 0)

    to_own, to_previous = np.full(len(seconds), np.nan), np.full(len(seconds), np.nan)
    to_own[known] = vectors @ robust_identity(vectors)
    follower = known[1:][neighbours]
    to_previous[follower] = (vectors[1:] * vectors[:-1]).sum(1)[neighbours]
    steps = np.linalg.norm(np.diff(vectors, axis=0), axis=1)[neighbours]
    return IdentitySeries(
        track=track,
        frame_index=frame_index,
        seconds=seconds,
        similarity_to_own=to_own,
        similarity_to_previous=to_previous,
        drift_per_second=_drift(times, vectors),
        flicker=float(np.median(steps)) if len(steps) >= FACES_BESIDE_CHANGE else None,
        changes=tuple(
            IdentityChange(float(times[first]), int(frame_index[known[first]]), before, after)
            for first, before, after in _changes(vectors, neighbours, same_person_similarity)
        ),
    )


def robust_identity(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[D] of length 1: the median of unit vectors [N,D] in each coordinate, which up to half of them being
    someone else's does not carry away as it does their mean; zeros without any."""
    if len(vectors) == 0:
        return np.zeros(vectors.shape[1])
    middle = np.median(vectors, axis=0)
    length = float(np.linalg.norm(middle))
    return np.asarray(middle / length if length > 0 else middle)


def _drift(seconds: npt.NDArray[np.float64], vectors: npt.NDArray[np.float64]) -> float | None:
    """Slope per second of the later faces' cosine to the identity of the first; faces in order of time."""
    first = round(len(vectors) * START_SHARE)
    if first < FACES_BESIDE_CHANGE:
        return None
    return robust_slope(seconds[first:], vectors[first:] @ robust_identity(vectors[:first]))


def _changes(
    vectors: npt.NDArray[np.float64], neighbours: npt.NDArray[np.bool_], same_person_similarity: float
) -> Iterator[tuple[int, float, float]]:
    """Of each sudden change, the number of the first face after it and the cosines before and after.

    On both sides lies one person, judged by a few faces each, and not the same one; the step between the
    two faces in the middle is a different person's as well, so that a head which turns is no change.
    """
    beside = FACES_BESIDE_CHANGE
    step = (vectors[1:] * vectors[:-1]).sum(1)
    found: list[tuple[int, float, float]] = []
    for first in range(beside, len(vectors) - beside + 1):
        if not neighbours[first - beside : first + beside - 1].all():
            continue
        if step[first - 1] >= same_person_similarity:
            continue
        before, after = vectors[first - beside : first], vectors[first : first + beside]
        earlier = robust_identity(before)
        one = float(np.median(before @ earlier))
        other = float(np.median(after @ robust_identity(after)))
        similarity = float(np.median(after @ earlier))
        if similarity < same_person_similarity <= min(one, other):
            found.append((first, one, similarity))
    # A single odd face between the two people makes two steps; the greater one is the change.
    for _, group in groupby(enumerate(found), key=lambda pair: pair[1][0] - pair[0]):
        yield min((change for _, change in group), key=lambda change: float(step[change[0] - 1]))
