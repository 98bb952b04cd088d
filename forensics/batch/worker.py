"""A worker process of a batch: loads the models once, analyses what it is sent, ends with its parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

import torch

from face.errors import FaceError
from forensics.batch.work import Job, Order, analyse_one, key_of
from forensics.errors import ExitCode, ForensicsError
from weights.errors import WeightsError


@dataclass(frozen=True)
class Loaded:
    """The first word of a worker: its models are there, and give analyses of this key."""

    key: str


@dataclass(frozen=True)
class NotLoaded:
    """The only word of a worker whose models cannot be loaded."""

    text: str
    exit_code: ExitCode


def work(order: Order, connection: Connection[object, object]) -> None:
    """Answer `Loaded` or `NotLoaded`, then each `Job` with its outcome as plain data, until none comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(max(1, torch.get_num_threads() // order.jobs))
    try:
        models = order.loaded()
        key = key_of(models, order)
    except Exception as error:
        _say(connection, not_loaded(error))
        return
    _say(connection, Loaded(key))
    while isinstance(job := _next(connection), Job):
        _say(connection, analyse_one(job, models, order, key=key).plain())


def _say(connection: Connection[object, object], message: object) -> None:
    # Where nobody listens any more, nothing comes either, and that ends the work.
    with suppress(OSError):
        connection.send(message)


def _next(connection: Connection[object, object]) -> object:
    try:
        return connection.recv()
    except (EOFError, OSError):
        return None


def _end_with_parent() -> None:
    """Nobody waits for the outcome of a batch that was killed, and the next one needs the memory."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def not_loaded(error: Exception) -> NotLoaded:
    """Why models cannot be loaded, and the exit code of that."""
    if isinstance(error, ForensicsError):
        return NotLoaded(str(error), error.exit_code)
    if isinstance(error, (FaceError, WeightsError)):
        return NotLoaded(str(error), ExitCode.WEIGHTS)
    text = f"the models cannot be loaded: {type(error).__name__}: {error}; `forensics doctor` says more"
    return NotLoaded(text, ExitCode.FAULT)
