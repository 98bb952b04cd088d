"""What is said between the process that analyses and the one that decodes.

Requests are pickles, since the decoding process may trust whoever started it. Answers are lines of JSON, each
checked field by field: what has decoded a hostile file may say anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from video.confined import WorkerLimits
from video.errors import RefusedVideoError, UnreadableVideoError, VideoError
from video.facts import Probe
from video.frames import Delivery, VideoInfo
from video.reader import Limits
from video.ring import RingShape
from video.sampling import Sampling

if TYPE_CHECKING:
    from pydantic import TypeAdapter

# No answer has a reason to be longer; tags of files reach kilobytes.
MAX_ANSWER_BYTES = 64 << 20
# Paths travel to the decoding process only: names that are no UTF-8 have no place in JSON.
_NO_PATH = Path("-")


@dataclass(frozen=True)
class Begin:
    """The first request: the limits to take on, and the descriptor of the ring."""

    limits: WorkerLimits
    ring: int


@dataclass(frozen=True)
class ProbeFile:
    """Asks for `Probed`."""

    path: str


@dataclass(frozen=True)
class OpenFile:
    """Asks for `Opened`, and keeps the file open."""

    path: str
    sampling: Sampling
    limits: Limits
    backend: str


@dataclass(frozen=True)
class Deliver:
    """Asks for the frames of the open file: `Pictured` for each, then `Ended`."""


@dataclass(frozen=True)
class Room:
    """The ring has this shape now, and all its slots are free."""

    shape: RingShape


@dataclass(frozen=True)
class Taken:
    """The frame in this slot has been copied."""

    slot: int


@dataclass(frozen=True)
class CloseFile:
    """Asks for `Closed`; frames not yet delivered are not wanted any more."""


Request = Begin | ProbeFile | OpenFile | Deliver | Room | Taken | CloseFile


@dataclass(frozen=True)
class Ready:
    """Everything is imported and the limits named here hold."""

    holds: tuple[str, ...]


@dataclass(frozen=True)
class Alive:
    """The work goes on."""


@dataclass(frozen=True)
class Probed:
    """The facts asked for, without their path."""

    probe: Probe


@dataclass(frozen=True)
class Opened:
    """What `VideoReader.info` and `warnings` say, without the path."""

    info: VideoInfo
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class NeedsRoom:
    """The next frame has so many bytes; all slots are free. Asks for `Room`."""

    frame_bytes: int


@dataclass(frozen=True)
class Pictured:
    """One frame lies in a slot; `warnings` are those since the last one."""

    slot: int
    height: int
    width: int
    index: int
    pts: int
    shot: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Ended:
    """All frames have been given; `warnings` are those since the last one."""

    delivery: Delivery
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Closed:
    """Nothing is open any more."""


@dataclass(frozen=True)
class Failed:
    """The request failed as a `VideoError`; the file is closed. `worn_out`: do not use the process again."""

    kind: str
    cause: str
    remedy: str
    worn_out: bool = False

    @classmethod
    def by(cls, error: VideoError) -> Failed:
        return cls(type(error).__name__, error.cause, error.remedy)

    def error(self, path: Path) -> VideoError:
        """The exception that was raised over there."""
        return _ERRORS.get(self.kind, UnreadableVideoError)(path, self.cause, self.remedy)


Answer = Ready | Alive | Probed | Opened | NeedsRoom | Pictured | Ended | Closed | Failed

_ERRORS: Mapping[str, type[VideoError]] = MappingProxyType(
    {kind.__name__: kind for kind in (UnreadableVideoError, RefusedVideoError)}
)
_ANSWERS: Mapping[str, type[Answer]] = MappingProxyType({kind.__name__: kind for kind in Answer.__args__})


def encoded(answer: Answer) -> bytes:
    """The answer as one line."""
    if isinstance(answer, Probed):
        answer = replace(answer, probe=replace(answer.probe, path=_NO_PATH))
    if isinstance(answer, Opened):
        answer = replace(answer, info=replace(answer.info, path=_NO_PATH))
    # Of what JSON does not know only paths and fractions occur, and both are made from their text again.
    return json.dumps([type(answer).__name__, asdict(answer)], default=str).encode() + b"\n"


def decoded(line: bytes) -> Answer:
    """The answer in a line. Raises ValueError for anything else."""
    name, fields = json.loads(line)
    if not isinstance(name, str) or name not in _ANSWERS:
        raise ValueError(f"there is no answer {name!r}")
    answer: Answer = _adapter(name).validate_python(fields)
    return answer


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    # The decoding process writes answers and never reads one.
    from pydantic import TypeAdapter

    return TypeAdapter(_ANSWERS[name])
