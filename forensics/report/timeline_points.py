"""The values on the lines of a timeline."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forensics.report.model import Report
from forensics.report.timeline_shapes import Point

# Points of one line. More cannot be told apart on a screen; the tables hold all of them.
MAX_POINTS = 1_200


def frame_points(report: Report, detector: str) -> Iterator[Point]:
    """What a detector says of each whole frame."""
    for row in report.frames:
        for score in row.scores:
            if score.detector == detector:
                yield Point(row.frame_index, row.pts_seconds, score.score, score.abstained)


def face_points(report: Report, detector: str, component: str | None = None) -> dict[int, list[Point]]:
    """What a detector, or one component of its score, says of each face, by track."""
    points: dict[int, list[Point]] = {}
    for row in report.faces:
        for score in row.scores:
            if score.detector == detector:
                value = score.score if component is None else score.components.get(component)
                point = Point(row.frame_index, row.pts_seconds, value, score.abstained)
                points.setdefault(row.track, []).append(point)
    return points


def thinned(points: list[Point]) -> list[Point]:
    """At most MAX_POINTS of them: the lowest and the highest of each stretch, so that no peak is lost."""
    if len(points) <= MAX_POINTS:
        return points
    kept: list[Point] = []
    for part in np.array_split(np.arange(len(points)), MAX_POINTS // 2):
        stretch = [points[place] for place in part]
        ends = {min(stretch, key=_value), max(stretch, key=_value)}
        kept += sorted(ends, key=lambda point: point.seconds)
    return kept


def _value(point: Point) -> float:
    return point.value if point.value is not None else 0.0
