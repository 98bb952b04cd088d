"""Which real items are compared with which manipulated ones, at which level, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from forensics.data.faces import Label
from forensics.evaluation.items import Item
from forensics.evaluation.metrics import (
    CalibratedFigures,
    RankingFigures,
    calibrated_figures,
    ranking_figures,
)
from forensics.evaluation.scores import DetectorFacts, Evaluated, Level
from forensics.metrics import Floats, Labels

RESAMPLES = 1000
# The levels below the video have many units to a draw.
FINE_RESAMPLES = 200


class By(StrEnum):
    """What sets the manipulated items of a comparison apart."""

    ALL = "all"
    KIND = "kind"
    METHOD = "method"
    COMPRESSION = "compression"


@dataclass(frozen=True)
class Comparison:
    """The real items of a dataset against its manipulated ones of one kind, method or compression.

    `value` names that one, empty for all. A compression sets the real items apart too.
    """

    dataset: str
    by: By
    value: str = ""

    @property
    def against(self) -> str:
        """What the real items are compared with."""
        if self.by is By.ALL:
            return "all"
        return f"all at {self.value}" if self.by is By.COMPRESSION else self.value

    @property
    def title(self) -> str:
        return f"real against {self.against}"

    def holds(self, item: Item) -> bool:
        """Whether the item takes part, whatever its label."""
        if item.dataset != self.dataset:
            return False
        if self.by is By.COMPRESSION:
            return item.compression == self.value
        if self.by is By.ALL or not item.manipulated:
            return True
        return self.value == (item.label.value if self.by is By.KIND else item.method)


@dataclass(frozen=True)
class Row:
    """One detector in one comparison at one level: counts of units and videos with a score, and figures.

    `figures` is `None` with one class missing; `calibrated` is `None` below the level of videos and where
    `why_uncalibrated` says why.
    """

    comparison: Comparison
    detector: str
    level: Level
    real: int
    manipulated: int
    real_videos: int
    manipulated_videos: int
    figures: RankingFigures | None
    calibrated: CalibratedFigures | None
    why_uncalibrated: str | None


def comparisons_of(items: Sequence[Item]) -> tuple[Comparison, ...]:
    """Every comparison the items allow: all, then each kind, method and compression, dataset by dataset.

    Of comparisons of the very same items only the first stands.
    """
    found: dict[frozenset[str], Comparison] = {}
    for dataset in dict.fromkeys(item.dataset for item in items):
        own = [item for item in items if item.dataset == dataset]
        fakes = [item for item in own if item.manipulated]
        parts = {
            By.ALL: [""],
            By.KIND: [kind.value for kind in Label if any(item.label is kind for item in fakes)],
            By.METHOD: sorted({item.method for item in fakes}),
            By.COMPRESSION: sorted({item.compression for item in own}),
        }
        for comparison in (
            Comparison(dataset, by, value) for by, values in parts.items() for value in values
        ):
            found.setdefault(frozenset(item.name for item in own if comparison.holds(item)), comparison)
    return tuple(found.values())


def compare(
    evaluated: Sequence[Evaluated],
    detectors: Sequence[DetectorFacts],
    *,
    resamples: int = RESAMPLES,
    fine_resamples: int = FINE_RESAMPLES,
    done: Callable[[], None] = lambda: None,
) -> Iterator[Row]:
    """Every detector in every comparison at every level; `done` is called after each row."""
    for comparison in comparisons_of([one.item for one in evaluated]):
        held = [one for one in evaluated if comparison.holds(one.item)]
        for detector in detectors:
            for level in Level:
                draws = resamples if level is Level.VIDEO else fine_resamples
                yield _row(held, comparison, detector, level, draws)
                done()


def units(evaluated: Sequence[Evaluated], detector: str, level: Level) -> tuple[Floats, Labels, list[Item]]:
    """The scores [N] and labels [N] of that level, and the item of each; items without a score have none."""
    rows = [
        (score, one.item)
        for one in evaluated
        if detector in one.scores
        for score in one.scores[detector].at(level)
    ]
    scores = np.array([score for score, _ in rows], np.float64)
    return scores, np.array([item.manipulated for _, item in rows], np.bool_), [item for _, item in rows]


def _row(
    held: Sequence[Evaluated], comparison: Comparison, detector: DetectorFacts, level: Level, resamples: int
) -> Row:
    scores, labels, items = units(held, detector.name, level)
    names = [item.name for item in items]
    figures: RankingFigures | None = None
    calibrated: CalibratedFigures | str = "figures of calibration are those of videos"
    if labels.any() and not labels.all():
        figures = ranking_figures(
            scores, labels, names, threshold=detector.thresholds.cue, resamples=resamples
        )
        if level is Level.VIDEO:
            identities = [item.identity for item in items]
            calibrated = calibrated_figures(scores, labels, names, identities, resamples=resamples)
    elif level is Level.VIDEO:
        calibrated = "one class only"
    return Row(
        comparison=comparison,
        detector=detector.name,
        level=level,
        real=int((~labels).sum()),
        manipulated=int(labels.sum()),
        real_videos=len({item.name for item in items if not item.manipulated}),
        manipulated_videos=len({item.name for item in items if item.manipulated}),
        figures=figures,
        calibrated=None if isinstance(calibrated, str) else calibrated,
        why_uncalibrated=calibrated if isinstance(calibrated, str) else None,
    )
