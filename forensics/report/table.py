"""Writes `frames.csv`: one row per face, frame and detector."""

from __future__ import annotations

import csv
from pathlib import Path

from forensics.report.model import Report, person_name

FILE_NAME = "frames.csv"
# What makes spreadsheets evaluate a cell; some skip white space before it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
COLUMNS = (
    "frame_index",
    "pts_seconds",
    "track",
    "person",
    "detector",
    "score",
    "probability",
    "abstained",
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
)


def write_table(report: Report, folder: Path) -> Path:
    """Write the rows in the report's order: by frame, then by confidence. Empty means not given."""
    path = folder / FILE_NAME
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in report.faces:
            place = (row.frame_index, row.pts_seconds, row.track, person_name(row.track))
            quality = (row.size_pixels, row.sharpness, row.yaw_degrees, row.pitch_degrees, row.visible_ratio)
            for score in row.scores:
                said = (score.detector, score.score, score.probability, score.abstained)
                cells = (*place, *said, *row.box_xyxy, row.confidence, *quality)
                writer.writerow([inert(cell) for cell in cells])
    return path


def inert(cell: object) -> object:
    """Text that a spreadsheet would take for a formula, behind an apostrophe; numbers stay numbers."""
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return f"'{cell}"
    return cell
