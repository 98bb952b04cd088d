"""What a calibration takes from reports: video scores, how faces were seen, weights and settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from forensics.aggregate import NO_VERDICT_REASONS, Reason
from forensics.calibration.facts import Conditions, Digest
from forensics.calibration.record import recorded_settings, weights_of
from forensics.calibration.table import ScoredVideo, ScoreTable, read_labels
from forensics.errors import CalibrationError
from forensics.report.json import FILE_NAME
from forensics.report.model import ModelFile
from video.errors import printable
from weights.streams import sha256_of


@dataclass(frozen=True)
class Setup:
    """What made the scores of a report: the digests and settings a calibration is bound to."""

    weights: tuple[Digest, ...]
    settings: dict[str, object]


# The parts of a report's JSON that are read here; everything else in it may change.
@dataclass(frozen=True)
class _Evidence:
    file_name: str


@dataclass(frozen=True)
class _Track:
    track: int | None
    reason: Reason | None
    mean_score: float | None


@dataclass(frozen=True)
class _Finding:
    most_suspicious: int | None
    tracks: tuple[_Track, ...]


@dataclass(frozen=True)
class _Detector:
    name: str
    finding: _Finding | None


@dataclass(frozen=True)
class _Score:
    detector: str
    score: float | None


@dataclass(frozen=True)
class _Face:
    track: int
    size_pixels: float
    sharpness: float
    scores: tuple[_Score, ...]


@dataclass(frozen=True)
class _Report:
    evidence: _Evidence
    settings: dict[str, object]
    weights: tuple[ModelFile, ...]
    detectors: tuple[_Detector, ...]
    faces: tuple[_Face, ...]


def setup_of(path: Path, detectors: Sequence[str]) -> Setup:
    """What made the scores of `detectors` in the report at `path`. Raises CalibrationError."""
    return _setup(_read(path), detectors, path)


def read_reports(folder: Path, labels: Path, detectors: Sequence[str]) -> tuple[ScoreTable, Setup]:
    """The scores of the labelled videos from every `report.json` under `folder`, and what made them.

    A video's score is the mean score of its most suspicious track, of the picture for a whole-frame
    detector. Reports without a label are passed over; labelled videos without a score of every detector
    are counted. Raises CalibrationError for unreadable reports, two of one video, and mixed setups.
    """
    labelled, groups_given = read_labels(labels)
    wanted = {one.video: one for one in labelled}
    found: dict[str, ScoredVideo | None] = {}
    setups: list[tuple[Path, Setup]] = []
    for path in sorted(folder.rglob(FILE_NAME)):
        report = _read(path)
        video = report.evidence.file_name
        if video not in wanted:
            continue
        if video in found:
            raise CalibrationError(f"{printable(path)}: a second report on {video}; keep one of them")
        setups.append((path, _setup(report, detectors, path)))
        scores = {name: _video_score(report, name) for name in detectors}
        given = {name: score for name, score in scores.items() if score is not None}
        complete = len(given) == len(scores)
        found[video] = ScoredVideo(wanted[video], given, _conditions(report, detectors)) if complete else None
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


def _read(path: Path) -> _Report:
    name = printable(path)
    try:
        return TypeAdapter(_Report).validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise CalibrationError(f"{name}: cannot be read ({error.strerror}); name a {FILE_NAME}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise CalibrationError(
            f"{name}: is no report of this tool ({where}: {first['msg']}); analyse the video again"
        ) from error


def _setup(report: _Report, detectors: Sequence[str], path: Path) -> Setup:
    ran = {detector.name for detector in report.detectors if detector.finding is not None}
    if missing := [name for name in detectors if name not in ran]:
        raise CalibrationError(
            f"{printable(path)}: {', '.join(missing)} did not run; analyse the video with `--detector`"
        )
    return Setup(weights_of(report.weights, detectors), recorded_settings(report.settings))


def _video_score(report: _Report, name: str) -> float | None:
    """The mean score of the most suspicious track, `None` where no track had enough material."""
    finding = next(one.finding for one in report.detectors if one.name == name)
    if finding is None:
        return None
    for track in finding.tracks:
        # A whole picture is no track: there both are None.
        if track.track == finding.most_suspicious and track.reason not in NO_VERDICT_REASONS:
            return track.mean_score
    return None


def _conditions(report: _Report, detectors: Sequence[str]) -> Conditions | None:
    """How the scored faces of the most suspicious track were seen, by the first detector that has tracks."""
    for detector in report.detectors:
        if detector.name not in detectors or detector.finding is None:
            continue
        track = detector.finding.most_suspicious
        seen = [
            (face.size_pixels, face.sharpness)
            for face in report.faces
            if face.track == track
            and any(score.detector == detector.name and score.score is not None for score in face.scores)
        ]
        if seen:
            return conditions_of(seen)
    return None


def conditions_of(faces: Sequence[tuple[float, float]]) -> Conditions:
    """The conditions of faces given as (size in pixels, sharpness); there must be one at least."""
    size_pixels, sharpness = np.median(np.array(faces), axis=0).tolist()
    return Conditions(size_pixels, sharpness)
