"""From a video file to its report: probe, digest, one pass over the frames, findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from forensics.assemble import WholeVideo
from forensics.c2pa import read_c2pa
from forensics.detector import Detector
from forensics.errors import ForensicsError, UsageFault
from forensics.models import Models
from forensics.one_pass import look_through
from forensics.progress import Progress, no_progress
from forensics.reference import load_reference
from forensics.report.facts import NO_CASE, CaseFacts, storable
from forensics.report.model import CALIBRATION_NOTE, SCHEMA_VERSION, EvidenceFacts, Report
from forensics.report.verdict import DetectorRun, Status, conclude
from forensics.run_facts import RunClock, tool_version
from forensics.settings import AnalysisSettings
from video.errors import UnreadableVideoError, printable
from video.isolated import DEFAULT_PATIENCE, probe
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
    seen = look_through(path, models, settings, progress=progress, patience=patience)
    sha256_after = _digest_now(path)
    if sha256_after != sha256:
        raise ForensicsError(
            f"{printable(path)}: the file changed during the analysis; copy it somewhere quiet first"
        )
    delivery = seen.delivery
    if not delivery.sampled:
        raise UsageFault(
            f"{printable(path)}: no frame lies between --start and --end; the file holds {delivery.decoded} "
            f"frames up to {facts.duration_seconds} s"
        )
    whole = WholeVideo(
        seen.chunks, seen.tracks, same_person_similarity=seen.same_person_similarity, reference=reference
    )
    runs = (
        *(_detector_run(detector, seen.failures, whole, settings) for detector in models.detectors.values()),
        *models.not_run,
    )
    heatmaps, unexplained = seen.heatmaps(runs)
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
            decoded_frames_sha256=seen.frames_sha256,
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
        warnings=(
            *delivery.warnings,
            *seen.warnings,
            *unexplained,
            *(() if reference is None else reference.warnings),
        ),
        frames=whole.frame_rows(seen.failures),
        faces=whole.face_rows(seen.failures),
        pictures=seen.pictures(),
        heatmaps=heatmaps,
        run=clock.facts(models.device, memory_shortages=seen.memory_shortages),
    )


def _digest_now(path: Path) -> str | None:
    """The file's digest, `None` if it is no longer there or cannot be read."""
    try:
        return sha256_of(path)
    except OSError:
        return None


def _detector_run(
    detector: Detector, failures: Mapping[str, str], whole: WholeVideo, settings: AnalysisSettings
) -> DetectorRun:
    """One detector's finding, or why there is none."""
    if detector.name in failures:
        return DetectorRun.without_finding(
            detector.name, detector.scope, Status.FAILED, failures[detector.name]
        )
    return whole.detector_run(detector, min_frames=settings.min_frames)
