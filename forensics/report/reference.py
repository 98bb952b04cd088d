"""The reference person of a comparison as a report states it, and what was found of each face against it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# What a comparison can and cannot say, for every report that holds one.
REFERENCE_NOTE = (
    "Consistent means that the identity encoder does not tell these faces from those of the reference "
    "photos. That identifies nobody: people who look alike pass as well, and so does a manipulation that was "
    "made to show this person. Encoders tell people of some origins, ages and sexes apart less well than "
    "others. Not consistent means that the faces lie further apart than two photos of one person usually do; "
    "age, pose, light and a poor picture can do that too."
)


class ReferenceOutcome(StrEnum):
    """Whether one person's faces are consistent with the reference person."""

    CONSISTENT = "consistent with the reference person"
    NOT_CONSISTENT = "not consistent"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class ReferencePhoto:
    """One photo of the reference person; `box_xyxy` are pixels of the upright picture.

    `poor` are the reasons for which its face would get no score in a video. `similarity_to_others` is the
    cosine of its face to the robust mean of the other photos' faces, `None` for the only photo.
    """

    file_name: str
    size_bytes: int
    sha256: str
    box_xyxy: tuple[float, float, float, float]
    poor: tuple[str, ...]
    similarity_to_others: float | None


@dataclass(frozen=True)
class ReferenceFacts:
    """What faces were compared with, and by what.

    `operating_point` is the cosine from which on `embedder` takes two faces to be one person's, `basis` the
    sentence that says where it is from; within `margin` of it nothing is found. `one_person` is False where
    a photo lies below the operating point by more than that from the other photos.
    """

    photos: tuple[ReferencePhoto, ...]
    embedder: str
    operating_point: float
    margin: float
    basis: str
    one_person: bool


@dataclass(frozen=True)
class ReferenceFinding:
    """What was found of one track: cosines of its usable faces to the reference person.

    `share_at_or_above` is the share of them that reaches the operating point. The figures are `None`
    without a usable face. `reason` says why the outcome is what it is.
    """

    outcome: ReferenceOutcome
    reason: str
    usable_faces: int
    mean_similarity: float | None
    median_similarity: float | None
    share_at_or_above: float | None


def reference_grounds(finding: ReferenceFinding, facts: ReferenceFacts) -> str:
    """Why the outcome is what it is, with the figures it rests on."""
    if finding.median_similarity is None or finding.share_at_or_above is None:
        return finding.reason
    return (
        f"{finding.reason} (median similarity {finding.median_similarity:.3f}, operating point "
        f"{facts.operating_point:.3f}; usable faces: {finding.usable_faces}, "
        f"{finding.share_at_or_above:.0%} of them reach it)"
    )
