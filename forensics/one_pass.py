"""One pass over the frames of a video: decode, gather evidence, score; memory is bounded by the chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from face.manual import ManualFaces
from face.track import Tracker, Tracks, TrackSettings
from forensics.chunks import ScoredChunk, score_chunk
from forensics.custody import FramesDigest
from forensics.detector import Scope
from forensics.memory import CHUNKS_BETWEEN_RETURNS, PartSizes, return_free_memory
from forensics.models import Models
from forensics.prefetch import prefetched
from forensics.progress import Progress
from forensics.report.facts import MemoryShortage
from forensics.report.heatmaps import HeatmapKeeper
from forensics.report.pictures import PictureKeeper
from forensics.report.rows import FaceHeatmap, FacePicture
from forensics.report.verdict import DetectorRun
from forensics.settings import AnalysisSettings
from forensics.side_by_side import evidence_ahead
from forensics.workers import model_workers
from video.frames import Delivery
from video.isolated import open_video
from video.worker_process import Patience


@dataclass(frozen=True)
class Seen:
    """What a pass leaves: every chunk's scores, the tracks of the faces, and the pictures that were kept.

    `failures` holds the reason of each detector that is out; `warnings` are sentences for the report.
    """

    chunks: Sequence[ScoredChunk]
    tracks: Tracks
    same_person_similarity: float
    failures: dict[str, str]
    delivery: Delivery
    frames_sha256: str
    warnings: tuple[str, ...]
    memory_shortages: tuple[MemoryShortage, ...]
    picture_keeper: PictureKeeper | None
    heatmap_keeper: HeatmapKeeper | None

    def pictures(self) -> tuple[FacePicture, ...]:
        """The pictures of faces to show; none where the settings leave them out."""
        return () if self.picture_keeper is None else self.picture_keeper.pictures(self.tracks)

    def heatmaps(self, runs: Sequence[DetectorRun]) -> tuple[tuple[FaceHeatmap, ...], tuple[str, ...]]:
        """See `HeatmapKeeper.heatmaps`; none where the settings leave pictures out."""
        return ((), ()) if self.heatmap_keeper is None else self.heatmap_keeper.heatmaps(self.tracks, runs)


def look_through(
    path: Path, models: Models, settings: AnalysisSettings, *, progress: Progress, patience: Patience
) -> Seen:
    """Decode the sampled frames, find and follow the faces in them and score them with every detector.

    Raises VideoError for a file that cannot be used, and ForensicsError where memory does not hold a frame.
    """
    digest, sizes = FramesDigest(), PartSizes()
    same_person = models.front.embedders[0].same_person_similarity
    tracker = Tracker(TrackSettings(same_person_similarity=same_person))
    manual = ManualFaces(settings.manual_faces)
    ranking = _ranking_detector(models)
    keeper = PictureKeeper(ranking) if settings.pictures else None
    heat = HeatmapKeeper(models.detectors[ranking]) if settings.pictures and ranking else None
    failures: dict[str, str] = {}
    chunks: list[ScoredChunk] = []
    done = left_out = 0
    with open_video(
        path,
        sampling=settings.sampling,
        limits=settings.limits,
        backend=settings.backend,
        patience=patience,
    ) as reader:
        expected = settings.sampling.expected_frames(reader.info)
        with (
            # One batch waits: workers hold more.
            prefetched(reader.batches(settings.chunk_frames), depth=1) as batches,
            model_workers(models.device) as workers,
        ):
            started = evidence_ahead(
                path,
                batches,
                models,
                workers,
                tracker=tracker,
                manual=manual,
                failures=failures,
                sizes=sizes,
            )
            for evidence, scoring in started:
                digest.update(evidence.batch)
                chunk = score_chunk(evidence, models, failures, sizes, scoring=scoring)
                if keeper is not None:
                    keeper.add(evidence, chunk.scores)
                if heat is not None:
                    heat.add(evidence, chunk.scores)
                chunks.append(chunk)
                if len(chunks) % CHUNKS_BETWEEN_RETURNS == 0:
                    return_free_memory()
                left_out += evidence.left_out
                done += len(evidence.batch)
                progress(done, expected)
        delivery = reader.delivery
    return Seen(
        chunks=chunks,
        tracks=tracker.finish(),
        same_person_similarity=same_person,
        failures=failures,
        delivery=delivery,
        frames_sha256=digest.hexdigest(),
        warnings=_unused(manual) + _left_out(left_out),
        memory_shortages=sizes.shortages,
        picture_keeper=keeper,
        heatmap_keeper=heat,
    )


def _ranking_detector(models: Models) -> str | None:
    """The first face detector: its scores say which faces are the most suspicious."""
    faces = (name for name, detector in models.detectors.items() if detector.scope is Scope.FACE)
    return next(faces, None)


def _unused(manual: ManualFaces) -> tuple[str, ...]:
    """A warning for each face given by hand that no sampled frame reached."""
    return tuple(f"the face given at {face.seconds} s lies after the last frame" for face in manual.unused)


def _left_out(faces: int) -> tuple[str, ...]:
    """A warning where the face detector called something a face that has no place in the picture."""
    if not faces:
        return ()
    return (f"faces left out because the face detector gave no numbers for their place: {faces}",)
