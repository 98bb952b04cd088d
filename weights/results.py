"""What the store answers: a checked weight file, a verification, a planned fetch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from weights.spec import WeightSpec
from weights.streams import sha256_of

Pin = Literal["sha256", "first use", "as given"]


@dataclass(frozen=True)
class WeightFile:
    """A weight file whose bytes were just found to have the digest `sha256`.

    `pinned` says what that digest was compared with: the registry ("sha256"), or what this cache saw when it
    first got the file ("first use"), or with nothing, for a file of the user's own ("as given"). `source`
    says where the bytes came from.
    """

    name: str
    path: Path
    sha256: str
    licence: str
    commercial_use: bool
    pinned: Pin
    source: str


def user_file(path: Path) -> WeightFile:
    """A file the user names instead of a registered weight: hashed, but compared with nothing."""
    return WeightFile(
        name=path.name,
        path=path,
        sha256=sha256_of(path),
        licence="the user's own",
        commercial_use=True,
        pinned="as given",
        source="named by the user",
    )


@dataclass(frozen=True)
class Verification:
    """What `Store.verify` found out about one cached file."""

    name: str
    path: Path
    sound: bool
    detail: str


@dataclass(frozen=True)
class PlannedFetch:
    """One file a fetch would need: whether it is here, how large it is, where it would come from.

    `download_bytes` is what its first source on the network sends, for a member of an archive the whole
    archive; 0 where nothing is downloaded for it, None where nobody knows.
    """

    spec: WeightSpec
    present: bool
    sources: tuple[str, ...]
    download_bytes: int | None
