"""What a sweep shows: ranking and change of score under each condition, against the items as given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forensics.calibration.facts import Figure
from forensics.evaluation.comparisons import units
from forensics.evaluation.metrics import ranking_figures
from forensics.evaluation.scores import DetectorFacts, Evaluated, Level
from forensics.evaluation.sweep import AS_GIVEN, Condition


@dataclass(frozen=True)
class SweepRow:
    """One detector on one dataset in one condition.

    `auc` is that of videos, real against all, `None` with one class missing. The changes are means over the
    real, and over the manipulated, videos with a score both in this condition and as given, `None` without
    any; `lost` videos have one as given only.
    """

    dataset: str
    detector: str
    condition: Condition
    real: int
    manipulated: int
    lost: int
    auc: Figure | None
    real_change: float | None
    manipulated_change: float | None


def sweep_rows(
    by_condition: Mapping[Condition, Sequence[Evaluated]],
    detectors: Sequence[DetectorFacts],
    *,
    resamples: int,
) -> tuple[SweepRow, ...]:
    """A row for each dataset, detector and condition, that as given first; none where that is the only one.

    Items that a condition does not apply to are in none of its rows.
    """
    if set(by_condition) <= {AS_GIVEN}:
        return ()
    as_given = by_condition.get(AS_GIVEN, ())
    datasets = dict.fromkeys(one.item.dataset for one in as_given)
    return tuple(
        _row(
            [one for one in evaluated if one.item.dataset == dataset],
            {one.item.name: one for one in as_given},
            dataset,
            detector,
            condition,
            resamples,
        )
        for dataset in datasets
        for detector in detectors
        for condition, evaluated in by_condition.items()
        if any(one.item.dataset == dataset for one in evaluated)
    )


def _row(
    evaluated: Sequence[Evaluated],
    as_given: Mapping[str, Evaluated],
    dataset: str,
    detector: DetectorFacts,
    condition: Condition,
    resamples: int,
) -> SweepRow:
    scores, labels, items = units(evaluated, detector.name, Level.VIDEO)
    before = [_video_score(as_given.get(item.name), detector.name) for item in items]
    change = np.array([np.nan if old is None else new - old for old, new in zip(before, scores, strict=True)])
    given = sum(_video_score(as_given.get(one.item.name), detector.name) is not None for one in evaluated)
    auc = None
    if labels.any() and not labels.all():
        names = [item.name for item in items]
        threshold = detector.thresholds.cue
        auc = ranking_figures(scores, labels, names, threshold=threshold, resamples=resamples).auc
    return SweepRow(
        dataset=dataset,
        detector=detector.name,
        condition=condition,
        real=int((~labels).sum()),
        manipulated=int(labels.sum()),
        lost=given - int(np.isfinite(change).sum()),
        auc=auc,
        real_change=_mean(change[~labels]),
        manipulated_change=_mean(change[labels]),
    )


def _video_score(one: Evaluated | None, detector: str) -> float | None:
    return one.scores[detector].video if one is not None and detector in one.scores else None


def _mean(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
