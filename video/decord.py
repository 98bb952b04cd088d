"""The second reader: decord, in a process of its own, for the files that it decodes rightly."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

from video.backends import LIMITATIONS, ClipKind
from video.batching import Batcher
from video.colour import is_hd
from video.decord_process import REMEDY, DecordFrame, DecordProcess
from video.errors import RefusedVideoError
from video.facts import Probe
from video.frames import Delivery, FrameBatch, Shot, Timed, VideoInfo
from video.h273 import TRANSFERS
from video.probe import probe
from video.pyav import PyAvReader
from video.reader import Limits, ReaderBase
from video.sampling import Sampling
from video.shots import DELAY_FRAMES, small_size, with_shots
from video.sizes import size_change
from video.spread import shot_spans
from video.streams import PacketScan, scan_packets
from video.tonemap import HDR_TRANSFERS

# decord gives times as float32 seconds: an hour in, neighbours are a quarter of a millisecond apart.
TIME_TOLERANCE_SECONDS = 0.002
# What the contract tests compare with PyAV; anything else would be a guess.
TRUSTED_CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
TRUSTED_CODECS = ("h264", "hevc", "vp9")
# decord pads rows to 32 pixels; where that is a whole number of times the width, it gives the padding too,
# as more channels. Its worker notices other widths, if there are any.
PADDED_WIDTHS = (2, 4, 6, 8, 12, 16, 24, 48, 72)
_LIMITATIONS = LIMITATIONS["decord"]


class DecordReader(ReaderBase):
    """Reads a video through decord; see `VideoReader`.

    PyAV opens the file first: it checks formats and limits, tells what decord cannot do, and gives the
    exact times, with which those of decord must agree. Raises `RefusedVideoError` for a file of a kind in
    `LIMITATIONS`, and while reading where decord reports damage, stalls or dies.
    """

    def __init__(self, path: Path, *, sampling: Sampling, limits: Limits) -> None:
        # Looked for, not imported: see `video.decord_worker`.
        if find_spec("decord") is None:
            raise RefusedVideoError(path, "decord is not installed here", REMEDY)
        self._path = path
        self._sampling = sampling
        self._done = False
        with PyAvReader(path, sampling=sampling, limits=limits) as described:
            self._info = described.info
            self._warnings = described.warnings
        self._scan = scan_packets(path, self._info.stream_index, max_pixels=limits.max_pixels)
        limits.check_frames(path, len(self._scan.pts))
        reason = obstacle(probe(path), self._scan) or self._size_obstacle(limits)
        if reason is not None:
            raise RefusedVideoError(path, f"is not for decord: {reason}", REMEDY)

    def _size_obstacle(self, limits: Limits) -> str | None:
        """What only the pictures tell, so it is looked for last."""
        if self._info.width in PADDED_WIDTHS:
            return _LIMITATIONS[ClipKind.PADDED_ROWS]
        change = size_change(self._path, self._info.stream_index, max_pixels=limits.max_pixels)
        return None if change is None else _LIMITATIONS[ClipKind.SIZE_CHANGE]

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._warnings

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """See `VideoReader.batches`."""
        if self._done:
            raise RuntimeError("the frames of a reader can be read once")
        self._done = True
        timed = [Timed(index, self._seconds(index), None) for index in range(len(self._scan.pts))]
        spans = None
        if self._sampling.needs_spans:
            # The pictures are looked at twice: first for the shots, then for the frames to be chosen in them.
            timed = [Timed(each.index, each.seconds, None, each.shot) for each in self._frames([], [])]
            spans = shot_spans(self._sampling.window(timed))
        chosen = [frame.index for frame in self._sampling.select(timed, spans)]
        batcher = Batcher(size, self._info.time_base)
        shots: list[Shot] = []
        for frame in self._frames(chosen, shots):
            picture = frame.frame.picture
            if picture is None:
                continue
            if picture.shape[:2] != (self._info.height, self._info.width):
                raise self._failed(f"it gave a frame of {picture.shape[1]}x{picture.shape[0]} pixels")
            yield from batcher.add(picture, frame.index, self._scan.pts[frame.index], frame.shot)
        yield from batcher.rest()
        self._delivery = Delivery(
            self._info.frame_count, self._until(), len(chosen), self._warnings, tuple(shots)
        )

    def _frames(self, chosen: list[int], shots: list[Shot]) -> Iterator[Timed[DecordFrame]]:
        """The frames up to the end of the window, with pictures of the `chosen`; new shots join `shots`."""
        width, height = small_size(self._info.width, self._info.height)
        with DecordProcess.started(self._path, chosen, until=self._until(), small=(height, width)) as worker:
            self._compare(worker.seconds)
            frames = (
                Timed(index, self._seconds(index), frame) for index, frame in enumerate(worker.frames())
            )
            # PySceneDetect wants BGR.
            for frame in with_shots(frames, lambda each: each.small[..., ::-1], shots):
                yield frame
                if self._is_past_end(frame.index):
                    break
            # Damage is reported with the last frame.
            for _ in frames:
                pass

    def _until(self) -> int:
        """How many frames are decoded: to the first one after the window and as far as judging that takes."""
        inside = sum(not self._is_past_end(index) for index in range(len(self._scan.pts)))
        return min(len(self._scan.pts), inside + 1 + DELAY_FRAMES)

    def _is_past_end(self, index: int) -> bool:
        end = self._sampling.end_seconds
        return end is not None and self._seconds(index) >= end

    def _seconds(self, index: int) -> Fraction:
        return self._scan.pts[index] * self._info.time_base

    def _compare(self, starts: list[float]) -> None:
        """Refuse a file where the frames begin elsewhere than at `starts`, the seconds that decord gives."""
        pts = self._scan.pts
        if len(starts) != len(pts):
            raise self._failed(f"it counts {len(starts)} frames where the file has {len(pts)}")
        for index, found in enumerate(starts):
            seconds = float(self._seconds(index))
            if abs(found - seconds) > TIME_TOLERANCE_SECONDS:
                raise self._failed(f"it puts frame {index} at {found:.3f} s, the file at {seconds:.3f} s")

    def _failed(self, reason: str) -> RefusedVideoError:
        return RefusedVideoError(self._path, f"is not for decord: {reason}", REMEDY)


def obstacle(facts: Probe, scan: PacketScan) -> str | None:
    """Why decord is not given this file; `None` where nothing known stands against it."""
    missing = facts.frame_count is not None and len(scan.pts) + scan.discarded < facts.frame_count
    obstacles = {
        ClipKind.AV1: facts.codec == "av1",
        ClipKind.AVI: facts.container == "avi",
        ClipKind.TRANSPORT_STREAM: facts.container == "mpegts",
        ClipKind.MIRRORED: facts.mirrored,
        ClipKind.EDIT_LIST: scan.discarded > 0,
        ClipKind.ANAMORPHIC: facts.sample_aspect_ratio not in (None, 1),
        ClipKind.UNDECLARED_HD: facts.colour.matrix is None and is_hd(facts.width, facts.height),
        ClipKind.INTERLACED: facts.field_order not in (None, "progressive"),
        ClipKind.HDR: facts.colour.transfer in {TRANSFERS[code] for code in HDR_TRANSFERS},
        ClipKind.SEVERAL_STREAMS: sum(stream.kind == "video" for stream in facts.streams) > 1,
        ClipKind.TRUNCATED: missing,
    }
    for kind, applies in obstacles.items():
        if applies:
            return _LIMITATIONS[kind]
    if facts.container not in TRUSTED_CONTAINERS or facts.codec not in TRUSTED_CODECS:
        return f"it has not been compared with others on {facts.codec} in {facts.container}"
    return "frames without times" if scan.untimed else None
