"""The shapes in which decoded video travels: what a file is, its frames, their batches and shots."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Timed(Generic[T_co]):
    """A frame with its number in presentation order (from 0) and its exact presentation time.

    `shot` is the number of its shot, from 0; 0 where shots have not been looked for.
    """

    index: int
    seconds: Fraction
    frame: T_co
    shot: int = 0


@dataclass(frozen=True)
class Shot:
    """Where a shot begins: number and presentation time of its first frame. It lasts until the next one."""

    first_index: int
    first_seconds: float


@dataclass(frozen=True)
class VideoInfo:
    """What the container and the chosen stream declare, before any frame is decoded.

    `width` and `height` are those of the frames a reader delivers: rotated upright, with square pixels.
    The stored picture was mirrored left to right if `mirrored`, then turned clockwise by
    `rotation_degrees`. `frame_count` and `duration_seconds` are declarations, not measurements, and `None`
    where the container makes none. `still` says that it is an image file, a video of one frame.
    """

    path: Path
    container: str
    codec: str
    width: int
    height: int
    rotation_degrees: int
    frame_rate: Fraction | None
    time_base: Fraction
    frame_count: int | None
    duration_seconds: float | None
    has_audio: bool
    stream_index: int
    mirrored: bool = False
    still: bool = False


@dataclass(frozen=True)
class FrameBatch:
    """Consecutive sampled frames of one size.

    `data` is [T, H, W, 3] uint8 RGB; `index` [T] int64 counts every decoded frame of the file in
    presentation order from 0; `pts` [T] int64 are presentation times in units of `time_base` seconds;
    `shot` [T] int64 are the numbers of their shots, from 0 and never falling: all 0 if not given.
    """

    data: npt.NDArray[np.uint8]
    index: npt.NDArray[np.int64]
    pts: npt.NDArray[np.int64]
    time_base: Fraction
    shot: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        if not len(self.shot):
            object.__setattr__(self, "shot", np.zeros(len(self.data), np.int64))
        if self.data.ndim != 4 or self.data.shape[3] != 3 or self.data.dtype != np.uint8:
            raise ValueError(f"frames must be [T,H,W,3] uint8, not {self.data.shape} {self.data.dtype}")
        for name in ("index", "pts", "shot"):
            values = getattr(self, name)
            if values.shape != (len(self.data),) or values.dtype != np.int64:
                raise ValueError(
                    f"{name} must be [{len(self.data)}] int64, not {values.shape} {values.dtype}"
                )
        if len(self.shot) and (self.shot[0] < 0 or (np.diff(self.shot) < 0).any()):
            raise ValueError(f"shots count from 0 and never fall: {self.shot.tolist()}")

    @property
    def pts_seconds(self) -> npt.NDArray[np.float64]:
        """[T] float64 presentation times in seconds, each rounded once from the exact rational."""
        return np.array([float(int(pts) * self.time_base) for pts in self.pts], dtype=np.float64)

    def __len__(self) -> int:
        return len(self.data)

    def part(self, first: int, last: int) -> FrameBatch:
        """The frames from position `first` up to, but not with, `last`; the same pixels, not copied."""
        own = slice(first, last)
        return FrameBatch(self.data[own], self.index[own], self.pts[own], self.time_base, self.shot[own])

    def __repr__(self) -> str:
        return f"FrameBatch(data={list(self.data.shape)}, index={self.index.tolist()})"


@dataclass(frozen=True)
class Delivery:
    """What a reader really gave, known once it is exhausted.

    `decoded` counts the frames that came out of the decoder, `sampled` those that were handed on,
    `declared` what the container promised (`None` where it promised nothing). `warnings` are sentences
    for the report: a shortfall, an odd rotation, a tone-mapped transfer, a change of size. `shots` are
    all that were met, in order; the first begins with the file's first frame.
    """

    declared: int | None
    decoded: int
    sampled: int
    warnings: tuple[str, ...]
    shots: tuple[Shot, ...] = ()
