"""Scores of labelled videos, one per video and detector, and the CSV files they are read from."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forensics.calibration.facts import Conditions, Digest
from forensics.errors import CalibrationError
from forensics.metrics import Floats, Labels
from video.errors import printable
from weights.streams import sha256_of

_LABELS = {"real": False, "0": False, "fake": True, "1": True}


@dataclass(frozen=True)
class LabelledVideo:
    """A row of a table of labels. Videos of one `group` (a person, a source) are never torn apart."""

    video: str
    manipulated: bool
    group: str


@dataclass(frozen=True)
class ScoredVideo:
    """A labelled video with its score per detector; `conditions` where its faces are known."""

    labelled: LabelledVideo
    scores: dict[str, float]
    conditions: Conditions | None = None


@dataclass(frozen=True)
class ScoreTable:
    """Scored videos in the order of their names, so that the order of rows makes no difference.

    `left_out` labelled videos have no score; `sources` are the files all this came from.
    """

    videos: tuple[ScoredVideo, ...]
    detectors: tuple[str, ...]
    groups_given: bool
    left_out: int
    sources: tuple[Digest, ...]

    def __post_init__(self) -> None:
        names = [one.labelled.video for one in self.videos]
        if names != sorted(set(names)):
            raise ValueError("videos must be sorted by name, each once")

    @property
    def scores(self) -> Floats:
        """Scores [videos, detectors]."""
        rows = [[one.scores[name] for name in self.detectors] for one in self.videos]
        return np.array(rows, dtype=np.float64).reshape(len(self.videos), len(self.detectors))

    @property
    def labels(self) -> Labels:
        """Labels [videos], True for manipulated."""
        return np.array([one.labelled.manipulated for one in self.videos], dtype=np.bool_)

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(one.labelled.group for one in self.videos)


def read_scores(path: Path, detectors: Sequence[str]) -> ScoreTable:
    """The scores of `detectors` from a CSV with the columns `video,label,score` and maybe `group,detector`.

    Without a `detector` column all scores are those of the one detector asked for. Rows of other detectors
    are passed over. Raises CalibrationError, naming file and line, for anything else than one finite score
    per video and detector and one label and group per video.
    """
    rows = _read_rows(path, ("video", "label", "score"))
    labelled: dict[str, LabelledVideo] = {}
    scores: dict[str, dict[str, float]] = {}
    for number, row in rows:
        where = f"{printable(path)}, line {number}"
        detector = row["detector"] if "detector" in row else detectors[0]
        if detector not in detectors:
            continue
        video = _label_of(row, where)
        if labelled.setdefault(video.video, video) != video:
            raise CalibrationError(f"{where}: {video.video} has another label or group in an earlier line")
        own = scores.setdefault(video.video, {})
        if detector in own:
            raise CalibrationError(f"{where}: {video.video} has a score already; keep one line per video")
        own[detector] = _score_of(row["score"], where)
    for video_name, own in scores.items():
        if missing := [name for name in detectors if name not in own]:
            raise CalibrationError(f"{printable(path)}: {video_name} has no score of {', '.join(missing)}")
    return ScoreTable(
        videos=tuple(ScoredVideo(labelled[name], scores[name]) for name in sorted(labelled)),
        detectors=tuple(detectors),
        groups_given=bool(rows) and "group" in rows[0][1],
        left_out=0,
        sources=(Digest(path.name, sha256_of(path)),),
    )


def detectors_in(path: Path) -> tuple[str, ...]:
    """The detectors a CSV of scores names, in the order they appear; none without that column."""
    rows = _read_rows(path, ("video", "label", "score"))
    return tuple(dict.fromkeys(row["detector"] for _, row in rows if "detector" in row))


def read_labels(path: Path) -> tuple[tuple[LabelledVideo, ...], bool]:
    """The rows of a CSV with the columns `video,label` and maybe `group`, and whether groups are given.

    Raises CalibrationError, naming file and line, for unknown labels and a video named twice.
    """
    rows = _read_rows(path, ("video", "label"))
    labelled: dict[str, LabelledVideo] = {}
    for number, row in rows:
        where = f"{printable(path)}, line {number}"
        video = _label_of(row, where)
        if video.video in labelled:
            raise CalibrationError(f"{where}: {video.video} is listed already; keep one line per video")
        labelled[video.video] = video
    return tuple(labelled.values()), bool(rows) and "group" in rows[0][1]


def _read_rows(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows with their line numbers; spreadsheets may put a byte order mark in front."""
    name = printable(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = list(reader.fieldnames or ())
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise CalibrationError(f"{name}: cannot be read ({cause}); name a CSV file in UTF-8") from error
    if missing := [column for column in columns if column not in header]:
        raise CalibrationError(f"{name}: has no column {', '.join(missing)}; it needs {','.join(columns)}")
    if len(set(header)) < len(header):
        raise CalibrationError(f"{name}: names a column twice; keep one of them")
    for number, row in rows:
        if None in row or None in row.values():
            raise CalibrationError(f"{name}, line {number}: has more or fewer fields than the first line")
    return rows


def _label_of(row: dict[str, str], where: str) -> LabelledVideo:
    video, label = row["video"].strip(), row["label"].strip().lower()
    if not video:
        raise CalibrationError(f"{where}: the video has no name")
    if label not in _LABELS:
        raise CalibrationError(f"{where}: label {label!r} is not known; use real, fake, 0 or 1")
    # An empty group is no group: the video stands for itself.
    return LabelledVideo(video, _LABELS[label], row.get("group", "").strip() or f"video {video}")


def _score_of(text: str, where: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise CalibrationError(f"{where}: score {text!r} is no finite number; leave the video out")
    return score
