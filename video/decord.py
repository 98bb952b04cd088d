"""The second reader: decord, in a process of its own, for the files that it decodes exactly."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from video.backends import LIMITATIONS, ClipKind
from video.batching import Batcher
from video.colour import is_hd
from video.errors import RefusedVideoError, UnreadableVideoError
from video.frames import Delivery, FrameBatch, VideoInfo
from video.h273 import TRANSFERS
from video.probe import Probe, probe
from video.pyav import PyAvReader
from video.reader import Limits
from video.sampling import Sampling, Timed
from video.streams import PacketScan, scan_packets
from video.tonemap import HDR_TRANSFERS

REMEDY = "use the PyAV backend"
# A frame takes milliseconds; after this long decord hangs, which it does on some files.
STALL_SECONDS = 60.0
# decord gives times as float32 seconds: an hour in, neighbours are a quarter of a millisecond apart.
TIME_TOLERANCE_SECONDS = 0.002
# What the contract tests compare with PyAV; anything else would be a guess.
TRUSTED_CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
TRUSTED_CODECS = ("h264", "hevc", "vp9")
_LIMITATIONS = LIMITATIONS["decord"]
# The empty entry is the current folder: nothing that lies beside the evidence may be imported.
_COMMAND = [
    sys.executable,
    "-c",
    "import sys; sys.path = [p for p in sys.path if p]; from video.decord_worker import main; main()",
]


class DecordReader:
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
        self._delivery: Delivery | None = None
        self._done = False
        with PyAvReader(path, sampling=sampling, limits=limits) as described:
            self._info = described.info
            self._warnings = described.warnings
        self._scan = scan_packets(path, self._info.stream_index, max_pixels=limits.max_pixels)
        limits.check_frames(path, len(self._scan.pts))
        reason = obstacle(probe(path), self._scan)
        if reason is not None:
            raise RefusedVideoError(path, f"is not for decord: {reason}", REMEDY)

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._warnings

    @property
    def delivery(self) -> Delivery:
        if self._delivery is None:
            raise RuntimeError("what was delivered is known once all batches have been read")
        return self._delivery

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """See `VideoReader.batches`."""
        if self._done:
            raise RuntimeError("the frames of a reader can be read once")
        self._done = True
        time_base, pts = self._info.time_base, self._scan.pts
        timed = [Timed(index, ticks * time_base, None) for index, ticks in enumerate(pts)]
        chosen = [frame.index for frame in self._sampling.select(timed, self._scan.duration_seconds)]
        end = self._sampling.end_seconds
        decoded = len(pts) if end is None else sum(frame.seconds < end for frame in timed)
        batcher = Batcher(size, time_base)
        with ExitStack() as stack:
            worker = stack.enter_context(DecordProcess.started(self._path, chosen, until=decoded))
            self._compare(worker.seconds)
            for index in chosen:
                picture = worker.picture()
                if picture.shape[:2] != (self._info.height, self._info.width):
                    raise self._failed(f"it gave a frame of {picture.shape[1]}x{picture.shape[0]} pixels")
                yield from batcher.add(picture, index, pts[index])
            worker.finish()
        yield from batcher.rest()
        self._delivery = Delivery(self._info.frame_count, decoded, len(chosen), self._warnings)

    def _compare(self, seconds: list[float]) -> None:
        """Refuse a file about which decord and the container disagree."""
        pts = self._scan.pts
        if len(seconds) != len(pts):
            raise self._failed(f"it counts {len(seconds)} frames where the file has {len(pts)}")
        for index, (found, ticks) in enumerate(zip(seconds, pts, strict=True)):
            if abs(found - float(ticks * self._info.time_base)) > TIME_TOLERANCE_SECONDS:
                raise self._failed(f"it puts frame {index} at {found:.3f} s")

    def _failed(self, reason: str) -> RefusedVideoError:
        return RefusedVideoError(self._path, f"is not for decord: {reason}", REMEDY)

    def close(self) -> None:
        """Nothing is held open between batches."""

    def __enter__(self) -> DecordReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


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


class DecordProcess:
    """A running `decord_worker`: the times that decord gives, and pictures one after the other."""

    def __init__(self, path: Path, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._path = path
        self._process = process
        self._errors = errors
        if process.stdout is None:
            raise ValueError("the worker's standard output must be a pipe")
        self._output = process.stdout
        first = self._words()
        if "error" in first:
            raise self._failed(first["error"])
        self.seconds: list[float] = first["seconds"]

    @classmethod
    @contextmanager
    def started(cls, path: Path, indices: list[int], *, until: int) -> Iterator[DecordProcess]:
        """Run a worker that decodes `until` frames of `path` and gives those of `indices`, ascending."""
        request = {"path": str(path.resolve()), "indices": indices, "until": until}
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=-1
            )
            with process:
                try:
                    if process.stdin is not None:
                        process.stdin.write(json.dumps(request).encode() + b"\n")
                        process.stdin.close()
                    yield cls(path, process, errors)
                finally:
                    # decord ignores polite signals while it hangs.
                    process.kill()

    def picture(self) -> npt.NDArray[np.uint8]:
        """The next picture asked for, [H,W,3] uint8 RGB."""
        size = self._words()
        shape = (size["height"], size["width"], 3)
        data = self._within_time(lambda: self._output.read(shape[0] * shape[1] * shape[2]))
        if len(data) != shape[0] * shape[1] * shape[2]:
            raise self._failed("it broke off in the middle of a frame")
        return np.frombuffer(data, dtype=np.uint8).reshape(shape)

    def finish(self) -> None:
        """Wait for the end; raises `UnreadableVideoError` where decord met damage on the way."""
        last = self._words()
        if "error" in last:
            raise self._failed(last["error"])
        complaints = self._complaints()
        if complaints:
            raise self._failed(f"{_LIMITATIONS[ClipKind.CORRUPTED]}, and reported some ({complaints})")

    def _words(self) -> dict[str, Any]:
        line = self._within_time(self._output.readline)
        if not line:
            raise self._failed(self._complaints() or "it stalled or died")
        words: dict[str, Any] = json.loads(line)
        return words

    def _within_time(self, read: Callable[[], bytes]) -> bytes:
        watchdog = threading.Timer(STALL_SECONDS, self._process.kill)
        watchdog.start()
        try:
            return read()
        finally:
            watchdog.cancel()

    def _complaints(self) -> str:
        """The last line that decord and its FFmpeg wrote to standard error."""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:200] if lines else ""

    def _failed(self, reason: str) -> UnreadableVideoError:
        return UnreadableVideoError(self._path, f"could not be read by decord: {reason}", REMEDY)
