"""Runs the models on several chunks of a video side by side, each on one core, and gives results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import torch

# For each, a chunk waits in memory; and decoding, which is one process, keeps hardly more of them busy.
MOST_WORKERS = 8

Item = TypeVar("Item")
Started = TypeVar("Started")
P = ParamSpec("P")
R = TypeVar("R")


class Workers:
    """Threads that run models, which let go of the interpreter while they compute."""

    def __init__(self, pool: ThreadPoolExecutor, count: int) -> None:
        self._pool = pool
        self.count = count

    def start(self, work: Callable[P, R], *args: P.args, **named: P.kwargs) -> Callable[[], R]:
        """Have `work` done; what is returned waits for it and gives its result or raises its error."""
        return self._pool.submit(work, *args, **named).result

    def each(self, work: Callable[[Item], R], items: Iterable[Item]) -> list[R]:
        """What `work` gives for every item, in their order, done side by side."""
        waits = [self.start(work, item) for item in items]
        return [wait() for wait in waits]


@contextmanager
def model_workers(device: torch.device) -> Iterator[Workers]:
    """As many workers as torch has threads, up to MOST_WORKERS; each computes in a single one meanwhile.

    Operators cut into parts leave cores idle between them, and wait for each other where others use the
    machine too; whole chunks side by side do neither. Since each is computed in one thread, results do not
    depend on the number of cores. A GPU gets one worker, which keeps it busy while the next chunk is made
    ready. Leaving the block, however it happens, drops what was not begun and waits for the rest.
    """
    threads = torch.get_num_threads()
    count = min(threads, MOST_WORKERS) if device.type == "cpu" else 1
    pool = ThreadPoolExecutor(count, thread_name_prefix="models")
    torch.set_num_threads(1)
    try:
        yield Workers(pool, count)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def ahead(
    items: Iterable[Item], start: Callable[[Item], Started], *, depth: int
) -> Iterator[tuple[Item, Started]]:
    """Each item with what `start` gave for it, in order; `start` is called up to `depth` items ahead.

    When it is called does not depend on how long anything takes.
    """
    waiting: deque[tuple[Item, Started]] = deque()
    for item in items:
        waiting.append((item, start(item)))
        if len(waiting) > depth:
            yield waiting.popleft()
    yield from waiting
