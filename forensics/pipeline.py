"""One pass over a video: decode, gather evidence, score, aggregate, report; memory bounded by the chunk."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face.manual import ManualFaces
from face.track import Tracker, Tracks, TrackSettings
from forensics.aggregate import TrackFinding, find_in_track, find_in_video
from forensics.c2pa import read_c2pa
from forensics.custody import FramesDigest
from forensics.detector import Detector
from forensics.errors import ForensicsError, UsageFault
from forensics.evidence import Evidence
from forensics.models import Models
from forensics.prefetch import prefetched
from forensics.report.facts import NO_CASE, CaseFacts, storable
from forensics.report.model import (
    CALIBRATION_NOTE,
    SCHEMA_VERSION,
    DetectorRun,
    EvidenceFacts,
    FaceRow,
    FaceScore,
    Person,
    Report,
    Status,
    conclude,
)
from forensics.run_facts import RunClock, tool_version
from forensics.scores import FrameScores
from forensics.settings import AnalysisSettings
from video.errors import printable
from video.probe import probe
from video.reader import open_video
from weights.streams import sha256_of

LOGGER = logging.getLogger(__name__)

# Called with the frames done so far and the frames expected, `None` where nobody knows.
Progress = Callable[[int, "int | None"], None]


def no_progress(done: int, total: int | None) -> None:
    """The progress callback of those who do not look."""


@dataclass(frozen=True)
class _ScoredChunk:
    """What is kept of a chunk once its pixels are gone: rows still without final track ids."""

    rows: tuple[FaceRow, ...]
    track: npt.NDArray[np.int64]
    scores: dict[str, FrameScores]


def analyze_video(
    path: Path,
    models: Models,
    settings: AnalysisSettings,
    *,
    case: CaseFacts = NO_CASE,
    progress: Progress = no_progress,
) -> Report:
    """Analyse one video or still image with loaded models; the report carries `case` as it is given.

    The file is only read; its digest is taken before and after, and a change in between is an error.
    Raises VideoError for a file that cannot be used and ForensicsError when it changed underneath.
    """
    clock = RunClock()
    facts = probe(path)
    sha256, size_bytes = sha256_of(path), path.stat().st_size
    c2pa = read_c2pa(path)
    digest = FramesDigest()
    tracker = Tracker(TrackSettings(same_person_similarity=models.front.embedders[0].same_person_similarity))
    manual = ManualFaces(settings.manual_faces)
    failures: dict[str, str] = dict(models.failures)
    chunks: list[_ScoredChunk] = []
    with open_video(
        path, sampling=settings.sampling, limits=settings.limits, backend=settings.backend
    ) as reader:
        expected = settings.sampling.expected_frames(reader.info)
        done = 0
        with prefetched(reader.batches(settings.chunk_frames)) as batches:
            for batch in batches:
                digest.update(batch)
                evidence = models.front.gather(batch, tracker, manual)
                chunks.append(_score_chunk(evidence, models, failures))
                done += len(batch)
                progress(done, expected)
        delivery = reader.delivery
    if not _still_is(path, sha256):
        raise ForensicsError(
            f"{printable(path)}: the file changed during the analysis; copy it somewhere quiet first"
        )
    if not delivery.sampled:
        raise UsageFault(
            f"{printable(path)}: no frame lies between --start and --end; the file holds {delivery.decoded} "
            f"frames up to {facts.duration_seconds} s"
        )
    tracks = tracker.finish()
    runs = tuple(
        _detector_run(name, models.detectors.get(name), failures, chunks, tracks, settings)
        for name in settings.detectors
    )
    file_name = storable(path.name)
    return Report(
        schema_version=SCHEMA_VERSION,
        tool_version=tool_version(),
        case=case,
        evidence=EvidenceFacts(
            file_name=file_name,
            size_bytes=size_bytes,
            sha256=sha256,
            # Where the file lay is no fact about it.
            probe=replace(facts, path=Path(file_name)),
            delivery=delivery,
            decoded_frames_sha256=digest.hexdigest(),
            c2pa=c2pa,
        ),
        settings=settings.settled(models.detectors.values()).facts(),
        weights=models.files,
        detectors=runs,
        people=tuple(Person.of(track) for track in tracks.tracks),
        verdict=conclude(runs),
        calibration=CALIBRATION_NOTE,
        warnings=delivery.warnings + _unused(manual),
        faces=tuple(_final_rows(chunks, tracks, failures)),
        run=clock.facts(models.device),
    )


def _still_is(path: Path, sha256: str) -> bool:
    """Whether the file is there, can be read and has that digest."""
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False


def _unused(manual: ManualFaces) -> tuple[str, ...]:
    """A warning for each face given by hand that no sampled frame reached."""
    return tuple(f"the face given at {face.seconds} s lies after the last frame" for face in manual.unused)


def _score_chunk(evidence: Evidence, models: Models, failures: dict[str, str]) -> _ScoredChunk:
    """Score a chunk with every detector; one that fails is out for the whole video, the others go on."""
    scores: dict[str, FrameScores] = {}
    for name, detector in models.detectors.items():
        if name in failures:
            continue
        try:
            scores[name] = detector.score(evidence)
        except Exception as error:
            # A detector is third-party mathematics on arbitrary pixels: whatever it raises is its outcome.
            failures[name] = f"{type(error).__name__}: {error}"
            LOGGER.error("detector %s failed: %s", name, failures[name])
            LOGGER.debug("where %s failed", name, exc_info=True)
    return _ScoredChunk(_rows(evidence, scores), evidence.track, scores)


def _rows(evidence: Evidence, scores: dict[str, FrameScores]) -> tuple[FaceRow, ...]:
    batch, faces, quality = evidence.batch, evidence.detections, evidence.quality
    seconds = batch.pts_seconds
    base = f"{batch.time_base.numerator}/{batch.time_base.denominator}"
    rows = []
    for number, frame in enumerate(faces.frame.tolist()):
        x1, y1, x2, y2 = (float(value) for value in faces.boxes_xyxy[number])
        rows.append(
            FaceRow(
                frame_index=int(batch.index[frame]),
                pts=int(batch.pts[frame]),
                time_base=base,
                pts_seconds=float(seconds[frame]),
                track=int(evidence.track[number]),
                box_xyxy=(x1, y1, x2, y2),
                confidence=float(faces.confidence[number]),
                size_pixels=float(quality.size_pixels[number]),
                sharpness=float(quality.sharpness[number]),
                yaw_degrees=float(quality.yaw_degrees[number]),
                pitch_degrees=float(quality.pitch_degrees[number]),
                visible_ratio=float(quality.visible_ratio[number]),
                scores=tuple(_face_score(given, number) for given in scores.values()),
            )
        )
    return tuple(rows)


def _face_score(scores: FrameScores, number: int) -> FaceScore:
    reason = scores.abstained[number]
    if reason is not None:
        return FaceScore(scores.detector, None, None, reason.value)
    probability = None if scores.probability is None else float(scores.probability[number])
    return FaceScore(scores.detector, float(scores.score[number]), probability, None)


def _detector_run(
    name: str,
    detector: Detector | None,
    failures: dict[str, str],
    chunks: list[_ScoredChunk],
    tracks: Tracks,
    settings: AnalysisSettings,
) -> DetectorRun:
    """Aggregate one detector's scores over the whole video, or say why there are none."""
    if detector is None or name in failures:
        return DetectorRun(name, Status.FAILED, failures[name], None, None, (), None)
    scores = [chunk.scores[name] for chunk in chunks if name in chunk.scores]
    found: tuple[TrackFinding, ...] = ()
    if scores:
        merged = _merged(scores, tracks)
        found = tuple(
            find_in_track(merged, track.id, detector.thresholds, min_frames=settings.min_frames)
            for track in tracks.tracks
        )
    return DetectorRun(
        name=name,
        status=Status.RAN,
        reason=None,
        score_kind=scores[0].kind.value if scores else None,
        thresholds=detector.thresholds,
        notes=detector.notes,
        finding=find_in_video(name, found),
    )


def _merged(scores: list[FrameScores], tracks: Tracks) -> FrameScores:
    """All chunks' scores of one face detector, with final track ids."""
    given = [chunk.probability for chunk in scores if chunk.probability is not None]
    track = [chunk.track for chunk in scores if chunk.track is not None]
    return FrameScores(
        detector=scores[0].detector,
        kind=scores[0].kind,
        score=np.concatenate([chunk.score for chunk in scores]),
        probability=np.concatenate(given) if given else None,
        frame_index=np.concatenate([chunk.frame_index for chunk in scores]),
        track=tracks.resolve(np.concatenate(track)) if track else None,
        abstained=tuple(reason for chunk in scores for reason in chunk.abstained),
    )


def _final_rows(chunks: list[_ScoredChunk], tracks: Tracks, failures: Container[str]) -> Iterator[FaceRow]:
    """The rows with final track ids, without what a detector said before it failed."""
    for chunk in chunks:
        for row, track in zip(chunk.rows, tracks.resolve(chunk.track).tolist(), strict=True):
            scores = tuple(score for score in row.scores if score.detector not in failures)
            yield replace(row, track=track, scores=scores)
