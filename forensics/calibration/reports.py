"""What a calibration takes from reports: video scores, how faces were seen, weights and settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forensics.calibration.facts import Conditions, Digest
from forensics.calibration.record import recorded_settings, weights_of
from forensics.calibration.table import ScoredVideo, ScoreTable, read_labels
from forensics.errors import CalibrationError
from forensics.findings import NO_VERDICT_REASONS, TrackFinding, VideoFinding
from forensics.report.json import FILE_NAME
from forensics.report.model import Report
from forensics.report.read import read_report
from video.errors import printable
from weights.streams import sha256_of


@dataclass(frozen=True)
class Setup:
    """What made the scores of a report: the digests and settings a calibration is bound to."""

    weights: tuple[Digest, ...]
    settings: dict[str, object]


def setup_of(path: Path, detectors: Sequence[str]) -> Setup:
    """What made the scores of `detectors` in the report at `path`.

    Raises CalibrationError if one did not run, ReportError for a file that cannot be read.
    """
    return _setup(read_report(path), detectors, path)


def read_reports(folder: Path, labels: Path, detectors: Sequence[str]) -> tuple[ScoreTable, Setup]:
    """The scores of the labelled videos from every `report.json` under `folder`, and what made them.

    A video's score is the mean score of its most suspicious track, of the picture for a whole-frame
    detector. Reports without a label are passed over; labelled videos without a score of every detector
    are counted. Raises CalibrationError for two reports of one video and mixed setups, ReportError for a
    report that cannot be read.
    """
    labelled, groups_given = read_labels(labels)
    wanted = {one.video: one for one in labelled}
    found: dict[str, ScoredVideo | None] = {}
    setups: list[tuple[Path, Setup]] = []
    for path in sorted(folder.rglob(FILE_NAME)):
        report = read_report(path)
        video = report.evidence.file_name
        if video not in wanted:
            continue
        if video in found:
            raise CalibrationError(f"{printable(path)}: a second report on {video}; keep one of them")
        setups.append((path, _setup(report, detectors, path)))
        scores = {name: _score_in(report, name) for name in detectors}
        given = {name: score for name, score in scores.items() if score is not None}
        complete = len(given) == len(scores)
        seen = video_conditions(report, detectors)
        found[video] = ScoredVideo(wanted[video], given, seen) if complete else None
    if not setups:
        raise CalibrationError(
            f"{printable(folder)}: holds no {FILE_NAME} on a video of {printable(labels)}; analyse them first"
        )
    first_path, setup = setups[0]
    for path, other in setups[1:]:
        if other != setup:
            raise CalibrationError(
                f"{printable(path)}: made with other weights or settings than {printable(first_path)}; "
                "analyse all videos alike"
            )
    scored = [one for one in found.values() if one is not None]
    table = ScoreTable(
        videos=tuple(sorted(scored, key=lambda one: one.labelled.video)),
        detectors=tuple(detectors),
        groups_given=groups_given,
        left_out=len(wanted) - len(scored),
        sources=(
            Digest(labels.name, sha256_of(labels)),
            *(Digest(path.relative_to(folder).as_posix(), sha256_of(path)) for path, _ in setups),
        ),
    )
    return table, setup


def _setup(report: Report, detectors: Sequence[str], path: Path) -> Setup:
    ran = {detector.name for detector in report.detectors if detector.finding is not None}
    if missing := [name for name in detectors if name not in ran]:
        raise CalibrationError(
            f"{printable(path)}: {', '.join(missing)} did not run; analyse the video with `--detector`"
        )
    return Setup(weights_of(report.weights, detectors), recorded_settings(report.settings, detectors))


def _score_in(report: Report, name: str) -> float | None:
    finding = next(run.finding for run in report.detectors if run.name == name)
    return None if finding is None else video_score(finding)


def video_score(finding: VideoFinding) -> float | None:
    """The mean score of the most suspicious track, `None` where no track had enough material."""
    top = _most_suspicious(finding)
    return None if top is None else track_score(top)


def track_score(found: TrackFinding) -> float | None:
    """The mean score of a track, `None` where it had not enough material."""
    return None if found.reason in NO_VERDICT_REASONS else found.mean_score


def _most_suspicious(finding: VideoFinding) -> TrackFinding | None:
    for track in finding.tracks:
        # A whole picture is no track: there both are None.
        if track.track == finding.most_suspicious and track.reason not in NO_VERDICT_REASONS:
            return track
    return None


def video_conditions(report: Report, detectors: Sequence[str]) -> Conditions | None:
    """How the most suspicious track was seen, for the first of `detectors` that has tracks."""
    found = {run.name: run.finding for run in report.detectors if run.finding is not None}
    for name in detectors:
        top = _most_suspicious(found[name]) if name in found else None
        if top is not None and top.track is not None:
            judged = sum(track.reason not in NO_VERDICT_REASONS for track in found[name].tracks)
            return track_conditions(report, top, people=judged)
    return None


def track_conditions(report: Report, found: TrackFinding, *, people: int = 1) -> Conditions | None:
    """How the scored faces of a track were seen, `None` where there are none.

    `people` is of how many people's scores this one is taken as the highest.
    """
    seen = [
        (face.size_pixels, face.sharpness)
        for face in report.faces
        if face.track == found.track
        and any(score.detector == found.detector and score.score is not None for score in face.scores)
    ]
    if not seen:
        return None
    size_pixels, sharpness = np.median(np.array(seen), axis=0).tolist()
    return Conditions(size_pixels, sharpness, found.scored, people)
