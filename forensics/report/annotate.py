"""Writes `annotated.mp4`: the evidence with boxes, names and scores, at its own times and with its sound."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from forensics.detector import Scope
from forensics.report.model import Report
from forensics.report.rows import FaceRow
from forensics.report.verdict import DetectorRun
from video.audio import AudioTrack
from video.isolated import open_video
from video.reader import Limits
from video.sampling import Sampling
from video.write import VideoWriter

FILE_NAME = "annotated.mp4"
# Okabe and Ito's colours, which colour-blind readers tell apart; the page uses the same order.
COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))
# A box is shown from its frame until the person's next one, at most for so long and never across a cut.
HOLD_SECONDS = 1.0
STRIP_PIXELS = 72
# Where no rate is declared; the times come from the evidence either way.
USUAL_FRAME_RATE = Fraction(25)
_READ_AHEAD_FRAMES = 8
_INK, _PAPER, _RULE = (235, 235, 235), (24, 24, 24), (130, 130, 130)
_FONT = cv2.FONT_HERSHEY_SIMPLEX

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Seen:
    """One face of a person at a time, with its score if it has one."""

    seconds: float
    box: tuple[float, float, float, float]
    score: float | None


@dataclass(frozen=True)
class _Drawer:
    """What to draw at any time: every person's faces in order of time, and the scale of the scores."""

    run: DetectorRun | None
    people: dict[int, tuple[str, list[_Seen]]]
    first_seconds: float
    last_seconds: float
    shot_starts: tuple[float, ...]

    @staticmethod
    def of(report: Report) -> _Drawer:
        run = next((run for run in report.detectors if run.scope is Scope.FACE and run.finding), None)
        people: dict[int, tuple[str, list[_Seen]]] = {
            person.id: (person.name, []) for person in report.people
        }
        for row in report.faces:
            seen = _Seen(row.pts_seconds, row.box_xyxy, _score(row, run))
            people[row.track][1].append(seen)
        first, last = report.frames[0].pts_seconds, report.frames[-1].pts_seconds
        starts = tuple(shot.first_seconds for shot in report.evidence.delivery.shots)
        return _Drawer(run, people, first, last, starts)

    def draw(self, picture: Image, seconds: float) -> Image:
        """The picture with the boxes of that moment and the strip of scores below it."""
        height, width = picture.shape[:2]
        canvas = np.full((height + STRIP_PIXELS, width, 3), _PAPER, np.uint8)
        canvas[:height] = picture
        for track, (name, faces) in self.people.items():
            place = bisect_right(faces, seconds, key=lambda seen: seen.seconds) - 1
            if place >= 0 and self._holds(faces[place].seconds, seconds):
                _draw_box(canvas[:height], faces[: place + 1], name, COLOURS[track % len(COLOURS)])
        self._draw_strip(canvas[height:], seconds)
        return canvas

    def _holds(self, seen: float, now: float) -> bool:
        """Whether a face of the time `seen` still lies where it was: not for long, and in the same shot."""
        same_shot = bisect_right(self.shot_starts, seen) == bisect_right(self.shot_starts, now)
        return same_shot and now - seen <= HOLD_SECONDS

    def _draw_strip(self, strip: Image, now: float) -> None:
        """Every person's scores so far, with the thresholds, over the time of the whole analysis."""
        known = [seen.score for _, faces in self.people.values() for seen in faces if seen.score is not None]
        limits = (
            [self.run.thresholds.clear, self.run.thresholds.cue] if self.run and self.run.thresholds else []
        )
        if not known:
            return
        low, high = min([*known, *limits]) - 0.5, max([*known, *limits]) + 0.5
        height, width = strip.shape[:2]
        span = max(self.last_seconds - self.first_seconds, 1e-3)

        def at(seconds: float, score: float) -> tuple[int, int]:
            x = (seconds - self.first_seconds) / span * (width - 1)
            return round(x), round((high - score) / (high - low) * (height - 1))

        for limit in limits:
            cv2.line(strip, at(self.first_seconds, limit), at(self.last_seconds, limit), _RULE, 1)
        for track, (_, faces) in self.people.items():
            shown = [seen for seen in faces if seen.score is not None and seen.seconds <= now]
            points = np.array([at(seen.seconds, seen.score or 0.0) for seen in shown], np.int32).reshape(
                -1, 1, 2
            )
            cv2.polylines(strip, [points], False, COLOURS[track % len(COLOURS)], 2, cv2.LINE_AA)
        x, _ = at(now, low)
        cv2.line(strip, (x, 0), (x, height - 1), _INK, 1)


def annotate(evidence: Path, report: Report, folder: Path, *, limits: Limits, backend: str) -> Path:
    """Write the annotated video of `report`, which was made from the file `evidence`.

    A frame of another size than the first is fitted into it. The sound is kept. Raises VideoError where the
    evidence cannot be read any more.
    """
    path = folder / FILE_NAME
    drawer = _Drawer.of(report)
    size: tuple[int, int] | None = None
    with (
        open_video(evidence, sampling=Sampling.all(), limits=limits, backend=backend) as reader,
        AudioTrack(evidence) as sound,
        VideoWriter(
            path,
            frame_rate=reader.info.frame_rate or USUAL_FRAME_RATE,
            time_base=reader.info.time_base,
            sound=sound,
        ) as writer,
    ):
        for batch in reader.batches(_READ_AHEAD_FRAMES):
            for frame, pts in zip(batch.data, batch.pts.tolist(), strict=True):
                height, width = frame.shape[:2]
                size = size or (width, height)
                fitted = frame if (width, height) == size else _fitted(frame, *size)
                seconds = pts * batch.time_base
                writer.write(drawer.draw(fitted, float(seconds)), seconds=seconds)
    return path


def _score(row: FaceRow, run: DetectorRun | None) -> float | None:
    return next((score.score for score in row.scores if run and score.detector == run.name), None)


def _draw_box(picture: Image, faces: list[_Seen], name: str, colour: tuple[int, int, int]) -> None:
    """The latest box with the person's letter, this face's score and the mean so far."""
    now = faces[-1]
    x1, y1, x2, y2 = (round(value) for value in now.box)
    height, width = picture.shape[:2]
    scale = max(height, width) / 1600 + 0.25
    cv2.rectangle(picture, (x1, y1), (x2, y2), colour, max(1, round(2 * scale)))
    known = [seen.score for seen in faces if seen.score is not None]
    said = "no score" if now.score is None else f"{now.score:+z.2f}"
    mean = f" mean {np.mean(known):+z.2f}" if known else ""
    text = f"{name.removeprefix('person ')} {said}{mean}"
    (text_width, text_height), base = cv2.getTextSize(text, _FONT, scale, 1)
    left = min(max(x1, 0), max(width - text_width, 0))
    top = y1 - text_height - base - 2 if y1 > text_height + base + 2 else y2
    cv2.rectangle(picture, (left, top), (left + text_width, top + text_height + base), _PAPER, cv2.FILLED)
    cv2.putText(picture, text, (left, top + text_height), _FONT, scale, _INK, 1, cv2.LINE_AA)


def _fitted(frame: Image, width: int, height: int) -> Image:
    """The frame shrunk or grown into the first one's size, its shape kept, black around it."""
    scale = min(width / frame.shape[1], height / frame.shape[0])
    inner = cv2.resize(frame, (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))))
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas
