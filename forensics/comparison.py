"""Compares a report with its repetition: byte-identical, within the published tolerance, or different."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from forensics.report.facts import PackageVersion, RunFacts
from forensics.report.json import to_plain
from forensics.report.model import Report

RUN_BLOCK = "run"
# How far numbers may lie apart when the same analysis runs on another processor, device or library version.
# Measured here over 42 faces of two clips, AVX-512 against SSE4 and one thread against two: at most 0.0005 in
# a score (a logit), 0.0002 pixels in a box, 0.0001 degrees in an angle. The limits leave room for GPUs and
# for decoders that round pixels otherwise. One logit changes P(fake) by a quarter at most; a box corner that
# moves by a pixel changes a side by two and an angle by about as many degrees. Near zero the absolute limit
# holds, for large numbers such as sharpness the relative one. Labels, counts and frame numbers have none.
ABSOLUTE = 0.02
RELATIVE = 0.02
BY_NAME: Mapping[str, float] = MappingProxyType(
    {
        "box_xyxy": 1.0,
        "size_pixels": 2.0,
        "probability": ABSOLUTE / 4,
        "yaw_degrees": 2.0,
        "pitch_degrees": 2.0,
    }
)
# What follows from the platform itself, not from the evidence. Pictures are drawn from boxes and chosen by
# scores: they have no tolerance, but the rows they stand for have.
PLATFORM_FIELDS = frozenset(
    {
        "tool_version",
        "settings.device",
        "evidence.decoded_frames_sha256",
        "evidence.c2pa",
        "pictures",
        "heatmaps",
    }
)


@dataclass(frozen=True)
class Difference:
    """The first field in which two reports differ, such as `faces.3.scores.0.score`, and both values."""

    field: str
    stored: str
    repeated: str

    def __str__(self) -> str:
        return f"{self.field}: the report says {self.stored}, the repetition {self.repeated}"


def first_difference(stored: Report, repeated: Report, *, tolerant: bool = False) -> Difference | None:
    """The first field that differs outside the `run` block; with `tolerant`, by more than it may.

    With `tolerant` what follows from the platform (`PLATFORM_FIELDS`) is passed over as well.
    """
    one, other = to_plain(stored), to_plain(repeated)
    del one[RUN_BLOCK], other[RUN_BLOCK]
    return next(_differences("", one, other, tolerant), None)


def other_platform(stored: Report, repeated: Report) -> tuple[str, ...]:
    """What the bytes of a report may depend on and was not the same: empty on the same platform."""
    facts = {"tool": (stored.tool_version, repeated.tool_version)}
    then, now = stored.run, repeated.run
    for name in ("device", "instruction_set", "threads"):
        facts[name.replace("_", " ")] = (str(getattr(then, name)), str(getattr(now, name)))
    # Smaller batches after a shortage of memory may change the last digits, as another device may.
    facts["out of memory"] = (_shortages(then), _shortages(now))
    versions, here = _versions(then), _versions(now)
    facts |= {name: (versions.get(name, "-"), here.get(name, "-")) for name in sorted({*versions, *here})}
    return tuple(f"{name} {b} instead of {a}" for name, (a, b) in facts.items() if a != b)


def _shortages(run: RunFacts) -> str:
    return "; ".join(map(str, run.memory_shortages)) or "never"


def _versions(run: RunFacts) -> dict[str, str]:
    every: tuple[PackageVersion, ...] = run.packages + run.ffmpeg
    return {one.name: one.version or "-" for one in every}


def _differences(field: str, stored: Any, repeated: Any, tolerant: bool) -> Iterator[Difference]:
    if tolerant and field in PLATFORM_FIELDS:
        return
    if isinstance(stored, dict) and isinstance(repeated, dict):
        for name in {**stored, **repeated}:
            inner = f"{field}.{name}" if field else name
            yield from _differences(inner, stored.get(name), repeated.get(name), tolerant)
    elif isinstance(stored, list) and isinstance(repeated, list) and len(stored) == len(repeated):
        for number, pair in enumerate(zip(stored, repeated, strict=True)):
            yield from _differences(f"{field}.{number}", *pair, tolerant)
    elif not (_same(stored, repeated) or (tolerant and _near(field, stored, repeated))):
        yield Difference(field, _short(stored), _short(repeated))


def _same(stored: Any, repeated: Any) -> bool:
    # Not by value: True == 1 == 1.0 and 0.0 == -0.0, but they are other bytes.
    return repr(stored) == repr(repeated)


def _near(field: str, stored: Any, repeated: Any) -> bool:
    """Whether two measured numbers are within the tolerance; counts and frame numbers are never near."""
    if not (isinstance(stored, float) and isinstance(repeated, float)):
        return False
    names = [name for name in field.split(".") if not name.isdigit()]
    limit = BY_NAME.get(names[-1])
    if limit is None:
        limit = max(ABSOLUTE, RELATIVE * abs(stored))
    return abs(stored - repeated) <= limit


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} entries"
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 80 else f"{text[:77]}..."
