"""What a face detector says of a chunk: faces that are too poor abstain, the others are scored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from forensics.evidence import Evidence
from forensics.scores import Abstention, FrameScores, ScoreKind, abstain_where_not_finite


def score_faces(
    detector: str,
    evidence: Evidence,
    logits_of: Callable[[npt.NDArray[np.intp]], npt.NDArray[np.float64]],
) -> FrameScores:
    """The scores of all N faces; `logits_of` gives those of the chosen [K] faces that are good enough.

    Its [K] float64 are logits of P(fake). The other faces abstain with their first quality reason.
    """
    abstained = tuple(
        Abstention(reasons[0].value) if reasons else None for reasons in evidence.quality.reasons
    )
    score = np.full(len(abstained), np.nan)
    scored = np.flatnonzero([reason is None for reason in abstained])
    if len(scored):
        score[scored] = logits_of(scored)
    score, abstained = abstain_where_not_finite(score, abstained)
    return FrameScores(
        detector=detector,
        kind=ScoreKind.LOGIT,
        score=score,
        probability=expit(score),
        frame_index=evidence.frame_index,
        track=evidence.track,
        abstained=abstained,
    )
