"""Which detector it is for, what `--weights` names: only one of several gets it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from forensics.detector import WEIGHT_VARIANTS
from forensics.mesonet import PUBLISHED_SETS

# The detectors whose weights can be chosen.
TAKERS = ("repdfd", "code", "mesonet")


def is_for(detector: str, weights: str, running: Sequence[str]) -> bool:
    """Whether `weights` goes to that one of the `running` detectors.

    Where the detector it is for does not run, all get it: who has no such weights says so.
    """
    takers = [name for name in running if name in TAKERS]
    owner = _owner(weights)
    return len(takers) < 2 or owner not in takers or detector == owner


def _owner(weights: str) -> str:
    if weights in WEIGHT_VARIANTS:
        return "repdfd"
    if weights in PUBLISHED_SETS:
        return "mesonet"
    return "code" if Path(weights).is_dir() else "repdfd"
