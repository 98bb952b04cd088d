"""Where one person's face gives way to another's at the same place inside one shot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from face.boxes import overlap
from forensics.identity_drift import FACES_BESIDE_CHANGE, robust_identity
from forensics.sampled_frames import SampledFrames

# What may be said of a change of identity, measured with dlib's vectors at four frames a second.
SIGNAL_NOTE = (
    "A face that gives way to another person's at its place inside one shot is an unusual event, not a "
    "proof: of 342 splices of two people's faces 313 showed, and on 43 clips without such a splice nothing."
)

# Intersection over union of the boxes before and after. A pasted face lies where the face was; people who
# pass one another seldom share so much from one sampled frame to the next.
MIN_OVERLAP = 0.5


@dataclass(frozen=True)
class Handover:
    """`track_after` takes the place of `track_before`: `seconds` and `frame_index` are those of its first
    face there, `similarity` the cosine of the two identities, each by a few faces beside the change."""

    seconds: float
    frame_index: int
    track_before: int
    track_after: int
    similarity: float


def handovers(
    frame_index: npt.NDArray[np.int64],
    track: npt.NDArray[np.int64],
    boxes_xyxy: npt.NDArray[np.floating],
    unit_embeddings: npt.NDArray[np.floating],
    usable: npt.NDArray[np.bool_],
    *,
    sampled: SampledFrames,
    same_person_similarity: float,
) -> tuple[Handover, ...]:
    """The sudden changes of identity among all N faces of a video, given in any order.

    A tracker that joins faces by identity ends a track where the face becomes someone else's, so a change
    shows between tracks and not inside one. `track` [N]; `boxes_xyxy` [N,4]; `unit_embeddings` [N,D] of
    length 1; `usable` [N]; `sampled` are all frames that were looked at. A change needs faces in frames that
    are neighbours, a few usable faces of either person in the same shot, and identities below
    `same_person_similarity`: a tracker is stricter than that and also splits one person.
    Raises ValueError for arrays of different lengths and for a frame that was not looked at.
    """
    given = (frame_index, track, boxes_xyxy, unit_embeddings, usable)
    if len({len(of) for of in given}) != 1:
        raise ValueError(f"the faces come in arrays of different lengths: {[len(of) for of in given]}")
    order = np.lexsort((track, frame_index))
    frame_index, track = frame_index[order], track[order]
    boxes_xyxy, unit_embeddings, usable = boxes_xyxy[order], unit_embeddings[order], usable[order]
    place = sampled.places(frame_index)
    seconds, shot = sampled.seconds[place], sampled.shot[place]
    found = []
    for before, after in _at_one_place(frame_index, track, boxes_xyxy):
        if shot[before] != shot[after] or not sampled.near(place[[before]], place[[after]]).all():
            continue
        good = usable & (shot == shot[after])
        earlier = np.flatnonzero(good & (track == track[before]) & (frame_index <= frame_index[before]))
        later = np.flatnonzero(good & (track == track[after]) & (frame_index >= frame_index[after]))
        if min(len(earlier), len(later)) < FACES_BESIDE_CHANGE:
            continue
        similarity = float(
            robust_identity(unit_embeddings[earlier[-FACES_BESIDE_CHANGE:]].astype(np.float64))
            @ robust_identity(unit_embeddings[later[:FACES_BESIDE_CHANGE]].astype(np.float64))
        )
        if similarity < same_person_similarity:
            found.append(
                Handover(
                    seconds=float(seconds[after]),
                    frame_index=int(frame_index[after]),
                    track_before=int(track[before]),
                    track_after=int(track[after]),
                    similarity=similarity,
                )
            )
    return tuple(found)


def _at_one_place(
    frame_index: npt.NDArray[np.int64],
    track: npt.NDArray[np.int64],
    boxes: npt.NDArray[np.floating],
) -> Iterator[tuple[int, int]]:
    """Pairs of faces at one place in two successive frames, of tracks that are each in one of them only."""
    for first, second in pairwise(np.unique(frame_index).tolist()):
        one, other = np.flatnonzero(frame_index == first), np.flatnonzero(frame_index == second)
        leaving, coming = one[~np.isin(track[one], track[other])], other[~np.isin(track[other], track[one])]
        for before, after in np.argwhere(overlap(boxes[leaving], boxes[coming]) >= MIN_OVERLAP).tolist():
            yield int(leaving[before]), int(coming[after])
