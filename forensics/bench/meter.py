"""What a piece of work costs: wall time, processor time of this process and its children, memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import psutil
import torch

# How often the memory is looked at, which itself takes a few milliseconds.
_MEMORY_SECONDS = 0.2
_MIB = 2**20

T = TypeVar("T")


@dataclass
class Cost:
    """Wall and processor seconds, added up over as many pieces of work as are `measured`.

    `others_seconds` are the processor seconds that all other processes of the machine took meanwhile.
    """

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    others_seconds: float = 0.0

    @contextmanager
    def measured(self, device: torch.device) -> Iterator[None]:
        """Add what the block costs; on a GPU it ends when the device has done what it was given."""
        wall, cpu, busy = time.perf_counter(), _cpu_seconds(), _busy_seconds()
        yield
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        spent = _cpu_seconds() - cpu
        self.wall_seconds += time.perf_counter() - wall
        self.cpu_seconds += spent
        self.others_seconds += max(0.0, _busy_seconds() - busy - spent)

    def of(self, device: torch.device, work: Callable[[], T]) -> T:
        """The result of `work`, its cost added."""
        with self.measured(device):
            return work()


@dataclass
class PeakMemory:
    """The most memory that this process and its children held while it was `watched`."""

    mib: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the memory while the block runs."""
        self._over.clear()
        watcher = threading.Thread(target=self._watch, name="memory", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._over.set()
            watcher.join()

    def _watch(self) -> None:
        while True:
            self.mib = max(self.mib, sum(_held(process) for process in _family()) / _MIB)
            if self._over.wait(_MEMORY_SECONDS):
                return


def _family() -> list[psutil.Process]:
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def _held(process: psutil.Process) -> int:
    """Bytes of memory, of what processes share an equal part where the system tells it."""
    try:
        held = process.memory_full_info()
    except psutil.Error:
        # It has just ended.
        return 0
    return int(getattr(held, "pss", held.rss))


def _cpu_seconds() -> float:
    """Processor seconds of this process, of its children and of those that have ended."""
    # Finer than the hundredths of a second that the system tells of other processes.
    own, *children = _family()
    times = own.cpu_times()
    total = time.process_time() + times.children_user + times.children_system
    for child in children:
        try:
            spent = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system + spent.children_user + spent.children_system
    return float(total)


def _busy_seconds() -> float:
    """Processor seconds in which any core of the machine was at work or taken away by its host."""
    times = psutil.cpu_times()
    # iowait is no work, and guests are within user and nice.
    resting = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - resting - guests)
