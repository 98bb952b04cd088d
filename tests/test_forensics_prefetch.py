"""Decoding ahead in a thread: same items, same errors, and nothing left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from forensics.prefetch import prefetched


class Source:
    """A generator of numbers that knows how far it got and whether it was closed, and in which thread."""

    def __init__(self, count: int, *, error: BaseException | None = None) -> None:
        self.made = 0
        self.closed = threading.Event()
        self.thread: threading.Thread | None = None
        self._count = count
        self._error = error

    def numbers(self) -> Iterator[int]:
        self.thread = threading.current_thread()
        try:
            for number in range(self._count):
                self.made += 1
                yield number
            if self._error is not None:
                raise self._error
        finally:
            self.closed.set()


def fail_after_one(items: Iterator[int]) -> None:
    next(items)
    raise ZeroDivisionError


def prefetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


@pytest.mark.parametrize("depth", [1, 2, 50])
def test_the_items_come_in_order_from_another_thread(depth: int) -> None:
    source = Source(20)
    with prefetched(source.numbers(), depth=depth) as items:
        assert list(items) == list(range(20))
    assert source.thread is not threading.current_thread()
    assert prefetch_threads() == []


def test_anything_iterable_will_do() -> None:
    with prefetched((1, 2, 3)) as items:
        assert list(items) == [1, 2, 3]


@pytest.mark.parametrize("error", [KeyError("late"), KeyboardInterrupt()])
def test_an_exception_arrives_after_the_items_before_it(error: BaseException) -> None:
    seen: list[int] = []
    with (
        pytest.raises(type(error)) as raised,
        prefetched(Source(3, error=error).numbers()) as items,
    ):
        seen.extend(items)
    assert raised.value is error
    assert seen == [0, 1, 2]
    assert prefetch_threads() == []


def test_the_source_runs_ahead_no_further_than_the_depth() -> None:
    source = Source(100)
    with prefetched(source.numbers(), depth=2) as items:
        assert next(items) == 0
        (thread,) = prefetch_threads()
        # Blocked: one was taken, two wait in the queue, one is on its way into it.
        thread.join(timeout=0.3)
        assert thread.is_alive()
        assert 3 <= source.made <= 4


def test_leaving_early_stops_the_thread_and_closes_the_source() -> None:
    source = Source(1000)
    with prefetched(source.numbers()) as items:
        assert next(items) == 0
    # `items` is still held here, as it is by callers, so nothing but closing ends the source.
    assert items is not None
    assert source.closed.is_set()
    assert prefetch_threads() == []


def test_leaving_by_an_exception_stops_the_thread_and_keeps_the_exception() -> None:
    source = Source(1000)
    with pytest.raises(ZeroDivisionError), prefetched(source.numbers()) as items:
        fail_after_one(items)
    assert source.closed.is_set()
    assert prefetch_threads() == []
