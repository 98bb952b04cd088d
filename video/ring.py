"""Slots of memory that two processes share, for frames; it has no name that could be left behind."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Enough that neither side waits for the other's hiccups, few enough to stay small: 8 frames of 1080p
# are 50 MB.
SLOTS = 8
# Of large frames there are fewer slots, so that 8K needs no gigabyte; two let both sides work at once.
MAX_BYTES = 256 << 20
MIN_SLOTS = 2
_CLOSED = -1


@dataclass(frozen=True)
class RingShape:
    """How the memory is divided: `slots` of `slot_bytes` each."""

    slots: int
    slot_bytes: int

    def __post_init__(self) -> None:
        if self.slots < MIN_SLOTS or self.slot_bytes < 1:
            raise ValueError(f"a ring has {MIN_SLOTS} slots or more of a byte or more: {self}")

    @classmethod
    def fitting(cls, frame_bytes: int) -> RingShape:
        """The ring for frames of that size."""
        return cls(max(MIN_SLOTS, min(SLOTS, MAX_BYTES // frame_bytes)), frame_bytes)


class Ring:
    """One side's view of the shared memory behind `descriptor`; the side that made it also sizes it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._map: mmap.mmap | None = None
        self._shape: RingShape | None = None

    @classmethod
    def made(cls) -> Ring:
        """A new ring without slots yet."""
        return cls(_anonymous_file())

    @property
    def descriptor(self) -> int:
        return self._descriptor

    @property
    def shape(self) -> RingShape | None:
        return self._shape

    def resize(self, shape: RingShape) -> None:
        """Make room for `shape`, and use it; for the side that made the ring."""
        self.leave()
        if os.fstat(self._descriptor).st_size < shape.slots * shape.slot_bytes:
            os.ftruncate(self._descriptor, shape.slots * shape.slot_bytes)
        self.use(shape)

    def use(self, shape: RingShape) -> None:
        """Divide memory that is already large enough as `shape` says."""
        self.leave()
        self._map = mmap.mmap(self._descriptor, shape.slots * shape.slot_bytes)
        self._shape = shape

    def frame(self, slot: int, height: int, width: int) -> npt.NDArray[np.uint8]:
        """[H,W,3] uint8 view of a slot; let go of it before the ring changes. Raises ValueError outside."""
        count, shape = height * width * 3, self._shape
        if self._map is None or shape is None or not 0 <= slot < shape.slots:
            raise ValueError(f"there is no slot {slot}")
        if min(height, width) < 1 or count > shape.slot_bytes:
            raise ValueError(f"{width}x{height} pixels do not fit a slot of {shape.slot_bytes} bytes")
        view = np.frombuffer(self._map, np.uint8, count, slot * shape.slot_bytes)
        return view.reshape(height, width, 3)

    def leave(self) -> None:
        """Let go of the memory, keeping the descriptor."""
        if self._map is not None:
            self._map.close()
        self._map = self._shape = None

    def close(self) -> None:
        """Let go of everything; the memory is free once both sides have done so, or died."""
        self.leave()
        descriptor, self._descriptor = self._descriptor, _CLOSED
        # Its number may belong to another file by the second time.
        if descriptor != _CLOSED:
            os.close(descriptor)


def _anonymous_file() -> int:
    if sys.platform == "linux":
        import fcntl

        descriptor = os.memfd_create("frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        # Whoever cut it short would crash the other side at its next look.
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return descriptor
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
