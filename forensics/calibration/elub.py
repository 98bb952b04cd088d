"""ELUB: how far from 1 a likelihood ratio may lie before the data no longer support it."""

from __future__ import annotations

import math

import numpy as np

from forensics.metrics import Floats, Labels


def elub(log10_lrs: Floats, labels: Labels) -> tuple[float, float]:
    """The empirical lower and upper bound (log10, around 0) of likelihood ratios [N] with labels [N].

    Vergeer et al., Science and Justice 56 (2016) 482-491: one misleading ratio without limit is added on
    either side, and a ratio is kept as long as deciding by it costs no more than never looking at the
    evidence, for every prior in between. Found exactly, by intervals, where the paper walks a grid.
    """
    return -_upper_bound(-log10_lrs, ~labels), _upper_bound(log10_lrs, labels)


def _upper_bound(log10_lrs: Floats, labels: Labels) -> float:
    """The largest threshold t >= 1 up to which P(LR > t | H1) >= t * P(LR > t | H2) holds, as log10."""
    manipulated, other = log10_lrs[labels], log10_lrs[~labels]
    starts: list[float] = [0.0, *np.unique(log10_lrs[log10_lrs > 0]).tolist()]
    for start, end in zip(starts, [*starts[1:], math.inf], strict=True):
        # Both shares are constant from here to the next observed ratio.
        hits = int((manipulated > start).sum()) / (len(manipulated) + 1)
        false_alarms = (int((other > start).sum()) + 1) / (len(other) + 1)
        limit = math.log10(hits / false_alarms) if hits else -math.inf
        if limit < end:
            return max(start, limit)
    raise AssertionError("no ratio lies above the largest one")
