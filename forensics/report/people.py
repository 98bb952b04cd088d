"""The people of a report: tracks as it shows them."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

from face.types import FaceTrack
from forensics.identity_drift import IdentityChange
from forensics.report.reference import ReferenceFinding, ReferenceOutcome


@dataclass(frozen=True)
class IdentityFacts:
    """How steady one track's identity embedding is, beside the scores and never part of them.

    `drift_per_second` is the robust slope of the faces' cosine to the identity of the track's first quarter,
    `flicker` the median length of the step between the unit vectors of neighbouring faces, `changes` the
    sudden changes inside one shot. `None` where there are too few faces.
    """

    drift_per_second: float | None
    flicker: float | None
    changes: tuple[IdentityChange, ...]


@dataclass(frozen=True)
class Person:
    """One track as reports show it: without its identity vector, which is biometric data.

    `reference` is how it compares with the reference person, `None` where there is none.
    """

    id: int
    name: str
    first_index: int
    last_index: int
    first_seconds: float
    last_seconds: float
    detections: int
    identity: IdentityFacts
    reference: ReferenceFinding | None

    @staticmethod
    def of(track: FaceTrack, identity: IdentityFacts, reference: ReferenceFinding | None) -> Person:
        return Person(
            id=track.id,
            name=person_name(track.id),
            first_index=track.first_index,
            last_index=track.last_index,
            first_seconds=track.first_seconds,
            last_seconds=track.last_seconds,
            detections=track.detections,
            identity=identity,
            reference=reference,
        )


def person_name(track: int) -> str:
    """Tracks are people to a reader: A, B, ... Z, AA, AB, ..."""
    letters = string.ascii_uppercase
    name = ""
    track += 1
    while track:
        track, rest = divmod(track - 1, len(letters))
        name = letters[rest] + name
    return f"person {name}"


def reference_headline(people: Sequence[Person]) -> str:
    """Who is consistent with the reference person, who is not, and of whom nothing was found."""
    names = {
        outcome: [one.name for one in people if one.reference and one.reference.outcome is outcome]
        for outcome in ReferenceOutcome
    }
    found = "; ".join(f"{outcome}: {', '.join(of)}" for outcome, of in names.items() if of)
    return found or "no face was found to compare with the reference person"
