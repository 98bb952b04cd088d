"""Facts of one run that may differ between identical re-runs: times, host, versions, device, threads."""

from __future__ import annotations

import os
import platform
import re
import time
from datetime import UTC, datetime
from functools import cache
from importlib import metadata

import av
import torch

from forensics.report.facts import MemoryShortage, PackageVersion, RunFacts

DISTRIBUTION = "face-video-forensics"
# What scores and pictures depend on.
_VERSIONED = (
    "torch",
    "torchvision",
    "av",
    "numpy",
    "facenet-pytorch",
    "open_clip_torch",
    "dlib-bin",
    "opencv-python",
    "onnxruntime",
    "c2pa-python",
)
_EXTRA = re.compile(r"""(?P<name>[\w.-]+).*\bextra\s*==\s*["'](?P<extra>[\w-]+)["']""")
_FOR_DEVELOPERS = ("test", "dev")


def tool_version() -> str:
    """This tool's version."""
    return metadata.version(DISTRIBUTION)


def package_versions() -> dict[str, str | None]:
    """The versions of the packages results depend on; `None` for one that is not installed."""
    return {name: installed_version(name) for name in _VERSIONED}


@cache
def installed_version(name: str) -> str | None:
    """The version of the distribution `name`, `None` where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def extras() -> dict[str, tuple[str, ...]]:
    """The distributions of each optional extra of this tool, as its own metadata declares them."""
    found: dict[str, list[str]] = {}
    for requirement in metadata.requires(DISTRIBUTION) or ():
        if (match := _EXTRA.match(requirement)) is not None and match["extra"] not in _FOR_DEVELOPERS:
            found.setdefault(match["extra"], []).append(match["name"])
    return {extra: tuple(names) for extra, names in found.items()}


def device_name(device: torch.device) -> str:
    """The device in words, with its model where it has one."""
    if device.type == "cuda":
        return f"{device}: {torch.cuda.get_device_name(device)}"
    return f"cpu: {platform.processor() or platform.machine()}"


class RunClock:
    """Started with the analysis; tells the facts of the run when it is over."""

    def __init__(self) -> None:
        self._started = datetime.now(UTC)
        self._seconds = time.perf_counter()

    def facts(self, device: torch.device, *, memory_shortages: tuple[MemoryShortage, ...] = ()) -> RunFacts:
        ffmpeg = {name: ".".join(map(str, version)) for name, version in av.library_versions.items()}
        return RunFacts(
            started=self._started.isoformat(timespec="seconds"),
            seconds=round(time.perf_counter() - self._seconds, 3),
            host=platform.node(),
            system=platform.platform(),
            python=platform.python_version(),
            packages=tuple(PackageVersion(*one) for one in package_versions().items()),
            ffmpeg=tuple(PackageVersion(*one) for one in ffmpeg.items()),
            device=device_name(device),
            instruction_set=torch.backends.cpu.get_cpu_capability(),
            threads=torch.get_num_threads(),
            cores=os.cpu_count(),
            memory_shortages=memory_shortages,
        )
