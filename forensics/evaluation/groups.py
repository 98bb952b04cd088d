"""How often real people of each group are called fake: one table per attribute."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from forensics.calibration.facts import Figure
from forensics.evaluation.scores import DetectorFacts, Evaluated


@dataclass(frozen=True)
class GroupRow:
    """The real items of a dataset whose attribute `key` is `value`, by one detector's cue threshold.

    `rate` is `false_positives` of `scored` with its exact 95 % interval (Clopper and Pearson
    1934), `None` where no item has a score; `unscored` items have none and count nowhere.
    """

    dataset: str
    detector: str
    key: str
    value: str
    threshold: float
    scored: int
    unscored: int
    false_positives: int
    rate: Figure | None


def group_rows(evaluated: Sequence[Evaluated], detectors: Sequence[DetectorFacts]) -> tuple[GroupRow, ...]:
    """A row for each dataset, detector, attribute and value among the real items."""
    members: defaultdict[tuple[str, str, str], list[Evaluated]] = defaultdict(list)
    for one in evaluated:
        if not one.item.manipulated:
            for key, value in one.item.attributes.items():
                members[one.item.dataset, key, value].append(one)
    return tuple(
        _row(dataset, key, value, members[dataset, key, value], detector)
        for detector in detectors
        for dataset, key, value in sorted(members)
    )


def _row(
    dataset: str, key: str, value: str, members: Sequence[Evaluated], detector: DetectorFacts
) -> GroupRow:
    given = [one.scores[detector.name].video for one in members if detector.name in one.scores]
    scores = [score for score in given if score is not None]
    alarms = sum(score >= detector.thresholds.cue for score in scores)
    return GroupRow(
        dataset=dataset,
        detector=detector.name,
        key=key,
        value=value,
        threshold=detector.thresholds.cue,
        scored=len(scores),
        unscored=len(members) - len(scores),
        false_positives=alarms,
        rate=_rate(alarms, len(scores)) if scores else None,
    )


def _rate(count: int, total: int) -> Figure:
    interval = binomtest(count, total).proportion_ci()
    return Figure(count / total, float(interval.low), float(interval.high))
