"""The evaluation as plain frozen data: every figure, count and statement that its outputs are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from forensics.data.faces import Label
from forensics.evaluation.comparisons import FINE_RESAMPLES, RESAMPLES, Row, compare
from forensics.evaluation.curves import Curve, Reliability, curves_of, reliabilities_of
from forensics.evaluation.folder import DatasetFacts, Finished
from forensics.evaluation.groups import GroupRow, group_rows
from forensics.evaluation.metrics import MIN_GROUPS, SEED, STRICT_FALSE_POSITIVE_RATE
from forensics.evaluation.robustness import SweepRow, sweep_rows
from forensics.evaluation.scores import DetectorFacts, Evaluated, Level
from forensics.evaluation.sweep import AS_GIVEN
from forensics.report.facts import SettingsFacts
from forensics.report.model import ModelFile
from forensics.run_facts import tool_version

SCHEMA_VERSION = "1.0"


@dataclass(frozen=True)
class CountRow:
    """What became of a dataset's items of one label, method and compression with one detector.

    `items` = `scored` + `unscored` + `unreadable`; only the scored ones enter any figure.
    """

    dataset: str
    label: Label
    method: str
    compression: str
    detector: str
    items: int
    scored: int
    unscored: int
    unreadable: int


@dataclass(frozen=True)
class Unscored:
    """An item without a score by a detector, and why: it never gets one made up."""

    item: str
    detector: str
    reason: str


@dataclass(frozen=True)
class Unreadable:
    """An item that could not be analysed, and the fault in one line."""

    item: str
    fault: str


@dataclass(frozen=True)
class Evaluation:
    """One evaluation; `how` says in sentences what its figures are."""

    schema_version: str
    tool_version: str
    how: tuple[str, ...]
    datasets: tuple[DatasetFacts, ...]
    detectors: tuple[DetectorFacts, ...]
    settings: tuple[SettingsFacts, ...]
    weights: tuple[ModelFile, ...]
    example_report: str | None
    counts: tuple[CountRow, ...]
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...]
    reliability: tuple[Reliability, ...]
    groups: tuple[GroupRow, ...]
    sweep: tuple[SweepRow, ...]
    unscored: tuple[Unscored, ...]
    unreadable: tuple[Unreadable, ...]

    @property
    def rows_by_level(self) -> dict[tuple[str, Level], tuple[Row, ...]]:
        """The rows of each dataset at each level, videos first."""
        keys = dict.fromkeys((row.comparison.dataset, row.level) for row in self.rows)
        return {
            key: tuple(row for row in self.rows if (row.comparison.dataset, row.level) == key) for key in keys
        }

    @property
    def groups_by_key(self) -> dict[tuple[str, str], tuple[GroupRow, ...]]:
        """One table per dataset and attribute, its values in order."""
        keys = dict.fromkeys((row.dataset, row.key) for row in self.groups)
        ordered = sorted(self.groups, key=lambda row: row.value)
        return {key: tuple(row for row in ordered if (row.dataset, row.key) == key) for key in keys}


def evaluation_of(
    finished: Finished, *, resamples: int = RESAMPLES, fine_resamples: int = FINE_RESAMPLES
) -> Evaluation:
    """Every figure of finished analyses. Equal analyses give equal figures."""
    as_given = finished.evaluated.get(AS_GIVEN, ())
    detectors = finished.detectors
    rows = tuple(compare(as_given, detectors, resamples=resamples, fine_resamples=fine_resamples))
    return Evaluation(
        schema_version=SCHEMA_VERSION,
        tool_version=tool_version(),
        how=_how(resamples, fine_resamples),
        datasets=finished.datasets,
        detectors=detectors,
        settings=finished.settings,
        weights=finished.weights,
        example_report=finished.first_report,
        counts=tuple(_counts(finished)),
        rows=rows,
        curves=tuple(curves_of(as_given, rows)),
        reliability=tuple(reliabilities_of(rows)),
        groups=group_rows(as_given, detectors),
        sweep=sweep_rows(finished.evaluated, detectors, resamples=fine_resamples),
        unscored=tuple(_unscored(as_given)),
        unreadable=tuple(Unreadable(item.name, fault) for item, fault in finished.unreadable),
    )


def _unscored(evaluated: tuple[Evaluated, ...]) -> Iterator[Unscored]:
    for one in evaluated:
        for detector, scores in one.scores.items():
            if scores.reason is not None:
                yield Unscored(one.item.name, detector, scores.reason)


def _counts(finished: Finished) -> Iterator[CountRow]:
    as_given = finished.evaluated.get(AS_GIVEN, ())
    unreadable = [item for item, _ in finished.unreadable]
    for detector in finished.detectors:
        counted: Counter[tuple[tuple[str, Label, str, str], str]] = Counter()
        for one in as_given:
            if detector.name in one.scores:
                kind = "unscored" if one.scores[detector.name].video is None else "scored"
                counted[one.item.stratum, kind] += 1
        for item in unreadable:
            counted[item.stratum, "unreadable"] += 1
        for stratum in sorted({stratum for stratum, _ in counted}):
            kinds = [counted[stratum, kind] for kind in ("scored", "unscored", "unreadable")]
            yield CountRow(*stratum, detector.name, sum(kinds), *kinds)


def _how(resamples: int, fine_resamples: int) -> tuple[str, ...]:
    return (
        "Scores are higher for what looks more manipulated. A video's score is the mean over its most "
        "suspicious person, as in reports and calibrations; a track is a person with enough scored frames, a "
        "second the mean of a person over one second of the video's clock, a frame one scored face in one "
        "sampled frame. Each is labelled as its video.",
        "Videos without a face, and those a detector abstained from or failed on, have no score: they are "
        "listed and counted, and enter no figure.",
        f"Intervals are 95 % percentile bootstrap intervals, whole videos drawn with replacement "
        f"({resamples} draws, {fine_resamples} below the level of videos and in the sweep; seed {SEED}).",
        "Accuracy and false positives are those at the detector's own threshold for a cue, which is not "
        "fitted to these data: a score at or above it counts as fake.",
        f"TPR at {STRICT_FALSE_POSITIVE_RATE:.0%} FPR is the highest share of manipulated units found while "
        "at most that share of real ones passes; with fewer than 100 real units that means none.",
        "Cllr and ECE are those of videos. Each video's likelihood ratio comes from a logistic regression on "
        "the scores of the other folds (up to 10 stratified folds; videos with the same identity entry stay "
        "together), both classes weighing the same, bounded by what those data support (ELUB). ECE compares "
        f"P(fake) at the data's own prior over bins of equal mass. Under {MIN_GROUPS} identities of a class "
        "there are none.",
    )
