"""Runs an iterator ahead in a thread behind a bounded queue, so that decoding overlaps the models' work."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")
# How often a blocked producer looks whether its consumer has gone.
_POLL_SECONDS = 0.1


@contextmanager
def _closing(items: Iterable[T]) -> Iterator[Iterable[T]]:
    """`items`, closed at the end if it is a generator: left early, it would keep what it holds open."""
    try:
        yield items
    finally:
        if isinstance(items, Generator):
            items.close()


class _End:
    """Closes the queue; carries the producer's exception, if it failed."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Producer(Generic[T]):
    def __init__(self, items: Iterable[T], depth: int) -> None:
        self._items = items
        self._queue: queue.Queue[T | _End] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._produce, name="prefetch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _produce(self) -> None:
        error: BaseException | None = None
        try:
            with _closing(self._items) as items:
                for item in items:
                    if not self._put(item):
                        return
        except BaseException as failure:
            error = failure
        self._put(_End(error))

    def _put(self, item: T | _End) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def __iter__(self) -> Iterator[T]:
        while True:
            item = self._queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item


@contextmanager
def prefetched(items: Iterable[T], *, depth: int = 2) -> Iterator[Iterator[T]]:
    """Iterate `items` in a thread, at most `depth` ahead; its exceptions are raised here.

    Leaving the block, however it happens, stops and joins the thread.
    """
    producer = _Producer(items, depth)
    producer.start()
    try:
        yield iter(producer)
    finally:
        producer.stop()
