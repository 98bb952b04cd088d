"""What a face detector says of a chunk: faces that are too poor abstain, the others are scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from forensics.evidence import Evidence
from forensics.scores import Abstention, FrameScores, ScoreKind, abstain_where_not_finite


def score_faces(
    detector: str,
    evidence: Evidence,
    logits_of: Callable[[npt.NDArray[np.intp]], npt.NDArray[np.float64]],
    *,
    components: Sequence[str] = (),
) -> FrameScores:
    """The scores of all N faces; `logits_of` gives those of the chosen [K] faces that are good enough.

    Its [K] float64 are logits of P(fake); with C names of `components` it gives [K,1+C], their log-odds after
    the score's. The other faces abstain with their first quality reason, and so does a face with any value
    that is not finite.
    """
    abstained = tuple(
        Abstention(reasons[0].value) if reasons else None for reasons in evidence.quality.reasons
    )
    logits = np.full((len(abstained), 1 + len(components)), np.nan)
    scored = np.flatnonzero([reason is None for reason in abstained])
    if len(scored):
        logits[scored] = logits_of(scored).reshape(len(scored), 1 + len(components))
    whole = np.isfinite(logits).all(axis=1)
    score, abstained = abstain_where_not_finite(np.where(whole, logits[:, 0], np.nan), abstained)
    return FrameScores(
        detector=detector,
        kind=ScoreKind.LOGIT,
        score=score,
        probability=expit(score),
        frame_index=evidence.frame_index,
        track=evidence.track,
        abstained=abstained,
        components={
            name: np.where(np.isnan(score), np.nan, logits[:, number])
            for number, name in enumerate(components, start=1)
        },
    )
