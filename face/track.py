"""Who is who over time: the faces of one pass over a video -> tracks, one person each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from face.associate import associate
from face.relink import group_identities, in_order_of_appearance
from face.tracklet import Tracklet, unit_mean
from face.types import FaceDetections, FaceTrack


@dataclass(frozen=True)
class TrackSettings:
    """How faces are joined to persons. Pooling two people is worse than splitting one: limits are strict.

    `same_person_similarity` is the embedder's: the cosine from which on two photographs show one person.
    """

    same_person_similarity: float
    # Within a video the limit lies this share of the way from there to 1, because light, camera and day are
    # the same for everyone. At dlib's own 0.92, 11 of the 55 pairs among 11 people filmed face on passed,
    # with means up to 0.953; half way, at 0.96, none did. One person's views a quarter of a second apart
    # were mostly above 0.97, the means before and after a cut at 0.964.
    strictness: float = 0.5
    # Intersection over union from which on two boxes are one place: a head that moves by half its width
    # between two frames keeps a third.
    min_overlap: float = 0.3
    # For so long a tracklet goes on, which covers short misses and frames a second apart. Later the same
    # person starts a new one, which `finish` links with all of its faces at hand instead of the first.
    max_gap_seconds: float = 2.0

    def __post_init__(self) -> None:
        for name in ("same_person_similarity", "min_overlap"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, not at {getattr(self, name)}")
        if not 0 <= self.strictness < 1:
            raise ValueError(f"strictness is a share from 0 to below 1, not {self.strictness}")
        if self.max_gap_seconds < 0:
            raise ValueError(f"max_gap_seconds cannot be negative: {self.max_gap_seconds}")

    @property
    def min_similarity(self) -> float:
        """The cosine from which on two usable faces or two tracklets are one person's."""
        return self.same_person_similarity + self.strictness * (1 - self.same_person_similarity)


@dataclass(frozen=True)
class Tracks:
    """The persons of a video, and in `final_ids` which of them each provisional id became."""

    tracks: tuple[FaceTrack, ...]
    final_ids: npt.NDArray[np.int64]

    def resolve(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """[N] `FaceTrack.id` of the provisional `ids` [N] that `Tracker.update` gave."""
        return self.final_ids[ids]


class Tracker:
    """Follows faces through the chunks of a video, in order of time; keeps tracklets, never frames."""

    def __init__(self, settings: TrackSettings) -> None:
        self._settings = settings
        self._tracklets: list[Tracklet] = []
        self._open: list[Tracklet] = []
        self._shot = 0
        # Pairs of tracklets seen in one frame, which are therefore two people.
        self._rivals: set[tuple[int, int]] = set()

    def update(
        self,
        detections: FaceDetections,
        embeddings: npt.NDArray[np.float32],
        usable: npt.NDArray[np.bool_],
        index: npt.NDArray[np.int64],
        pts_seconds: npt.NDArray[np.float64],
        shot: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.int64]:
        """Provisional ids [N] of the faces in the next chunk of T frames.

        `embeddings` [N,D] of length 1; `usable` [N] says which faces are good enough to tell who they are:
        the others are only followed in their place, and that not across a cut. `index`, `pts_seconds` and
        `shot` [T] are the frames' numbers, times and shots. How a video is cut into chunks makes no
        difference.
        """
        count = len(detections)
        frames = (len(index), len(pts_seconds), len(shot))
        if len(embeddings) != count or len(usable) != count or len(set(frames)) > 1:
            raise ValueError(
                f"{count} faces come with {len(embeddings)} embeddings and {len(usable)} qualities, "
                f"{frames[0]} frames with {frames[1]} times and {frames[2]} shots"
            )
        ids = np.zeros(count, np.int64)
        for frame in np.unique(detections.frame).tolist():
            here = np.flatnonzero(detections.frame == frame)
            ids[here] = self._update_frame(
                detections.boxes_xyxy[here],
                embeddings[here],
                usable[here],
                int(index[frame]),
                float(pts_seconds[frame]),
                int(shot[frame]),
            )
        return ids

    def finish(self) -> Tracks:
        """Link the tracklets of the same person; tracks count from 0 in order of first appearance."""
        # A tracklet without a usable face has no identity to be linked by: it stays a group of its own.
        known = [tracklet for tracklet in self._tracklets if tracklet.usable_faces]
        position = {tracklet.id: number for number, tracklet in enumerate(known)}
        group = group_identities(
            np.array([tracklet.usable_sum for tracklet in known]),
            [(position[a], position[b]) for a, b in self._rivals if a in position and b in position],
            min_similarity=self._settings.min_similarity,
        )
        labels = len(known) + np.arange(len(self._tracklets))
        labels[[tracklet.id for tracklet in known]] = group
        final_ids = in_order_of_appearance(labels)
        members: dict[int, list[Tracklet]] = {}
        for tracklet, final in zip(self._tracklets, final_ids.tolist(), strict=True):
            members.setdefault(final, []).append(tracklet)
        return Tracks(tuple(_track(final, run) for final, run in sorted(members.items())), final_ids)

    def _update_frame(
        self,
        boxes: npt.NDArray[np.float32],
        vectors: npt.NDArray[np.float32],
        usable: npt.NDArray[np.bool_],
        index: int,
        seconds: float,
        shot: int,
    ) -> list[int]:
        """Give each face of one frame to a tracklet of its own, open or new."""
        if shot != self._shot:
            # Who stands there after a cut may be anyone; `finish` joins the shots by identity.
            self._open = []
            self._shot = shot
        self._open = [
            tracklet
            for tracklet in self._open
            if seconds - tracklet.last_seconds <= self._settings.max_gap_seconds
        ]
        chosen = associate(
            self._open,
            boxes,
            vectors,
            usable,
            min_similarity=self._settings.min_similarity,
            poor_similarity=self._settings.same_person_similarity,
            min_overlap=self._settings.min_overlap,
        )
        ids = []
        for number, tracklet in enumerate(chosen):
            if tracklet is None:
                tracklet = Tracklet.begin(
                    len(self._tracklets), boxes[number], vectors.shape[1], index, seconds
                )
                self._tracklets.append(tracklet)
                self._open.append(tracklet)
            tracklet.add(boxes[number], vectors[number], bool(usable[number]), index, seconds)
            ids.append(tracklet.id)
        self._rivals.update(combinations(sorted(ids), 2))
        return ids


def _track(id: int, run: Sequence[Tracklet]) -> FaceTrack:
    """The track of one person's tracklets, which come in order of first appearance."""
    last = max(run, key=lambda tracklet: tracklet.last_index)
    known = [tracklet.usable_sum for tracklet in run if tracklet.usable_faces]
    return FaceTrack(
        id=id,
        first_index=run[0].first_index,
        last_index=last.last_index,
        first_seconds=run[0].first_seconds,
        last_seconds=last.last_seconds,
        detections=sum(tracklet.faces for tracklet in run),
        identity=unit_mean(np.sum(known, axis=0)) if known else run[0].identity,
    )
