"""Facts of one run that may differ between identical re-runs: times, host, versions, device, threads."""

from __future__ import annotations

import os
import platform
import time
from datetime import UTC, datetime
from importlib import metadata

import av
import torch

from forensics.report.facts import PackageVersion, RunFacts

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


def tool_version() -> str:
    """This tool's version."""
    return metadata.version(DISTRIBUTION)


def package_versions() -> dict[str, str | None]:
    """The versions of the packages results depend on; `None` for one that is not installed."""
    versions: dict[str, str | None] = {}
    for name in _VERSIONED:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions


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

    def facts(self, device: torch.device) -> RunFacts:
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
        )
