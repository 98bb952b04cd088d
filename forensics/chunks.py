"""What is kept of a chunk once its pixels are gone: rows, scores, identities; tracks are not final yet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from forensics.detector import Detector
from forensics.evidence import Evidence
from forensics.memory import PartSizes
from forensics.models import Models
from forensics.report.rows import DetectorScore, FaceRow, FrameRow
from forensics.scores import FrameScores, joined

LOGGER = logging.getLogger(__name__)
_NOTHING_STARTED: Mapping[str, Callable[[], FrameScores]] = MappingProxyType({})


@dataclass(frozen=True)
class ScoredChunk:
    """T frames with N faces after scoring.

    `track` [N] int64 are the tracker's provisional ids, `identity` [N,D] float32 the unit embeddings of the
    tracking encoder, `usable` [N] says whose face is good enough to tell, and `scores` holds each
    detector's word, in the order of `faces` or of `frames` by its scope.
    """

    frames: tuple[FrameRow, ...]
    faces: tuple[FaceRow, ...]
    track: npt.NDArray[np.int64]
    identity: npt.NDArray[np.float32]
    usable: npt.NDArray[np.bool_]
    scores: dict[str, FrameScores]


def score_chunk(
    evidence: Evidence,
    models: Models,
    failures: dict[str, str],
    sizes: PartSizes,
    *,
    scoring: Mapping[str, Callable[[], FrameScores]] = _NOTHING_STARTED,
) -> ScoredChunk:
    """Score a chunk with every detector; one that fails is out for the whole video, the others go on.

    `scoring` waits for the scores of the detectors that have been started on the chunk already. Adds the
    reason of each new failure to `failures`. Where memory runs out, a detector gets fewer frames at once, as
    `sizes` then say.
    """
    scores: dict[str, FrameScores] = {}
    for name, detector in models.detectors.items():
        if name in failures:
            continue
        try:
            scores[name] = _score(detector, evidence, sizes, scoring.get(name))
        except Exception as error:
            # A detector is third-party mathematics on arbitrary pixels: whatever it raises is its outcome.
            failures[name] = f"{type(error).__name__}: {error}"
            LOGGER.error("detector %s failed: %s", name, failures[name])
            LOGGER.debug("where %s failed", name, exc_info=True)
    return ScoredChunk(
        frames=_frame_rows(evidence, scores),
        faces=_face_rows(evidence, scores),
        track=evidence.track,
        identity=evidence.identities[models.front.embedders[0].name].unit().cpu().numpy(),
        usable=np.array([not reasons for reasons in evidence.quality.reasons], dtype=bool),
        scores=scores,
    )


def _score(
    detector: Detector, evidence: Evidence, sizes: PartSizes, started: Callable[[], FrameScores] | None
) -> FrameScores:
    def score(first: int, last: int) -> FrameScores:
        part = evidence.part(first, last)
        return started() if started is not None and part is evidence else detector.score(part)

    return joined(list(sizes.in_parts(detector.name, len(evidence.batch), score)))


def _frame_rows(evidence: Evidence, scores: dict[str, FrameScores]) -> tuple[FrameRow, ...]:
    batch = evidence.batch
    seconds = batch.pts_seconds
    said = [given for given in scores.values() if given.track is None]
    return tuple(
        FrameRow(
            frame_index=int(batch.index[number]),
            pts=int(batch.pts[number]),
            time_base=_time_base(evidence),
            pts_seconds=float(seconds[number]),
            shot=int(batch.shot[number]),
            scores=tuple(_detector_score(given, number) for given in said),
        )
        for number in range(len(batch))
    )


def _face_rows(evidence: Evidence, scores: dict[str, FrameScores]) -> tuple[FaceRow, ...]:
    batch, faces, quality = evidence.batch, evidence.detections, evidence.quality
    seconds = batch.pts_seconds
    said = [given for given in scores.values() if given.track is not None]
    rows = []
    for number, frame in enumerate(faces.frame.tolist()):
        x1, y1, x2, y2 = (float(value) for value in faces.boxes_xyxy[number])
        rows.append(
            FaceRow(
                frame_index=int(batch.index[frame]),
                pts=int(batch.pts[frame]),
                time_base=_time_base(evidence),
                pts_seconds=float(seconds[frame]),
                track=int(evidence.track[number]),
                box_xyxy=(x1, y1, x2, y2),
                confidence=float(faces.confidence[number]),
                size_pixels=float(quality.size_pixels[number]),
                sharpness=float(quality.sharpness[number]),
                yaw_degrees=float(quality.yaw_degrees[number]),
                pitch_degrees=float(quality.pitch_degrees[number]),
                visible_ratio=float(quality.visible_ratio[number]),
                covered_ratio=float(quality.covered_ratio[number]),
                # Known once the track is complete.
                identity_similarity=None,
                reference_similarity=None,
                scores=tuple(_detector_score(given, number) for given in said),
            )
        )
    return tuple(rows)


def _time_base(evidence: Evidence) -> str:
    base = evidence.batch.time_base
    return f"{base.numerator}/{base.denominator}"


def _detector_score(scores: FrameScores, number: int) -> DetectorScore:
    reason = scores.abstained[number]
    if reason is not None:
        return DetectorScore(scores.detector, None, None, reason.value)
    return DetectorScore(
        detector=scores.detector,
        score=float(scores.score[number]),
        probability=None if scores.probability is None else float(scores.probability[number]),
        abstained=None,
        peak=None if scores.peak is None else float(scores.peak[number]),
        components={name: float(values[number]) for name, values in scores.components.items()},
    )
