"""The timeline of a report as shapes: what is drawn where, thinned so that hours stay light."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from forensics.detector import Scope
from forensics.findings import Thresholds
from forensics.identity_drift import SIGNAL_NOTE
from forensics.report.model import DetectorRun, Report, person_name
from forensics.report.words import MARKS, clock_time

# Time runs from 0 to WIDTH across every panel; the page stretches it to whatever room there is.
WIDTH = 10_000.0
HEIGHT = 150.0
# Points of one line. More cannot be told apart on a screen; the tables hold all of them.
MAX_POINTS = 1_200
# A line breaks where the next point is this many usual steps away.
GAP_STEPS = 2.5
IDENTITY_TITLE = "identity: similarity of each face to its person's typical face"
REFERENCE_TITLE = "reference: similarity of each face to the reference person"
_HIGHEST_COSINE = 1.0
_TICK_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_MAX_TIME_TICKS = 8
_MAX_VALUE_TICKS = 5


@dataclass(frozen=True)
class Point:
    """One value on a line: `value` is `None` where the detector abstained for `reason`."""

    frame_index: int
    seconds: float
    value: float | None
    reason: str | None


@dataclass(frozen=True)
class Line:
    """One person's (or the picture's) values over time, with the paths that draw them."""

    name: str
    track: int | None
    points: tuple[Point, ...]
    path: str
    dots: str
    silent: str


@dataclass(frozen=True)
class Band:
    """A segment as a box across the panel."""

    name: str
    track: int | None
    kind: str
    left: float
    width: float


@dataclass(frozen=True)
class Level:
    """A horizontal line with its label: a threshold or a tick."""

    y: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One chart of the timeline: `low` and `high` are the values at its bottom and top."""

    title: str
    unit: str
    low: float
    high: float
    ticks: tuple[Level, ...]
    thresholds: tuple[Level, ...]
    lines: tuple[Line, ...]
    bands: tuple[Band, ...]
    faceless: str
    note: str = ""


@dataclass(frozen=True)
class Timeline:
    """All panels over the same span of time; `cuts` are shot boundaries between 0 and the width.

    `faceless` are frames that were looked at and show no face, `(frame_index, seconds)`.
    """

    first_seconds: float
    last_seconds: float
    ticks: tuple[tuple[float, str], ...]
    cuts: tuple[float, ...]
    faceless: tuple[tuple[int, float], ...]
    panels: tuple[Panel, ...]

    @property
    def has_whole_frame(self) -> bool:
        """Whether a line is that of whole frames."""
        return any(line.track is None for panel in self.panels for line in panel.lines)

    @property
    def marks(self) -> tuple[str, ...]:
        """The kinds of marks that are drawn, in the order of `words.MARKS`, their key."""
        drawn = {band.kind for panel in self.panels for band in panel.bands}
        drawn |= {"threshold" for panel in self.panels if panel.thresholds}
        drawn |= {"silent" for panel in self.panels for line in panel.lines if line.silent}
        drawn |= {"faceless" for panel in self.panels if panel.faceless}
        drawn |= {"cut" for _ in self.cuts}
        return tuple(kind for kind in MARKS if kind in drawn)


def timeline(report: Report, *, width: float = WIDTH) -> Timeline | None:
    """The timeline of a report from 0 to `width`, `None` without a line or for fewer than two frames."""
    if len(report.frames) < 2:
        return None
    first, last = _span(report)
    drawing = _Drawing(first, last, width, _faceless(report))
    panels = [drawing.panel(report, run) for run in report.detectors if run.finding is not None]
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
            rows = [("whole frame", None, list(_frame_points(report, run.name)))]
        else:
            points = _face_points(report, run.name)
            rows = [(person.name, person.id, points.get(person.id, [])) for person in report.people]
        limits = _limits(run.thresholds)
        values = [point.value for _, _, points in rows for point in points]
        low, high = _range(values, [limit for limit, _ in limits])
        bands = tuple(
            Band(
                name="whole frame" if found.track is None else person_name(found.track),
                track=found.track,
                kind=segment.kind.value,
                left=self.x(segment.first_seconds),
                width=max(self.x(segment.last_seconds) - self.x(segment.first_seconds), 1.0),
            )
            for found in run.finding.tracks
            for segment in found.segments
        )
        return Panel(
            title=f"{run.name}: score of {'the whole frame' if run.scope is Scope.FRAME else 'each face'}",
            unit="score" if run.score_kind is None else run.score_kind.value,
            low=low,
            high=high,
            ticks=_levels(low, high),
            thresholds=tuple(Level(_y(limit, low, high), f"{name} {limit:+z.2f}") for limit, name in limits),
            lines=tuple(self._line(*row, low, high) for row in rows if row[2]),
            bands=bands,
            faceless="" if run.scope is Scope.FRAME else self.faceless_path(),
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
        low, high = _range(cosines, (_HIGHEST_COSINE, *(limit for limit, _ in limits)))
        lines = tuple(
            self._line(person.name, person.id, points[person.id], low, high)
            for person in report.people
            if any(point.value is not None for point in points.get(person.id, ()))
        )
        if lines:
            thresholds = tuple(Level(_y(limit, low, high), f"{name} {limit:.3f}") for limit, name in limits)
            # The panel has room for dots at its highest value; no cosine is there.
            ticks = _levels(low, high, highest=_HIGHEST_COSINE)
            yield Panel(title, "cosine", low, high, ticks, thresholds, lines, (), self.faceless_path(), note)

    def _line(self, name: str, track: int | None, points: list[Point], low: float, high: float) -> Line:
        ordered = sorted(points, key=lambda point: point.seconds)
        given = [point for point in ordered if point.value is not None]
        silent = [point for point in ordered if point.value is None and point.reason is not None]
        shown = _thinned(given)
        steps = [after.seconds - before.seconds for before, after in pairwise(shown)]
        longest = GAP_STEPS * float(np.median(steps)) if steps else 0.0
        path, dots = [], []
        for number, point in enumerate(shown):
            assert point.value is not None
            place = f"{self.x(point.seconds):g} {_y(point.value, low, high):g}"
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


def _frame_points(report: Report, detector: str) -> Iterator[Point]:
    for row in report.frames:
        for score in row.scores:
            if score.detector == detector:
                yield Point(row.frame_index, row.pts_seconds, score.score, score.abstained)


def _face_points(report: Report, detector: str) -> dict[int, list[Point]]:
    points: dict[int, list[Point]] = {}
    for row in report.faces:
        for score in row.scores:
            if score.detector == detector:
                point = Point(row.frame_index, row.pts_seconds, score.score, score.abstained)
                points.setdefault(row.track, []).append(point)
    return points


def _thinned(points: list[Point]) -> list[Point]:
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


def _range(values: Iterable[float | None], limits: Iterable[float]) -> tuple[float, float]:
    known = [value for value in values if value is not None] + list(limits) or [0.0]
    low, high = min(known), max(known)
    margin = max((high - low) * 0.08, 0.05)
    return low - margin, high + margin


def _levels(low: float, high: float, *, highest: float = np.inf) -> tuple[Level, ...]:
    """Round values between `low` and `high` for the axis, none above `highest`."""
    raw = (high - low) / _MAX_VALUE_TICKS
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    values = (np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step).round(6)
    return tuple(
        Level(_y(float(value), low, high), f"{float(value) + 0.0:g}") for value in values if value <= highest
    )


def _y(value: float, low: float, high: float) -> float:
    return round((high - value) / (high - low) * HEIGHT, 1)
