"""What the store answers: a checked weight file, a verification, a planned fetch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from weights.spec import WeightSpec

Pin = Literal["sha256", "first use"]


@dataclass(frozen=True)
class WeightFile:
    """A weight file whose bytes were just found to have the digest `sha256`.

    `pinned` says what that digest was compared with: the registry ("sha256"), or what this cache saw when it
    first got the file ("first use"). `source` says where the bytes came from.
    """

    name: str
    path: Path
    sha256: str
    licence: str
    commercial_use: bool
    pinned: Pin
    source: str


@dataclass(frozen=True)
class Verification:
    """What `Store.verify` found out about one cached file."""

    name: str
    path: Path
    sound: bool
    detail: str


@dataclass(frozen=True)
class PlannedFetch:
    """One file a fetch would need: whether it is here, how large it is, where it would come from."""

    spec: WeightSpec
    present: bool
    sources: tuple[str, ...]
