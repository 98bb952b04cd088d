"""Signs of life of long work: decoders say that they go on, and a process may have one listener to it."""

from __future__ import annotations

from collections.abc import Callable


def _nobody() -> None:
    return None


_listener: Callable[[], None] = _nobody


def listen(listener: Callable[[], None]) -> None:
    """From now on `listener` is called at every `beat` of this process; keep it quick."""
    global _listener
    _listener = listener


def beat() -> None:
    """Say that the work goes on: once a frame or packet, also for those that nobody asked for."""
    _listener()
