"""The timeline of a report as shapes: what is drawn where, thinned so that hours stay light."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from forensics.detector import Scope
from forensics.findings import Thresholds, VideoFinding
from forensics.identity_drift import SIGNAL_NOTE
from forensics.report.model import Report
from forensics.report.people import person_name
from forensics.report.timeline_points import MAX_POINTS, face_points, frame_points, thinned
from forensics.report.timeline_shapes import (
    HEIGHT,
    WIDTH,
    Band,
    Level,
    Line,
    Panel,
    Point,
    Timeline,
    height_of,
    levels,
    value_range,
)
from forensics.report.verdict import DetectorRun
from forensics.report.words import clock_time, component_words

# A line breaks where the next point is this many usual steps away.
GAP_STEPS = 2.5
IDENTITY_TITLE = "identity: similarity of each face to its person's typical face"
REFERENCE_TITLE = "reference: similarity of each face to the reference person"
_HIGHEST_COSINE = 1.0
_TICK_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_MAX_TIME_TICKS = 8


def timeline(report: Report, *, width: float = WIDTH) -> Timeline | None:
    """The timeline of a report from 0 to `width`, `None` without a line or for fewer than two frames."""
    if len(report.frames) < 2:
        return None
    first, last = _span(report)
    drawing = _Drawing(first, last, width, _faceless(report))
    panels = [
        panel
        for run in report.detectors
        if run.finding is not None
        for panel in (drawing.panel(report, run), *drawing.component_panels(report, run))
    ]
    panels += [*drawing.identity_panel(report), *drawing.reference_panel(report)]
    shown = [panel for panel in panels if panel.lines]
    if not shown:
        return None
    # Where the shots begin, not where the next sampled frame lies; the first begins with the file.
    starts = [shot.first_seconds for shot in report.evidence.delivery.shots[1:]]
    cuts = tuple(drawing.x(at) for at in starts if first < at < last)
    return Timeline(first, last, drawing.time_ticks(), cuts, drawing.faceless, tuple(shown))


def _span(report: Report) -> tuple[float, float]:
    """First and last second of what was to be looked at: the window of the settings, else the whole clip.

    Never less than the frames looked at, whatever the container declares.
    """
    probe, settings = report.evidence.probe, report.settings
    start = probe.start_seconds or 0.0
    end = start + (probe.duration_seconds or 0.0)
    if settings.end_seconds is not None:
        end = min(end, float(settings.end_seconds))
    first = start if settings.start_seconds is None else max(start, float(settings.start_seconds))
    first = min(first, report.frames[0].pts_seconds)
    return first, max(end, report.frames[-1].pts_seconds, first + 1e-3)


def _faceless(report: Report) -> tuple[tuple[int, float], ...]:
    """The frames looked at without a face, thinned to one in each place that can be told apart."""
    with_face = {row.frame_index for row in report.faces}
    bare = [(row.frame_index, row.pts_seconds) for row in report.frames if row.frame_index not in with_face]
    first, last = _span(report)
    places = {
        int((seconds - first) / (last - first) * MAX_POINTS): (index, seconds) for index, seconds in bare
    }
    return tuple(places.values())


@dataclass(frozen=True)
class _Drawing:
    first: float
    last: float
    width: float
    faceless: tuple[tuple[int, float], ...]

    def x(self, seconds: float) -> float:
        return round((seconds - self.first) / (self.last - self.first) * self.width, 1)

    def time_ticks(self) -> tuple[tuple[float, str], ...]:
        span = self.last - self.first
        step = next((step for step in _TICK_SECONDS if span / step <= _MAX_TIME_TICKS), span)
        times = np.arange(np.ceil(self.first / step), np.floor(self.last / step) + 1) * step
        return tuple((self.x(float(at)), clock_time(float(at))) for at in times)

    def faceless_path(self) -> str:
        """Ticks at the top of a panel about faces."""
        return "".join(f"M{self.x(seconds):g} 0v6" for _, seconds in self.faceless)

    def panel(self, report: Report, run: DetectorRun) -> Panel:
        """The scores of one detector with its thresholds and segments."""
        assert run.finding is not None
        rows: Sequence[tuple[str, int | None, list[Point]]]
        if run.scope is Scope.FRAME:
            rows = [("whole frame", None, list(frame_points(report, run.name)))]
        else:
            points = face_points(report, run.name)
            rows = [(person.name, person.id, points.get(person.id, [])) for person in report.people]
        limits = _limits(run.thresholds)
        values = [point.value for _, _, points in rows for point in points]
        low, high = value_range(values, [limit for limit, _ in limits])
        return Panel(
            title=f"{run.name}: score of {'the whole frame' if run.scope is Scope.FRAME else 'each face'}",
            unit="score" if run.score_kind is None else run.score_kind.value,
            low=low,
            high=high,
            ticks=levels(low, high),
            thresholds=tuple(
                Level(height_of(limit, low, high), f"{name} {limit:+z.2f}") for limit, name in limits
            ),
            lines=tuple(self._line(*row, low, high) for row in rows if row[2]),
            bands=self._bands(run.finding, None),
            faceless="" if run.scope is Scope.FRAME else self.faceless_path(),
        )

    def component_panels(self, report: Report, run: DetectorRun) -> Iterator[Panel]:
        """Each component of the detector's score that a part stands out in, with those parts."""
        assert run.finding is not None
        segments = [segment for found in run.finding.tracks for segment in found.segments]
        for name in dict.fromkeys(segment.component for segment in segments if segment.component):
            points = face_points(report, run.name, name)
            low, high = value_range((point.value for own in points.values() for point in own), ())
            yield Panel(
                title=f"{run.name}: {component_words(name)}, log-odds against real, of each face",
                unit="logit",
                low=low,
                high=high,
                ticks=levels(low, high),
                thresholds=(),
                lines=tuple(
                    self._line(person.name, person.id, points[person.id], low, high)
                    for person in report.people
                    if person.id in points
                ),
                bands=self._bands(run.finding, name),
                faceless=self.faceless_path(),
            )

    def _bands(self, finding: VideoFinding, component: str | None) -> tuple[Band, ...]:
        """The segments of the score, or of one component of it."""
        return tuple(
            Band(
                name="whole frame" if found.track is None else person_name(found.track),
                track=found.track,
                kind=segment.kind.value,
                component=segment.component,
                left=self.x(segment.first_seconds),
                width=max(self.x(segment.last_seconds) - self.x(segment.first_seconds), 1.0),
            )
            for found in finding.tracks
            for segment in found.segments
            if segment.component == component
        )

    def identity_panel(self, report: Report) -> Iterator[Panel]:
        """How like its person's typical face (a robust mean) each face is: a signal of its own, no score."""
        cosines = [face.identity_similarity for face in report.faces]
        yield from self._similarity_panel(IDENTITY_TITLE, report, cosines, note=SIGNAL_NOTE)

    def reference_panel(self, report: Report) -> Iterator[Panel]:
        """How like the reference person each face is, with the operating point and the margin around it."""
        if report.reference is None:
            return
        point, margin = report.reference.operating_point, report.reference.margin
        limits = (
            (point - margin, "not consistent below"),
            (point, "operating point"),
            (point + margin, "consistent from"),
        )
        cosines = [face.reference_similarity for face in report.faces]
        yield from self._similarity_panel(REFERENCE_TITLE, report, cosines, limits=limits)

    def _similarity_panel(
        self,
        title: str,
        report: Report,
        cosines: Sequence[float | None],
        *,
        limits: Sequence[tuple[float, str]] = (),
        note: str = "",
    ) -> Iterator[Panel]:
        """One cosine per row of `report.faces`, `None` for faces too poor to tell."""
        points: dict[int, list[Point]] = {}
        for face, cosine in zip(report.faces, cosines, strict=True):
            point = Point(face.frame_index, face.pts_seconds, cosine, None)
            points.setdefault(face.track, []).append(point)
        low, high = value_range(cosines, (_HIGHEST_COSINE, *(limit for limit, _ in limits)))
        lines = tuple(
            self._line(person.name, person.id, points[person.id], low, high)
            for person in report.people
            if any(point.value is not None for point in points.get(person.id, ()))
        )
        if lines:
            thresholds = tuple(
                Level(height_of(limit, low, high), f"{name} {limit:.3f}") for limit, name in limits
            )
            # The panel has room for dots at its highest value; no cosine is there.
            ticks = levels(low, high, highest=_HIGHEST_COSINE)
            yield Panel(title, "cosine", low, high, ticks, thresholds, lines, (), self.faceless_path(), note)

    def _line(self, name: str, track: int | None, points: list[Point], low: float, high: float) -> Line:
        ordered = sorted(points, key=lambda point: point.seconds)
        given = [point for point in ordered if point.value is not None]
        silent = [point for point in ordered if point.value is None and point.reason is not None]
        shown = thinned(given)
        steps = [after.seconds - before.seconds for before, after in pairwise(shown)]
        longest = GAP_STEPS * float(np.median(steps)) if steps else 0.0
        path, dots = [], []
        for number, point in enumerate(shown):
            assert point.value is not None
            place = f"{self.x(point.seconds):g} {height_of(point.value, low, high):g}"
            broken = number == 0 or point.seconds - shown[number - 1].seconds > longest
            path.append(f"{'M' if broken else 'L'}{place}")
            # Not of length 0, which some printers of SVG leave out.
            dots.append(f"M{place}h.01")
        ticks = "".join(f"M{self.x(point.seconds):g} {HEIGHT - 6:g}v6" for point in silent[:MAX_POINTS])
        kept = sorted((*shown, *silent[:MAX_POINTS]), key=lambda point: point.seconds)
        return Line(name, track, tuple(kept), "".join(path), "".join(dots), ticks)


def _limits(thresholds: Thresholds | None) -> tuple[tuple[float, str], ...]:
    """The thresholds to draw with what they mean; a bare one is one line."""
    if thresholds is None:
        return ()
    cue = (thresholds.cue, "cue at or above")
    return ((thresholds.clear, "no cue at or below"), cue) if thresholds.has_margin else (cue,)
