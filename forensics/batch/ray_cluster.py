"""A Ray cluster, joined or started: quiet, without telemetry, signals left alone, and left in order."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil, floor
from typing import Any

from forensics.batch.crew import CrewError
from forensics.errors import UsageFault

# Starts Ray on this machine alone; any other address is of a cluster, `auto` the one this machine is of.
LOCAL, AUTO = "local", "auto"
_HOST_AND_PORT = re.compile(r"(?P<host>[^/\s]+):(?P<port>[0-9]{1,5})", re.ASCII)
NOT_INSTALLED = "--ray: the package ray is not installed; pip install 'face-video-forensics[ray]'"
# Little more than the least that Ray takes: nothing large passes through it.
_OBJECT_STORE_BYTES = 80 << 20
_ANSWER_SECONDS = 3.0
# Ray counts resources in these.
_SMALLEST_PART = 1e-4
_ENVIRONMENT = {
    # Reports its use to its makers otherwise.
    "RAY_USAGE_STATS_ENABLED": "0",
    # What it will do about processes without a GPU, as it warns otherwise: leave the environment alone.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True)
class Share:
    """The share of a machine that one process gets; `machine` is Ray's name for it."""

    machine: str
    cpus: float
    gpus: float


def check_ray(address: str) -> None:
    """Raise UsageFault where Ray is not installed or the address is of a kind that is not served."""
    if find_spec("ray") is None:
        raise UsageFault(NOT_INSTALLED)
    if address not in (LOCAL, AUTO) and _HOST_AND_PORT.fullmatch(address) is None:
        raise UsageFault(
            f"--ray {address}: is no address; give `local`, `auto` or HOST:PORT, on a machine of the cluster"
        )


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be a driver of that cluster. Raises UsageFault as `check_ray` does, CrewError where there is none."""
    check_ray(address)
    # Its ports are open to the network: nobody without this token is to be served.
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)} if address == LOCAL else {}
    with (
        _environment(_ENVIRONMENT | token),
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
    ):
        _start(address, folder)
        import ray

        try:
            yield
        finally:
            ray.shutdown()


def machines() -> dict[str, Mapping[str, float]]:
    """The resources of every machine that is alive, by Ray's name for it."""
    import ray

    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def shares(machine: str, resources: Mapping[str, float], *, jobs: int, gpu: bool) -> list[Share]:
    """What the processes of a machine get: `jobs` many, or one for each GPU where these are more.

    None where Ray has no processor to give, as on the head of many clusters. `gpu`: whether they are to be
    used.
    """
    cpus = resources.get("CPU", 0.0)
    gpus = int(resources.get("GPU", 0.0)) if gpu else 0
    count = max(jobs, gpus)
    if cpus <= 0:
        return []
    # One process cannot have parts of two GPUs.
    share = Share(machine, _part(cpus, count), _part(1.0, ceil(count / gpus)) if gpus else 0.0)
    return [share] * count


def _part(whole: float, count: int) -> float:
    """An equal part as Ray counts: whole ones, or a fraction of one."""
    part = whole / count
    return float(floor(part)) if part >= 1 else floor(part / _SMALLEST_PART) * _SMALLEST_PART


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """What Ray reads; whatever the user has set stays."""
    new = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


def _check_answers(address: str) -> None:
    """Ray would try for a minute and a half, and hear no signal meanwhile. Raises CrewError."""
    known = os.environ.get("RAY_ADDRESS", address) if address == AUTO else address
    if (match := _HOST_AND_PORT.fullmatch(known)) is None:
        return
    try:
        socket.create_connection((match["host"], int(match["port"])), timeout=_ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        text = f"nothing answers there ({error}); check host, port and network"
        raise CrewError(f"--ray {known}: {text}") from error


def _start(address: str, folder: str) -> None:
    _check_answers(address)
    options: dict[str, Any] = {}
    if address == LOCAL:
        options = {
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
            "_temp_dir": folder,
        }
    import ray
    from ray._private import worker

    # It prints pages of a log when an actor dies, and has no public switch for that.
    worker._worker_logs_enabled = False
    try:
        with _own_signals():
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **options)
    except Exception as error:
        ray.shutdown()
        text = " ".join(str(error).split())
        raise CrewError(f"--ray {address}: no Ray cluster can be used there ({text})") from error
    except BaseException:
        ray.shutdown()
        raise


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes SIGTERM over, to leave by SystemExit; here it ends as whoever set the handler wants."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit as error:
        raise KeyboardInterrupt from error
    finally:
        signal.signal(signal.SIGTERM, before)
