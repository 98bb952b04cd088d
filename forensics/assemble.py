"""From the chunks of a whole video to the parts of its report, with final tracks."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

import numpy as np

from face.track import Tracks
from forensics.aggregate import find_in_track, find_in_video
from forensics.chunks import ScoredChunk
from forensics.detector import Detector
from forensics.identity_drift import IdentitySeries, identity_series
from forensics.identity_handover import Handover, handovers
from forensics.reference import ReferencePerson
from forensics.reference_finding import find_against_reference
from forensics.report.people import IdentityFacts, Person
from forensics.report.reference import ReferenceFinding
from forensics.report.rows import FaceRow, FrameRow
from forensics.report.verdict import DetectorRun, Status
from forensics.sampled_frames import SampledFrames
from forensics.scores import FrameScores, joined


class WholeVideo:
    """All chunks of one video (at least one), in order, once the tracker knows who is who."""

    def __init__(
        self,
        chunks: Sequence[ScoredChunk],
        tracks: Tracks,
        *,
        same_person_similarity: float,
        reference: ReferencePerson | None = None,
    ) -> None:
        self._chunks = chunks
        self._tracks = tracks
        self._same_person_similarity = same_person_similarity
        self._reference = reference
        self._frames = tuple(row for chunk in chunks for row in chunk.frames)
        self._faces = tuple(row for chunk in chunks for row in chunk.faces)
        # [N] each, in the order of the faces.
        self._track = tracks.resolve(np.concatenate([chunk.track for chunk in chunks]))
        self._identity = np.concatenate([chunk.identity for chunk in chunks])
        self._usable = np.concatenate([chunk.usable for chunk in chunks])
        self._to_reference = None if reference is None else reference.similarity(self._identity)
        self._frame_index = np.array([row.frame_index for row in self._faces], np.int64)
        self._sampled = SampledFrames(
            np.array([row.frame_index for row in self._frames], np.int64),
            np.array([row.pts_seconds for row in self._frames], np.float64),
            np.array([row.shot for row in self._frames], np.int64),
        )
        self._series = {track.id: self._identity_series(track.id) for track in tracks.tracks}

    def detector_run(self, detector: Detector, *, min_frames: int) -> DetectorRun:
        """Aggregate the scores of a detector that never failed over the whole video."""
        scores = self._scores(detector.name)
        whose: Sequence[int | None] = [None]
        if scores.track is not None:
            whose = [track.id for track in self._tracks.tracks]
        found = [
            find_in_track(scores, track, detector.thresholds, sampled=self._sampled, min_frames=min_frames)
            for track in whose
        ]
        return DetectorRun(
            name=detector.name,
            scope=detector.scope,
            status=Status.RAN,
            reason=None,
            score_kind=scores.kind,
            thresholds=detector.thresholds,
            notes=detector.notes,
            finding=find_in_video(detector.name, found),
        )

    def people(self, *, min_frames: int) -> tuple[Person, ...]:
        """Everybody in the video, compared with the reference person where there is one.

        Fewer than `min_frames` usable faces are too few to compare.
        """
        return tuple(
            Person.of(
                track,
                _identity_facts(self._series[track.id]),
                self._reference_finding(track.id, min_frames=min_frames),
            )
            for track in self._tracks.tracks
        )

    def handovers(self) -> tuple[Handover, ...]:
        """Where one person's face takes the place of another's inside a shot."""
        boxes = np.array([row.box_xyxy for row in self._faces], np.float64).reshape(-1, 4)
        return handovers(
            self._frame_index,
            self._track,
            boxes,
            self._identity,
            self._usable,
            sampled=self._sampled,
            same_person_similarity=self._same_person_similarity,
        )

    def frame_rows(self, failures: Container[str]) -> tuple[FrameRow, ...]:
        """The frames, without what a detector said before it failed."""
        return tuple(
            replace(row, scores=tuple(score for score in row.scores if score.detector not in failures))
            for row in self._frames
        )

    def face_rows(self, failures: Container[str]) -> tuple[FaceRow, ...]:
        """The faces with final track ids, without what a detector said before it failed."""
        similarity = {
            (track, int(frame)): float(value)
            for track, series in self._series.items()
            for frame, value in zip(series.frame_index, series.similarity_to_own, strict=True)
            if np.isfinite(value)
        }
        return tuple(
            replace(
                row,
                track=track,
                identity_similarity=similarity.get((track, row.frame_index)),
                reference_similarity=to_reference,
                scores=tuple(score for score in row.scores if score.detector not in failures),
            )
            for row, track, to_reference in zip(
                self._faces, self._track.tolist(), self._known_to_reference(), strict=True
            )
        )

    def _known_to_reference(self) -> list[float | None]:
        """The cosine of each face to the reference person, `None` for faces too poor to tell."""
        if self._to_reference is None:
            return [None] * len(self._faces)
        cosines = zip(self._to_reference.tolist(), self._usable.tolist(), strict=True)
        return [cosine if usable else None for cosine, usable in cosines]

    def _reference_finding(self, track: int, *, min_frames: int) -> ReferenceFinding | None:
        if self._reference is None or self._to_reference is None:
            return None
        cosines = self._to_reference[(self._track == track) & self._usable]
        return find_against_reference(cosines, self._reference.facts, min_faces=min_frames)

    def _scores(self, name: str) -> FrameScores:
        """All chunks' scores of one detector, with final track ids."""
        scores = joined([chunk.scores[name] for chunk in self._chunks])
        return scores if scores.track is None else replace(scores, track=self._track)

    def _identity_series(self, track: int) -> IdentitySeries:
        own = self._track == track
        return identity_series(
            self._frame_index[own],
            self._identity[own],
            self._usable[own],
            sampled=self._sampled,
            track=track,
            same_person_similarity=self._same_person_similarity,
        )


def _identity_facts(series: IdentitySeries) -> IdentityFacts:
    return IdentityFacts(series.drift_per_second, series.flicker, series.changes)
