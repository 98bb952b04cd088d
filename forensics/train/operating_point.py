"""Chooses the thresholds of a trained face detector on validation faces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from forensics.repdfd_config import OperatingPoint

# The thresholds of a finding: the share of real validation faces above `cue`, and of fakes below `clear`.
CUE_FALSE_POSITIVES = 0.05
CLEAR_MISSES = 0.25


def choose_thresholds(logits: npt.NDArray[np.float64], real: npt.NDArray[np.bool_]) -> OperatingPoint:
    """Thresholds from the [N] logits of validation faces, `real` [N] or not.

    They are single pictures, whose scores scatter more than a clip's mean.
    """
    cue = float(np.quantile(logits[real], 1 - CUE_FALSE_POSITIVES))
    clear = float(np.quantile(logits[~real], CLEAR_MISSES))
    return OperatingPoint(
        cue_logit=round(max(cue, clear), 4),
        clear_logit=round(min(cue, clear), 4),
        source=(
            f"validation faces: {CUE_FALSE_POSITIVES:.0%} of {real.sum()} real ones lie above the upper, "
            f"{CLEAR_MISSES:.0%} of {(~real).sum()} others below the lower"
        ),
    )
