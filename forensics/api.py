"""The Python API: what the command line does, as functions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from forensics.calibration.apply import calibrated_report, check_models
from forensics.calibration.file import load_calibration
from forensics.custody import output_folder
from forensics.manifest import write_manifest
from forensics.models import load_models
from forensics.pipeline import analyze_video
from forensics.progress import Progress, no_progress
from forensics.report.extras import NO_EXTRAS, Extras, write_extras
from forensics.report.facts import NO_CASE, CaseFacts
from forensics.report.model import Report
from forensics.report.outputs import write_outputs
from forensics.settings import AnalysisSettings
from video.isolated import DEFAULT_PATIENCE
from video.worker_process import Patience
from weights.store import Store

DEFAULT_SETTINGS = AnalysisSettings()


def analyze(
    video: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    settings: AnalysisSettings = DEFAULT_SETTINGS,
    store: Store | None = None,
    case: CaseFacts = NO_CASE,
    references: Sequence[str | os.PathLike[str]] = (),
    calibration: str | os.PathLike[str] | None = None,
    extras: Extras = NO_EXTRAS,
    overwrite: bool = False,
    progress: Progress = no_progress,
    patience: Patience = DEFAULT_PATIENCE,
) -> Report:
    """Analyse a video file or still image; with `out`, write the report and its manifest there.

    `store` is where weights come from (the user's cache by default; it may download), `case` what the
    report says of the case, `references` photos of one person whom every face is compared with,
    `calibration` a file of `forensics calibrate`, `extras` what is written beside the usual outputs,
    `patience` how long decoding may take: it runs in a process of its own, which a file may take down. The
    outputs appear together when all are complete, or not at all. Raises VideoError for a file that cannot
    be used, ReferencePhotoError for a photo without one clear face, WeightsError for weights that cannot be
    had, CalibrationError for a calibration that is damaged or was made for other models, OutputError for a
    folder that cannot be written or is not empty, and UsageFault for settings that make no sense. No face
    is an outcome, not an error.
    """
    store = Store() if store is None else store
    if calibration is not None:
        # A typing mistake should not cost an analysis.
        load_calibration(Path(calibration))

    def analysed() -> Report:
        models = load_models(settings, store)
        if calibration is not None:
            check_models(Path(calibration), models, settings)
        photos = [Path(photo) for photo in references]
        report = analyze_video(
            Path(video),
            models,
            settings,
            case=case,
            references=photos,
            progress=progress,
            patience=patience,
        )
        return report if calibration is None else calibrated_report(report, Path(calibration))

    if out is None:
        return analysed()
    with output_folder(Path(out), overwrite=overwrite) as folder:
        report = analysed()
        write_analysis(report, Path(video), folder, settings=settings, extras=extras)
    return report


def write_analysis(
    report: Report, video: Path, folder: Path, *, settings: AnalysisSettings, extras: Extras = NO_EXTRAS
) -> None:
    """Write the report of `video`, what is made from it and the manifest into `folder`. Raises OSError."""
    write_outputs(report, folder, also=extras.renderings)
    write_extras(extras, report, video, folder, settings=settings)
    write_manifest(folder, report.evidence)
