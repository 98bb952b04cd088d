"""The machine that was timed."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import torch

from forensics.bench.result import MachineFacts
from forensics.run_facts import device_name, package_versions

_CPUINFO = Path("/proc/cpuinfo")


def cores() -> int:
    """The cores this process may run on."""
    # The call exists on Linux only.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine_facts(device: torch.device) -> MachineFacts:
    """What the figures depend on, as it is now."""
    return MachineFacts(
        device=device_name(device),
        processor=_processor(),
        instruction_set=torch.backends.cpu.get_cpu_capability(),
        cores=cores(),
        threads=torch.get_num_threads(),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        system=platform.platform(),
        python=platform.python_version(),
        packages=package_versions(),
    )


def _processor() -> str:
    """The processor's name where the system tells it, else its architecture."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", _CPUINFO.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()
