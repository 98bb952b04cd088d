"""Writes `frames.csv`: one row per face, frame and detector, and one per whole frame and detector."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from forensics.report.model import Report
from forensics.report.people import person_name
from forensics.report.rows import DetectorScore, FaceRow, FrameRow

FILE_NAME = "frames.csv"
# What makes spreadsheets evaluate a cell; some skip white space before it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
FRAME_COLUMNS = ("frame_index", "pts_seconds", "shot")
PERSON_COLUMNS = ("track", "person")
SCORE_COLUMNS = ("detector", "score", "peak", "probability", "abstained")
FACE_COLUMNS = (
    "x1",
    "y1",
    "x2",
    "y2",
    "confidence",
    "size_pixels",
    "sharpness",
    "yaw_degrees",
    "pitch_degrees",
    "visible_ratio",
    "covered_ratio",
    "identity_similarity",
    "reference_similarity",
)
NOBODY = (None,) * len(PERSON_COLUMNS)
NO_FACE = (None,) * len(FACE_COLUMNS)
COLUMNS = (*FRAME_COLUMNS, *PERSON_COLUMNS, *SCORE_COLUMNS, *FACE_COLUMNS)
COMPONENT_PREFIX = "component_"


def write_table(report: Report, folder: Path) -> Path:
    """Write faces in the report's order (by frame, then by confidence), then whole frames.

    Empty means not given: a whole frame has no person and no box, a detector its own components only.
    """
    path = folder / FILE_NAME
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table_columns(report))
        writer.writerows([inert(cell) for cell in row] for row in table_rows(report))
    return path


def table_columns(report: Report) -> tuple[str, ...]:
    """COLUMNS, and after them one for each component of a score that a detector gave."""
    return (*COLUMNS, *(f"{COMPONENT_PREFIX}{name}" for name in _components(report)))


def table_rows(report: Report) -> Iterator[tuple[object, ...]]:
    """The rows of the table, a cell for each of `table_columns`, `None` for what is not given."""
    frames = {row.frame_index: row for row in report.frames}
    names = _components(report)
    for face in report.faces:
        person = (face.track, person_name(face.track))
        for score in face.scores:
            place = _place(frames[face.frame_index])
            yield (*place, *person, *_said(score), *_face(face), *_parts(score, names))
    for frame in report.frames:
        for score in frame.scores:
            yield (*_place(frame), *NOBODY, *_said(score), *NO_FACE, *_parts(score, names))


def _place(frame: FrameRow) -> tuple[object, ...]:
    return (frame.frame_index, frame.pts_seconds, frame.shot)


def _said(score: DetectorScore) -> tuple[object, ...]:
    return (score.detector, score.score, score.peak, score.probability, score.abstained)


def _components(report: Report) -> tuple[str, ...]:
    rows: tuple[FaceRow | FrameRow, ...] = (*report.faces, *report.frames)
    return tuple(dict.fromkeys(name for row in rows for score in row.scores for name in score.components))


def _parts(score: DetectorScore, names: Sequence[str]) -> tuple[object, ...]:
    return tuple(score.components.get(name) for name in names)


def _face(face: FaceRow) -> tuple[object, ...]:
    pose = (face.yaw_degrees, face.pitch_degrees)
    seen = (face.visible_ratio, face.covered_ratio)
    alike = (face.identity_similarity, face.reference_similarity)
    return (*face.box_xyxy, face.confidence, face.size_pixels, face.sharpness, *pose, *seen, *alike)


def inert(cell: object) -> object:
    """Text that a spreadsheet would take for a formula, behind an apostrophe; numbers stay numbers."""
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return f"'{cell}"
    return cell
