"""Reports of a chosen series of scores, for what renders them."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

import cv2
import media
import numpy as np
from stubs import StubDetector, stub_models

from forensics.aggregate import find_in_track, find_in_video
from forensics.pipeline import analyze_video
from forensics.report.model import Report
from forensics.report.people import Person, person_name
from forensics.report.rows import DetectorScore, FacePicture, FaceRow, FrameRow
from forensics.report.verdict import conclude
from forensics.sampled_frames import SampledFrames
from forensics.scores import Abstention, FrameScores, ScoreKind
from forensics.settings import AnalysisSettings
from video.sampling import Sampling

STEP_SECONDS = 0.25


@cache
def _base() -> Report:
    """A real report of four frames of a generated clip with one person."""
    settings = AnalysisSettings(sampling=Sampling.all(), detectors=("a",), device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        clip = media.h264(Path(folder) / "clip.mp4", count=4)
        return analyze_video(clip, stub_models(StubDetector("a", lambda index: 0.0)), settings)


def detector_score(
    score: float | None, components: Mapping[str, float] = MappingProxyType({})
) -> DetectorScore:
    """The word of detector "a": a score with its components, or that the face was blurred."""
    if score is None:
        return DetectorScore("a", None, None, Abstention.BLURRED.value)
    return DetectorScore("a", score, float(1 / (1 + np.exp(-score))), None, components=dict(components))


def frame(number: int, seconds: float) -> FrameRow:
    return FrameRow(number, round(seconds * 1000), "1/1000", seconds, 0, ())


def face(number: int, seconds: float, said: DetectorScore, *, track: int = 0) -> FaceRow:
    row = _base().faces[0]
    at = {"frame_index": number, "pts": round(seconds * 1000), "time_base": "1/1000", "pts_seconds": seconds}
    return replace(row, **at, track=track, identity_similarity=None, scores=(said,))


def picture(track: int, number: int) -> FacePicture:
    """A grey JPEG, brighter for later frames."""
    data = cv2.imencode(".jpg", np.full((112, 112, 3), 40 + number % 200, np.uint8))[1].tobytes()
    return FacePicture(track, number, base64.b64encode(data).decode("ascii"))


def report_of(
    *people: Sequence[float | None],
    pictures: bool = False,
    components: Mapping[str, Sequence[float]] = MappingProxyType({}),
) -> Report:
    """A report in which each person was seen in every sampled frame with these scores by detector "a".

    `components` are those of each frame, the same for everybody.
    """
    base = _base()
    count = max((len(scores) for scores in people), default=4)
    seconds = np.arange(count) * STEP_SECONDS
    rows = [
        face(
            number,
            float(seconds[number]),
            detector_score(scores[number], {name: of[number] for name, of in components.items()}),
            track=track,
        )
        for number in range(count)
        for track, scores in enumerate(people)
        if number < len(scores)
    ]
    run = base.detectors[0]
    assert run.thresholds is not None
    frame_index = np.array([row.frame_index for row in rows], np.int64)
    given = np.array(
        [np.nan if row.scores[0].score is None else row.scores[0].score for row in rows], np.float64
    )
    track_ids = np.array([row.track for row in rows], np.int64)
    reasons = tuple(None if np.isfinite(score) else Abstention.BLURRED for score in given)
    parts = {
        name: np.array([row.scores[0].components.get(name, np.nan) for row in rows], np.float64)
        for name in components
    }
    scores = FrameScores("a", ScoreKind.LOGIT, given, None, frame_index, track_ids, reasons, components=parts)
    sampled = SampledFrames(np.arange(count), seconds, np.zeros(count, np.int64))
    found = tuple(
        find_in_track(scores, track, run.thresholds, sampled=sampled) for track in range(len(people))
    )
    runs = (replace(run, finding=find_in_video("a", found)),)
    return replace(
        base,
        detectors=runs,
        people=tuple(_person(base.people[0], track, len(scores)) for track, scores in enumerate(people)),
        verdict=conclude(runs),
        frames=tuple(frame(number, float(seconds[number])) for number in range(count)),
        faces=tuple(rows),
        pictures=tuple(picture(row.track, row.frame_index) for row in rows) if pictures else (),
    )


def _person(like: Person, track: int, count: int) -> Person:
    last = count - 1
    return replace(
        like,
        id=track,
        name=person_name(track),
        first_index=0,
        last_index=last,
        first_seconds=0.0,
        last_seconds=last * STEP_SECONDS,
        detections=count,
    )


def report_with_part() -> Report:
    """One person at a steady score, whom the fake prompt takes for fake from 4.00 to 6.75 s."""
    parts = {"fake": [-3.0] * 16 + [-0.5] * 12 + [-3.0] * 12, "generated": [0.75] * 40}
    return report_of([-1.5] * 40, components=parts)
