"""One pass over a video: decode, gather evidence, score, aggregate, report; memory bounded by the chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from face.manual import ManualFaces
from face.track import Tracker, TrackSettings
from forensics.assemble import WholeVideo
from forensics.c2pa import read_c2pa
from forensics.chunks import ScoredChunk, score_chunk
from forensics.custody import FramesDigest
from forensics.detector import Detector, Scope
from forensics.errors import ForensicsError, UsageFault
from forensics.memory import CHUNKS_BETWEEN_RETURNS, PartSizes, return_free_memory
from forensics.models import Models
from forensics.prefetch import prefetched
from forensics.progress import Progress, no_progress
from forensics.reference import load_reference
from forensics.report.facts import NO_CASE, CaseFacts, storable
from forensics.report.heatmaps import HeatmapKeeper
from forensics.report.model import CALIBRATION_NOTE, SCHEMA_VERSION, EvidenceFacts, Report
from forensics.report.pictures import PictureKeeper
from forensics.report.verdict import DetectorRun, Status, conclude
from forensics.run_facts import RunClock, tool_version
from forensics.settings import AnalysisSettings
from forensics.side_by_side import evidence_ahead
from forensics.workers import model_workers
from video.errors import UnreadableVideoError, printable
from video.isolated import DEFAULT_PATIENCE, open_video, probe
from video.worker_process import Patience
from weights.streams import sha256_of


def analyze_video(
    path: Path,
    models: Models,
    settings: AnalysisSettings,
    *,
    case: CaseFacts = NO_CASE,
    references: Sequence[Path] = (),
    progress: Progress = no_progress,
    patience: Patience = DEFAULT_PATIENCE,
) -> Report:
    """Analyse one video or still image with loaded models; the report carries `case` as it is given.

    With photos of a person in `references`, every face is compared with them as well. The file is only
    read; its digest is taken before and after, and a change in between is an error. Raises VideoError for a
    file that cannot be used, ReferencePhotoError for a reference without one clear face, and ForensicsError
    when the video changed underneath.
    """
    clock = RunClock()
    facts = probe(path, patience=patience)
    try:
        sha256, size_bytes = sha256_of(path), path.stat().st_size
    except OSError as error:
        cause = f"cannot be read ({error.strerror or error})"
        raise UnreadableVideoError(path, cause, "copy it to a sound disk first") from error
    c2pa = read_c2pa(path)
    reference = load_reference(references, models.front, evidence=path) if references else None
    digest = FramesDigest()
    same_person = models.front.embedders[0].same_person_similarity
    tracker = Tracker(TrackSettings(same_person_similarity=same_person))
    manual = ManualFaces(settings.manual_faces)
    failures: dict[str, str] = {}
    ranking = _ranking_detector(models)
    keeper = PictureKeeper(ranking) if settings.pictures else None
    heat = HeatmapKeeper(models.detectors[ranking]) if settings.pictures and ranking else None
    chunks: list[ScoredChunk] = []
    sizes, left_out = PartSizes(), 0
    with open_video(
        path,
        sampling=settings.sampling,
        limits=settings.limits,
        backend=settings.backend,
        patience=patience,
    ) as reader:
        expected = settings.sampling.expected_frames(reader.info)
        done = 0
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
    sha256_after = _digest_now(path)
    if sha256_after != sha256:
        raise ForensicsError(
            f"{printable(path)}: the file changed during the analysis; copy it somewhere quiet first"
        )
    if not delivery.sampled:
        raise UsageFault(
            f"{printable(path)}: no frame lies between --start and --end; the file holds {delivery.decoded} "
            f"frames up to {facts.duration_seconds} s"
        )
    tracks = tracker.finish()
    whole = WholeVideo(chunks, tracks, same_person_similarity=same_person, reference=reference)
    runs = (
        *(_detector_run(detector, failures, whole, settings) for detector in models.detectors.values()),
        *models.not_run,
    )
    heatmaps, unexplained = ((), ()) if heat is None else heat.heatmaps(tracks, runs)
    file_name = storable(path.name)
    return Report(
        schema_version=SCHEMA_VERSION,
        tool_version=tool_version(),
        case=case,
        evidence=EvidenceFacts(
            file_name=file_name,
            size_bytes=size_bytes,
            sha256=sha256,
            sha256_after=sha256_after,
            # Where the file lay is no fact about it.
            probe=replace(facts, path=Path(file_name)),
            delivery=delivery,
            decoded_frames_sha256=digest.hexdigest(),
            c2pa=c2pa,
        ),
        settings=settings.settled(models.detectors.values()).facts(),
        weights=models.files,
        detectors=runs,
        people=whole.people(min_frames=settings.min_frames),
        reference=None if reference is None else reference.facts,
        handovers=whole.handovers(),
        verdict=conclude(runs),
        calibration=CALIBRATION_NOTE,
        calibrated=None,
        warnings=delivery.warnings
        + _unused(manual)
        + _left_out(left_out)
        + unexplained
        + (() if reference is None else reference.warnings),
        frames=whole.frame_rows(failures),
        faces=whole.face_rows(failures),
        pictures=() if keeper is None else keeper.pictures(tracks),
        heatmaps=heatmaps,
        run=clock.facts(models.device, memory_shortages=sizes.shortages),
    )


def _left_out(faces: int) -> tuple[str, ...]:
    """A warning where the face detector called something a face that has no place in the picture."""
    if not faces:
        return ()
    return (f"faces left out because the face detector gave no numbers for their place: {faces}",)


def _digest_now(path: Path) -> str | None:
    """The file's digest, `None` if it is no longer there or cannot be read."""
    try:
        return sha256_of(path)
    except OSError:
        return None


def _unused(manual: ManualFaces) -> tuple[str, ...]:
    """A warning for each face given by hand that no sampled frame reached."""
    return tuple(f"the face given at {face.seconds} s lies after the last frame" for face in manual.unused)


def _ranking_detector(models: Models) -> str | None:
    """The first face detector: its scores say which faces are the most suspicious."""
    faces = (name for name, detector in models.detectors.items() if detector.scope is Scope.FACE)
    return next(faces, None)


def _detector_run(
    detector: Detector, failures: Mapping[str, str], whole: WholeVideo, settings: AnalysisSettings
) -> DetectorRun:
    """One detector's finding, or why there is none."""
    if detector.name in failures:
        return DetectorRun.without_finding(
            detector.name, detector.scope, Status.FAILED, failures[detector.name]
        )
    return whole.detector_run(detector, min_frames=settings.min_frames)
