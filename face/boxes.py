"""How much two boxes share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def overlap(
    one_xyxy: npt.NDArray[np.floating], other_xyxy: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """[K,N] intersection over union, in [0,1], of boxes [K,4] and [N,4]; 0 for boxes without area."""
    one, other = one_xyxy.astype(np.float64)[:, None], other_xyxy.astype(np.float64)[None]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    shared = sides.clip(min=0).prod(-1)
    union = (one[..., 2:] - one[..., :2]).prod(-1) + (other[..., 2:] - other[..., :2]).prod(-1) - shared
    ratio: npt.NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratio
