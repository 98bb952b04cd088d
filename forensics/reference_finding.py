"""Whether a track's faces are consistent with a reference person, by the embedder's operating point."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from forensics.report.reference import ReferenceFacts, ReferenceFinding, ReferenceOutcome

# The margin as a share of what lies between the operating point and 1: 0.03 for dlib, so that nothing is
# found from 0.89 to 0.95. Of pairs of single photographs (DeepFace's test set, LFW in colour, LFW in grey)
#   of one person, 0 of 38, 1 of 450 and 6 of 394 lie below it, 3, 172 and 220 inside it, the rest above;
#   of two people, 251 of 262, 4,254 of 4,500 and 3,560 of 3,945 lie below it, the rest inside it.
# With two photographs instead of one, 89 % instead of 60 % of the faces of the same person in colour LFW lie
# above it and still none of somebody else's. The upper side is what needs the width: LFW is mostly of white
# men, and of pairs of strangers of one sex and origin in UTKFace (470 faces in 8 groups), 2 to 37 % by group
# reach 0.92, up to 8 % 0.94 and up to 3 % 0.95. Of 110 pairings of a face in one clip with the faces of
# another, one median reached 0.94 and none 0.95; within a clip no median was below 0.967.
MARGIN_SHARE = 0.375
# So many of a track's faces must reach the operating point for the whole of it to be consistent. Within the
# 11 clips that were tried 92 % or more did; where a quarter does not, a part may show someone else.
LEAST_SHARE = 0.75


def margin_around(operating_point: float) -> float:
    """The cosine on either side of the operating point within which nothing is found."""
    return MARGIN_SHARE * (1.0 - operating_point)


def find_against_reference(
    cosines: npt.NDArray[np.float64], facts: ReferenceFacts, *, min_faces: int
) -> ReferenceFinding:
    """The finding of one track from the cosines [N] of its usable faces, in any order."""
    point = facts.operating_point
    if len(cosines) == 0:
        return ReferenceFinding(
            ReferenceOutcome.INCONCLUSIVE, "no face is good enough to compare", 0, None, None, None
        )
    median = float(np.median(cosines))
    share = float(np.mean(cosines >= point))
    outcome, reason = _judged(median, share, len(cosines), facts, min_faces)
    return ReferenceFinding(outcome, reason, len(cosines), float(np.mean(cosines)), median, share)


def _judged(
    median: float, share: float, faces: int, facts: ReferenceFacts, min_faces: int
) -> tuple[ReferenceOutcome, str]:
    point = facts.operating_point
    if faces < min_faces:
        return ReferenceOutcome.INCONCLUSIVE, f"fewer than {min_faces} faces are good enough to compare"
    if all(photo.poor for photo in facts.photos):
        return ReferenceOutcome.INCONCLUSIVE, "no reference photo is good enough to compare with"
    if not facts.one_person:
        return ReferenceOutcome.INCONCLUSIVE, "the reference photos may not show one person"
    if median < point - facts.margin:
        return ReferenceOutcome.NOT_CONSISTENT, "the faces lie clearly below the operating point"
    if median < point + facts.margin:
        return ReferenceOutcome.INCONCLUSIVE, "the faces lie too near the operating point"
    if share < LEAST_SHARE:
        return ReferenceOutcome.INCONCLUSIVE, "part of the faces lies below the operating point"
    return ReferenceOutcome.CONSISTENT, "the faces lie clearly above the operating point"
