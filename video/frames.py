"""The shapes in which decoded video travels: what a file is, and batches of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class VideoInfo:
    """What the container and the chosen stream declare, before any frame is decoded.

    `width` and `height` are those of the frames a reader delivers: rotated upright, with square pixels.
    The stored picture was mirrored left to right if `mirrored`, then turned clockwise by
    `rotation_degrees`. `frame_count` and `duration_seconds` are declarations, not measurements, and `None`
    where the container makes none.
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


@dataclass(frozen=True)
class FrameBatch:
    """Consecutive sampled frames of one size.

    `data` is [T, H, W, 3] uint8 RGB; `index` [T] int64 counts every decoded frame of the file in
    presentation order from 0; `pts` [T] int64 are presentation times in units of `time_base` seconds.
    """

    data: npt.NDArray[np.uint8]
    index: npt.NDArray[np.int64]
    pts: npt.NDArray[np.int64]
    time_base: Fraction

    def __post_init__(self) -> None:
        if self.data.ndim != 4 or self.data.shape[3] != 3 or self.data.dtype != np.uint8:
            raise ValueError(f"frames must be [T,H,W,3] uint8, not {self.data.shape} {self.data.dtype}")
        for name in ("index", "pts"):
            values = getattr(self, name)
            if values.shape != (len(self.data),) or values.dtype != np.int64:
                raise ValueError(
                    f"{name} must be [{len(self.data)}] int64, not {values.shape} {values.dtype}"
                )

    @property
    def pts_seconds(self) -> npt.NDArray[np.float64]:
        """[T] float64 presentation times in seconds, each rounded once from the exact rational."""
        return np.array([float(int(pts) * self.time_base) for pts in self.pts], dtype=np.float64)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"FrameBatch(data={list(self.data.shape)}, index={self.index.tolist()})"


@dataclass(frozen=True)
class Delivery:
    """What a reader really gave, known once it is exhausted.

    `decoded` counts the frames that came out of the decoder, `sampled` those that were handed on,
    `declared` what the container promised (`None` where it promised nothing). `warnings` are sentences
    for the report: a shortfall, an odd rotation, a tone-mapped transfer, a change of size.
    """

    declared: int | None
    decoded: int
    sampled: int
    warnings: tuple[str, ...]
