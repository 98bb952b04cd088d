"""Which share of the videos a batch takes: shards are disjoint, complete, and stable as videos are added."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from forensics.errors import UsageFault

_WRITTEN = re.compile(r"([0-9]{1,6})/([0-9]{1,6})", re.ASCII)
# Of a sha256, as many digits as decide fairly.
_DIGITS = 16


@dataclass(frozen=True)
class Shard:
    """Share `number` of `count`, counted from 1."""

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise UsageFault(f"--shard {self.number}/{self.count}: no such share; count from 1/N to N/N")

    @staticmethod
    def parse(text: str) -> Shard:
        """The shard written `i/N`. Raises UsageFault."""
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise UsageFault(f"--shard {text}: is no share; write it as 1/4, 2/4, 3/4 or 4/4")
        return Shard(int(match[1]), int(match[2]))

    def takes(self, sha256: str | None, name: str) -> bool:
        """Whether a file is of this share: by its content, or by its `name` where that cannot be read."""
        digest = sha256 or hashlib.sha256(name.encode()).hexdigest()
        return int(digest[:_DIGITS], 16) % self.count == self.number - 1


WHOLE = Shard()
