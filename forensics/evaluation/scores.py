"""What an evaluation takes from a report: one detector's scores of a video, its people and its frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from forensics.calibration.reports import video_score
from forensics.detector import Scope
from forensics.evaluation.items import Item
from forensics.findings import NO_VERDICT_REASONS, Thresholds
from forensics.report.model import Report
from forensics.report.rows import DetectorScore
from forensics.report.verdict import DetectorRun


class Level(StrEnum):
    """What is one unit of a figure: a video, a person in it, a second of a person, or a face in a frame."""

    VIDEO = "video"
    TRACK = "track"
    SECOND = "second"
    FRAME = "frame"


@dataclass(frozen=True)
class Scores:
    """One detector's scores of one video, higher = more fake.

    `video` is the mean of the most suspicious track (of the picture, for a whole-frame detector), as in
    calibrations; `tracks` the means of all tracks with enough scored frames, `seconds` the means of each of
    their seconds, `frames` every score in them. Without a video score all are empty and `reason` says why.
    """

    video: float | None
    tracks: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    frames: tuple[float, ...] = ()
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.video is None) == (self.reason is None):
            raise ValueError("there is either a score or a reason for none")

    def at(self, level: Level) -> tuple[float, ...]:
        """The scores of the units of that level."""
        if level is Level.VIDEO:
            return () if self.video is None else (self.video,)
        return {Level.TRACK: self.tracks, Level.SECOND: self.seconds, Level.FRAME: self.frames}[level]


@dataclass(frozen=True)
class Evaluated:
    """An analysed item with every detector's scores."""

    item: Item
    scores: Mapping[str, Scores]


@dataclass(frozen=True)
class DetectorFacts:
    """A detector as evaluated; `thresholds` are its own, those of findings in reports."""

    name: str
    scope: Scope
    thresholds: Thresholds
    notes: tuple[str, ...]


def scores_in(report: Report) -> dict[str, Scores]:
    """The scores of every detector of the report."""
    return {run.name: _scores(report, run) for run in report.detectors}


def detectors_in(reports: Iterable[Report]) -> dict[str, DetectorFacts]:
    """The detectors that ran in any of the reports, by name."""
    return {
        run.name: DetectorFacts(run.name, run.scope, run.thresholds, run.notes)
        for report in reports
        for run in report.detectors
        if run.thresholds is not None
    }


def _scores(report: Report, run: DetectorRun) -> Scores:
    if run.finding is None:
        return Scores(None, reason=f"{run.status.value}: {run.reason}")
    video = video_score(run.finding)
    if video is None:
        return Scores(None, reason=None if run.finding.reason is None else run.finding.reason.value)
    judged = [track for track in run.finding.tracks if track.reason not in NO_VERDICT_REASONS]
    frames = _frames(report, run, {track.track for track in judged})
    return Scores(
        video=video,
        tracks=tuple(track.mean_score for track in judged if track.mean_score is not None),
        seconds=_means_of_seconds(frames),
        frames=tuple(score for _, _, score in frames),
    )


def _frames(
    report: Report, run: DetectorRun, tracks: set[int | None]
) -> list[tuple[int | None, float, float]]:
    """Track, presentation time in seconds and score of every scored face, or frame, of these tracks."""
    rows: list[tuple[int | None, float, tuple[DetectorScore, ...]]]
    if run.scope is Scope.FRAME:
        rows = [(None, row.pts_seconds, row.scores) for row in report.frames]
    else:
        rows = [(row.track, row.pts_seconds, row.scores) for row in report.faces]
    return [
        (track, seconds, said.score)
        for track, seconds, scores in rows
        for said in scores
        if track in tracks and said.detector == run.name and said.score is not None
    ]


def _means_of_seconds(frames: Iterable[tuple[int | None, float, float]]) -> tuple[float, ...]:
    """The mean score of each track in each second of the video's clock, in the order they begin."""
    windows: defaultdict[tuple[int | None, int], list[float]] = defaultdict(list)
    for track, seconds, score in frames:
        windows[track, int(np.floor(seconds))].append(score)
    return tuple(float(np.mean(scores)) for scores in windows.values())
