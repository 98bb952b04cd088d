"""The Python API: what the command line does, as functions."""

from __future__ import annotations

import os
from pathlib import Path

from forensics.custody import output_folder
from forensics.models import load_models
from forensics.pipeline import Progress, analyze_video, no_progress
from forensics.report.json import write_json
from forensics.report.model import Report
from forensics.report.table import write_table
from forensics.settings import AnalysisSettings
from weights.store import Store

DEFAULT_SETTINGS = AnalysisSettings()


def analyze(
    video: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    settings: AnalysisSettings = DEFAULT_SETTINGS,
    store: Store | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Report:
    """Analyse a video file or still image; with `out`, write `report.json` and `frames.csv` there.

    `store` is where weights come from (the user's cache by default; it may download). The outputs
    appear together when all are complete, or not at all. Raises VideoError for a file that cannot be
    used, WeightsError for weights that cannot be had, OutputError for a folder that cannot be written
    or is not empty, and UsageFault for settings that make no sense. No face is an outcome, not an error.
    """
    store = Store() if store is None else store
    if out is None:
        return analyze_video(Path(video), load_models(settings, store), settings, progress=progress)
    with output_folder(Path(out), overwrite=overwrite) as folder:
        report = analyze_video(Path(video), load_models(settings, store), settings, progress=progress)
        write_json(report, folder)
        write_table(report, folder)
    return report
