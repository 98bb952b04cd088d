"""How long work tells its caller how far it is."""

from __future__ import annotations

from collections.abc import Callable

# Called with how many are done (frames, pictures, files) and an estimate of their number, if there is one.
Progress = Callable[[int, int | None], None]


def no_progress(done: int, total: int | None) -> None:
    """The progress callback of those who do not look."""
