"""The named treatments of a robustness sweep, each applied to a temporary copy of what is evaluated."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from forensics.data.compress import h264_still, jpeg
from forensics.errors import UsageFault
from forensics.evaluation.material import Picture, is_picture, write_lossless
from video.isolated import open_video
from video.sampling import Sampling
from video.write import VideoWriter

ALL = "all"
_BATCH_FRAMES = 8
# Fine enough that every time of a file's own clock is kept as it is.
_CLOCK = Fraction(1, 90_000)
_NOISE_SEED = 7


class Treatment(StrEnum):
    """What is done to a video or picture; the values are those of `--sweep` and of the tables."""

    CRF = "crf"
    DOUBLE = "double"
    RESIZE = "resize"
    BLUR = "blur"
    NOISE = "noise"
    JPEG = "jpeg"
    FPS = "fps"

    @property
    def meaning(self) -> str:
        """The treatment and the unit of its strength in words."""
        return {
            Treatment.CRF: "encoded again as H.264 at this CRF",
            Treatment.DOUBLE: "encoded as H.264 at this CRF twice, one after the other",
            Treatment.RESIZE: "width and height times this factor, not enlarged again",
            Treatment.BLUR: "Gaussian blur with this standard deviation in pixels",
            Treatment.NOISE: "Gaussian noise with this standard deviation in levels of 255, each channel",
            Treatment.JPEG: "every frame as JPEG of this quality",
            Treatment.FPS: "so many frames a second are kept",
        }[self]


# From mild to strong, as far as shared video usually goes.
STRENGTHS: Mapping[Treatment, tuple[float, ...]] = MappingProxyType(
    {
        Treatment.CRF: (23, 28, 32, 36, 40),
        Treatment.DOUBLE: (23, 28, 32, 36),
        Treatment.RESIZE: (0.75, 0.5, 0.35, 0.25),
        Treatment.BLUR: (1, 2, 3, 4),
        Treatment.NOISE: (2, 5, 10, 20),
        Treatment.JPEG: (90, 70, 50, 30),
        Treatment.FPS: (15, 10, 5, 2),
    }
)
_ENCODING = frozenset({Treatment.CRF, Treatment.DOUBLE})


@dataclass(frozen=True)
class Condition:
    """A treatment at one strength; without a treatment the item as it is given."""

    treatment: Treatment | None = None
    strength: float = 0.0

    @property
    def name(self) -> str:
        return "as given" if self.treatment is None else f"{self.treatment.value} {self.strength:g}"

    def applies_to(self, path: Path) -> bool:
        """One picture has no frame rate."""
        return not (self.treatment is Treatment.FPS and is_picture(path))


AS_GIVEN = Condition()


def parse_sweep(words: Sequence[str]) -> tuple[Condition, ...]:
    """The conditions of `all`, of treatments (`crf`) and of treatments at chosen strengths (`crf=23,40`).

    Raises UsageFault for what is none of these and for strengths that make no sense.
    """
    chosen: dict[Condition, None] = {}
    for word in words:
        name, equals, listed = word.partition("=")
        if word == ALL:
            treatments = list(Treatment)
        elif name in list(Treatment):
            treatments = [Treatment(name)]
        else:
            raise UsageFault(
                f"--sweep {word}: choose from {', '.join([ALL, *Treatment])}, as crf or crf=23,40"
            )
        for treatment in treatments:
            strengths = _parse(word, listed) if equals else STRENGTHS[treatment]
            chosen |= {_checked(Condition(treatment, strength), word): None for strength in strengths}
    return tuple(chosen)


def _parse(word: str, listed: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in listed.split(","))
    except ValueError as error:
        raise UsageFault(f"--sweep {word}: strengths are numbers, as crf=23,40") from error


def _checked(condition: Condition, word: str) -> Condition:
    treatment, strength = condition.treatment, condition.strength
    low, high = {
        Treatment.CRF: (0.0, 51.0),
        Treatment.DOUBLE: (0.0, 51.0),
        Treatment.JPEG: (1.0, 100.0),
        Treatment.RESIZE: (0.01, 4.0),
    }.get(treatment or Treatment.FPS, (0.01, 1000.0))
    whole = treatment in _ENCODING or treatment is Treatment.JPEG
    if not (math.isfinite(strength) and low <= strength <= high) or (whole and strength % 1):
        kind = "whole numbers" if whole else "numbers"
        raise UsageFault(f"--sweep {word}: {treatment} takes {kind} from {low:g} to {high:g}")
    return condition


@contextmanager
def treated(path: Path, condition: Condition, *, sampling: Sampling) -> Iterator[Path]:
    """The file at `path` in that condition: itself, or a copy that goes again; `path` is only read.

    The copy holds the window of time of `sampling` with every frame in it at its own time, and no sound.
    Frames go through PyAV whatever the backend; where only pixels change they are stored without loss.
    Raises VideoError for a file that cannot be read.
    """
    if condition.treatment is None:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        # A Matroska file with the name that messages and reports know.
        copy = Path(folder) / f"{path.stem}.mkv"
        if is_picture(path):
            copy = copy.with_suffix(".png")
            _write_picture(path, copy, condition)
        elif condition.treatment in _ENCODING:
            _encode(path, copy, condition, _window(sampling))
            if condition.treatment is Treatment.DOUBLE:
                once, copy = copy, copy.with_name(f"{path.stem}-again.mkv")
                _encode(once, copy, condition, Sampling.all())
        else:
            _write_frames(path, copy, condition, _window(sampling))
        yield copy


def _window(sampling: Sampling) -> Sampling:
    return Sampling.all(start_seconds=sampling.start_seconds, end_seconds=sampling.end_seconds)


def _timed(path: Path, sampling: Sampling) -> Iterator[tuple[Picture, Fraction]]:
    with open_video(path, sampling=sampling) as reader:
        for batch in reader.batches(_BATCH_FRAMES):
            for picture, pts in zip(batch.data, batch.pts.tolist(), strict=True):
                # Matroska has no times below zero; what lies there is cover of an edit list.
                yield picture, max(round(pts * batch.time_base / _CLOCK), 0) * _CLOCK


def _encode(path: Path, copy: Path, condition: Condition, sampling: Sampling) -> None:
    with open_video(path) as reader:
        rate = reader.info.frame_rate or Fraction(25)
    with VideoWriter(copy, frame_rate=rate, time_base=_CLOCK, crf=int(condition.strength)) as writer:
        for picture, seconds in _timed(path, sampling):
            writer.write(picture, seconds=seconds)


def _write_frames(path: Path, copy: Path, condition: Condition, sampling: Sampling) -> None:
    if condition.treatment is Treatment.FPS:
        sampling = replace(
            Sampling.fps(condition.strength),
            start_seconds=sampling.start_seconds,
            end_seconds=sampling.end_seconds,
        )
    noise = np.random.default_rng(_NOISE_SEED)
    changed = ((_changed(picture, condition, noise), seconds) for picture, seconds in _timed(path, sampling))
    write_lossless(copy, changed, time_base=_CLOCK)


def _write_picture(path: Path, copy: Path, condition: Condition) -> None:
    ((picture, _),) = _timed(path, Sampling.all())
    again = {Treatment.CRF: 1, Treatment.DOUBLE: 2}.get(condition.treatment or Treatment.FPS, 0)
    for _ in range(again):
        picture = h264_still(picture, crf=int(condition.strength))
    if not again:
        picture = _changed(picture, condition, np.random.default_rng(_NOISE_SEED))
    cv2.imwrite(str(copy), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def _changed(picture: Picture, condition: Condition, noise: np.random.Generator) -> Picture:
    """One [H,W,3] uint8 RGB frame after a treatment of its pixels; `noise` goes on from frame to frame."""
    strength = condition.strength
    if condition.treatment is Treatment.RESIZE:
        size = [max(2, round(side * strength)) for side in (picture.shape[1], picture.shape[0])]
        how = cv2.INTER_AREA if strength < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)
    if condition.treatment is Treatment.BLUR:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), strength), np.uint8)
    if condition.treatment is Treatment.NOISE:
        noisy = picture + noise.normal(0, strength, picture.shape)
        return np.asarray(np.clip(np.round(noisy), 0, 255), np.uint8)
    if condition.treatment is Treatment.JPEG:
        return jpeg(picture, quality=int(strength))
    return picture
