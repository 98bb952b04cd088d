"""A video that another process decodes: its answers, and the frames copied out of the shared ring."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from video.errors import VideoError, printable
from video.frames import FrameBatch, VideoInfo
from video.messages import Closed, CloseFile, Deliver, Ended, Failed, NeedsRoom, Opened, Pictured, Room, Taken
from video.reader import Limits, ReaderBase
from video.ring import RingShape
from video.worker_process import Job, Patience, WorkerProcess

LOGGER = logging.getLogger(__name__)
# A reader left early stops at its next frame; starting a process anew costs about as much.
CLOSING_PATIENCE = Patience(progress_seconds=1.0)


class IsolatedReader(ReaderBase):
    """A file that a decoding process has open; see `VideoReader`.

    Closing it hands the process to `give_back`, whether it still runs or not.
    """

    def __init__(
        self,
        worker: WorkerProcess,
        job: Job,
        opened: Opened,
        *,
        limits: Limits,
        give_back: Callable[[WorkerProcess], None],
    ) -> None:
        self._worker = worker
        self._hand_over = give_back
        self._job = job
        self._limits = limits
        self._info = replace(opened.info, path=job.path)
        self._warnings: tuple[str, ...] = ()
        self._started = False
        self._given_back = False
        self._warn(opened.warnings)

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._warnings

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """See `VideoReader.batches`."""
        if self._started:
            raise RuntimeError("the frames of a reader can be read once")
        if size < 1:
            raise ValueError(f"a batch holds at least 1 frame, not {size}")
        self._started = True
        frames = _Gathered(size, self._info.time_base)
        self._worker.ask(Deliver())
        while not isinstance(answer := self._worker.answer(self._job), Ended):
            if isinstance(answer, Pictured):
                yield from self._taken(answer, frames)
            elif isinstance(answer, NeedsRoom):
                self._make_room(answer)
            elif isinstance(answer, Failed):
                raise self._worker.failure(answer, self._job)
            else:
                raise self._worker.nonsense(self._job)
        yield from frames.rest()
        self._warn(answer.warnings)
        self._delivery = answer.delivery

    def close(self) -> None:
        """Give the process back; while it still decodes, stop it first."""
        if self._given_back:
            return
        self._given_back = True
        try:
            self._stop()
        except BaseException as error:
            self._worker.kill()
            if not isinstance(error, VideoError):
                raise
        finally:
            self._hand_over(self._worker)

    def _stop(self) -> None:
        if self._worker.alive:
            self._worker.ask(CloseFile())
            job = Job(self._job.path, CLOSING_PATIENCE)
            while not isinstance(self._worker.answer(job), Closed):
                pass

    def _make_room(self, answer: NeedsRoom) -> None:
        if not 0 < answer.frame_bytes <= self._limits.max_pixels * 3:
            raise self._worker.nonsense(self._job)
        shape = RingShape.fitting(answer.frame_bytes)
        self._worker.ring.resize(shape)
        self._worker.ask(Room(shape))

    def _taken(self, answer: Pictured, frames: _Gathered) -> Iterator[FrameBatch]:
        self._warn(answer.warnings)
        try:
            picture = self._worker.ring.frame(answer.slot, answer.height, answer.width)
            closed = [*frames.add(picture, answer)]
        except (ValueError, OverflowError) as error:
            raise self._worker.nonsense(self._job) from error
        del picture
        self._worker.ask(Taken(answer.slot))
        yield from closed

    def _warn(self, sentences: tuple[str, ...]) -> None:
        for sentence in sentences:
            LOGGER.warning("%s: %s", printable(self._job.path), sentence)
        self._warnings += sentences


class _Gathered:
    """Frames copied out of the ring into batches, as `video.batching.Batcher` makes them."""

    def __init__(self, size: int, time_base: Fraction) -> None:
        self._size = size
        self._time_base = time_base
        self._data = np.empty((0, 0, 0, 3), np.uint8)
        self._places: list[tuple[int, int, int]] = []

    def add(self, picture: npt.NDArray[np.uint8], said: Pictured) -> Iterator[FrameBatch]:
        """Copy one [H,W,3] frame; gives the batches that it closes or completes."""
        if self._places and self._data.shape[1:] != picture.shape:
            yield from self.rest()
        if not self._places:
            self._data = np.empty((self._size, *picture.shape), np.uint8)
        self._data[len(self._places)] = picture
        self._places.append((said.index, said.pts, said.shot))
        if len(self._places) == self._size:
            yield from self.rest()

    def rest(self) -> Iterator[FrameBatch]:
        """The frames not yet given, if any."""
        if not self._places:
            return
        data = self._data[: len(self._places)]
        index, pts, shot = np.array(self._places, np.int64).T.copy()
        self._places = []
        yield FrameBatch(data, index, pts, self._time_base, shot)
