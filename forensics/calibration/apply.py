"""Judges a finished report by a calibration: likelihood ratios beside its scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from forensics.calibration.file import load_calibration
from forensics.calibration.record import Calibration
from forensics.calibration.reports import conditions_of, video_score
from forensics.calibration.verdict import CalibratedVerdict
from forensics.detector import Scope
from forensics.report.facts import storable
from forensics.report.model import CalibratedFinding, CalibratedTrack, Report
from weights.streams import sha256_of

CALIBRATED_NOTE = (
    "Calibrated by {name} on {fake} manipulated and {real} other videos ({description}): Cllr {cllr:.2f} on "
    "videos left out of the fit, where 1 is worth nothing. The ratio holds for material like that alone."
)


def calibrated_report(report: Report, path: Path) -> Report:
    """The report with what the calibration file at `path` says of its scores.

    Raises CalibrationError for a file that is none, is damaged, or was made for other models than those the
    report names. Settings that differ from the calibration's become warnings.
    """
    calibration = load_calibration(path)
    warnings = calibration.check(report.weights, report.settings, path=path)
    name = storable(path.name)
    data = calibration.data
    return replace(
        report,
        warnings=report.warnings + warnings,
        calibration=CALIBRATED_NOTE.format(
            name=name,
            fake=data.manipulated,
            real=data.not_manipulated,
            description=data.description,
            cllr=calibration.figures.cllr.value,
        ),
        calibrated=CalibratedFinding(
            file_name=name,
            sha256=sha256_of(path),
            detectors=calibration.detectors,
            verdict=_of_video(report, calibration),
            tracks=_of_tracks(report, calibration),
        ),
    )


def _of_video(report: Report, calibration: Calibration) -> CalibratedVerdict:
    """The verdict on the video, by the score the calibration was fitted on: the most suspicious person's."""
    found = {run.name: run.finding for run in report.detectors if run.finding is not None}
    scores = {name: video_score(finding) for name, finding in found.items()}
    top = next(
        (
            (name, found[name].most_suspicious)
            for name in calibration.detectors
            if name in found and found[name].most_suspicious is not None
        ),
        None,
    )
    conditions = None if top is None or top[1] is None else conditions_of(report.faces, top[0], top[1])
    return calibration.judge(scores, conditions)


def _of_tracks(report: Report, calibration: Calibration) -> tuple[CalibratedTrack, ...]:
    """Each person's verdict, where the calibration is one face detector's."""
    wanted = calibration.detectors
    runs = [run for run in report.detectors if (run.name,) == wanted and run.scope is Scope.FACE]
    return tuple(
        CalibratedTrack(
            found.track,
            calibration.judge(
                {run.name: found.mean_score}, conditions_of(report.faces, run.name, found.track)
            ),
        )
        for run in runs
        if run.finding is not None
        for found in run.finding.tracks
        if found.track is not None
    )
