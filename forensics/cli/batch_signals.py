"""How a batch ends when it is asked to by a signal."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from forensics.errors import ExitCode, ForensicsError


class BatchInterruptedError(ForensicsError):
    """The batch was asked to end."""

    exit_code = ExitCode.INTERRUPTED


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGINT and SIGTERM end the batch in order, once; what is asked again meanwhile changes nothing.

    Raises BatchInterruptedError.
    """
    asked_by = (signal.SIGINT, signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> NoReturn:
        for one in asked_by:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {one: signal.signal(one, end) for one in asked_by}
    try:
        yield
    except KeyboardInterrupt as error:
        atexit.register(_leave_at_once)
        raise BatchInterruptedError(
            "interrupted; what is finished is kept: give the same command again to go on"
        ) from error
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _leave_at_once() -> None:
    """End the process, in which nothing is left to do, without taking torch's million objects apart: on a
    busy machine that took longer than everything else."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ExitCode.INTERRUPTED)
