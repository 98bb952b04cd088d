"""Which detector it is for, what `--weights` names: only one of several gets it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from forensics.clip_linear import is_probe
from forensics.detector import WEIGHT_VARIANTS
from forensics.mesonet import PUBLISHED_SETS

# The detectors whose weights can be chosen.
TAKERS = ("repdfd", "clip_linear", "code", "mesonet")


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
    if Path(weights).is_dir():
        return "code"
    return "clip_linear" if is_probe(Path(weights)) else "repdfd"
