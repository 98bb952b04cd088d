"""Judges a finished report by a calibration: likelihood ratios beside its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from forensics.calibration.file import load_calibration
from forensics.calibration.record import Calibration
from forensics.calibration.reports import track_conditions, track_score, video_conditions, video_score
from forensics.detector import Scope
from forensics.models import Models
from forensics.report.facts import storable
from forensics.report.model import CalibratedFinding, CalibratedTrack, Report
from forensics.settings import AnalysisSettings
from weights.streams import sha256_of

CALIBRATED_NOTE = (
    "Calibrated by {name} on {fake} manipulated and {real} other videos{described}: Cllr {cllr:.2f} on "
    "videos left out of the fit, where 1 is worth nothing. The ratio holds for material like that alone."
)
SEVERAL_NOTE = (
    " A person's ratio is about that face alone, as if nobody else were in the video; among many people one "
    "or another is high by chance."
)
NO_CONDITIONS_WARNING = (
    "{name}: does not say how the faces of its videos were seen (size, sharpness, frames); whether these are "
    "like them is not checked"
)


def check_models(path: Path, models: Models, settings: AnalysisSettings) -> None:
    """Refuse, before a frame is decoded, a calibration that was made for other models or decisive settings.

    Raises CalibrationError as `calibrated_report` does.
    """
    facts = settings.settled(models.detectors.values()).facts()
    load_calibration(path).check(models.files, facts, path=path)


def calibrated_report(report: Report, path: Path) -> Report:
    """The report with what the calibration file at `path` says of its scores.

    Raises CalibrationError for a file that is none, is damaged, or was made for other models than those the
    report names. Settings that differ from the calibration's become warnings.
    """
    calibration = load_calibration(path)
    warnings = calibration.check(report.weights, report.settings, path=path)
    name = storable(path.name)
    data = calibration.data
    tracks = _of_tracks(report, calibration)
    conditions = video_conditions(report, calibration.detectors)
    if calibration.conditions is None and conditions is not None:
        warnings += (NO_CONDITIONS_WARNING.format(name=name),)
    return replace(
        report,
        warnings=report.warnings + warnings,
        calibration=CALIBRATED_NOTE.format(
            name=name,
            fake=data.manipulated,
            real=data.not_manipulated,
            described=f" ({data.description})" if data.description else "",
            cllr=calibration.figures.cllr.value,
        )
        + (SEVERAL_NOTE if len(tracks) > 1 else ""),
        calibrated=CalibratedFinding(
            file_name=name,
            sha256=sha256_of(path),
            detectors=calibration.detectors,
            # By the score the calibration was fitted on: the most suspicious person's.
            verdict=calibration.judge(
                _video_scores(report), conditions, subject=_subject(report, calibration.detectors)
            ),
            tracks=tracks,
        ),
    )


def _video_scores(report: Report) -> dict[str, float | None]:
    return {run.name: video_score(run.finding) for run in report.detectors if run.finding is not None}


def _subject(report: Report, detectors: Sequence[str]) -> str:
    """What the calibrated score is about: a face, the picture, or where it is of both the video."""
    scopes = {run.scope for run in report.detectors if run.name in detectors}
    if len(scopes) > 1:
        return "the video"
    return "the picture" if scopes == {Scope.FRAME} else "the face"


def _of_tracks(report: Report, calibration: Calibration) -> tuple[CalibratedTrack, ...]:
    """Each person's verdict, where the calibration is one face detector's.

    A person is judged as a video of that person alone would be. Where the calibration has seen no such video
    its scores are all the highest of several, which says nothing of a single one: there is no ratio then.
    """
    wanted = calibration.detectors
    runs = [run for run in report.detectors if (run.name,) == wanted and run.scope is Scope.FACE]
    return tuple(
        CalibratedTrack(
            found.track, calibration.judge({run.name: track_score(found)}, track_conditions(report, found))
        )
        for run in runs
        if run.finding is not None
        for found in run.finding.tracks
        if found.track is not None
    )
