"""Makes a calibration from labelled scores, with figures of merit on videos it was not fitted on."""

from __future__ import annotations

import math

import numpy as np

from forensics.calibration.crossval import cross_validated_figures
from forensics.calibration.curve import ScoreModel
from forensics.calibration.facts import DataFacts, Digest, Input, Range, SeenConditions
from forensics.calibration.fit import Method, fit_model
from forensics.calibration.record import Calibration
from forensics.calibration.table import ScoreTable
from forensics.errors import CalibrationError
from forensics.metrics import Floats, auc
from forensics.run_facts import tool_version

# With fewer, the bounds allow hardly any statement and the intervals say nothing.
MIN_PER_CLASS = 10
# A number of people counts as seen if this share of the videos of either label, and this many, reached it:
# a single crowd does not teach what the highest score of a crowd is worth.
PEOPLE_SHARE, PEOPLE_VIDEOS = 0.1, 2


def calibrate(
    table: ScoreTable,
    method: Method,
    *,
    settings: dict[str, object],
    weights: tuple[Digest, ...],
    description: str,
    seed: int = 7,
) -> Calibration:
    """The calibration fitted on all of `table`; its figures are cross-validated by group.

    `settings` and `weights` say what made the scores (`recorded_settings`, `weights_of`). Raises
    CalibrationError for too little data, scores that fall with manipulation, and no weights.
    """
    _check_table(table, method)
    if not weights:
        raise CalibrationError(
            f"{table.sources[0].name}: no digests of weights are known for these scores; name a report"
        )
    scores, labels = table.scores, table.labels
    model = fit_model(scores, labels, method)
    _check_rises(table, model)
    return Calibration(
        inputs=tuple(Input(name, _range(scores[:, column])) for column, name in enumerate(table.detectors)),
        model=model,
        conditions=_seen_conditions(table),
        data=DataFacts(
            description=description,
            manipulated=int(labels.sum()),
            not_manipulated=int((~labels).sum()),
            groups=len(set(table.groups)),
            groups_given=table.groups_given,
            left_out=table.left_out,
            sources=table.sources,
        ),
        figures=cross_validated_figures(table, method, seed),
        settings=settings,
        weights=weights,
        tool_version=tool_version(),
    )


def _check_table(table: ScoreTable, method: Method) -> None:
    """Refuse what gives no calibration worth the name; messages name the file the labels came from."""
    labels, groups, source = table.labels, np.array(table.groups), table.sources[0].name
    for wanted, name in ((True, "fake"), (False, "real")):
        count = int((labels == wanted).sum())
        if count < MIN_PER_CLASS:
            raise CalibrationError(
                f"{source}: {count} {name} videos with a score, {table.left_out} labelled ones without; "
                f"a calibration needs {MIN_PER_CLASS} of each"
            )
        if len(set(groups[labels == wanted].tolist())) < 2:
            raise CalibrationError(
                f"{source}: all {name} videos are of one group; cross-validation needs two"
            )
    for column, detector in enumerate(table.detectors):
        if np.ptp(table.scores[:, column]) == 0:
            raise CalibrationError(
                f"{source}: all scores of {detector} are equal; nothing can be told by them"
            )
    if len(table.detectors) > 1 and method is not Method.LOGISTIC:
        raise CalibrationError("scores are fused by logistic regression only; choose --method logistic")


def _check_rises(table: ScoreTable, model: ScoreModel) -> None:
    """Refuse to turn a detector round; in a fusion a lesser score may well correct the leading one."""
    shares = np.asarray(model.weights) * table.scores.std(axis=0)
    leading = int(np.abs(shares).argmax())
    name, found = table.detectors[leading], auc(table.scores[:, leading], table.labels)
    if found <= 0.5 or shares[leading] <= 0:
        raise CalibrationError(
            f"{table.sources[0].name}: the scores of {name} do not rise with manipulation "
            f"(AUC {found:.2f}); look for swapped labels, or take a detector that works on such videos"
        )


def _seen_conditions(table: ScoreTable) -> SeenConditions | None:
    """What the videos covered, `None` where nothing is known of their faces."""
    known = [(one.conditions, one.labelled.manipulated) for one in table.videos if one.conditions is not None]
    if not known:
        return None
    both = ([seen.people for seen, label in known if label is wanted] for wanted in (True, False))
    low, high = zip(*map(_people, filter(None, both)), strict=True)
    if max(low) > min(high):
        raise CalibrationError(
            f"{table.sources[0].name}: the videos of one label show {max(low)} people or more, those "
            f"of the other {min(high)} or fewer, and of more people the highest is higher; even them out"
        )
    conditions = [seen for seen, _ in known]
    return SeenConditions(
        size_pixels=_range(np.array([one.size_pixels for one in conditions])),
        sharpness=_range(np.array([one.sharpness for one in conditions])),
        least_frames=min(one.scored_frames for one in conditions),
        people=Range(max(low), min(high)),
    )


def _people(counts: list[int]) -> tuple[int, int]:
    """The least and the largest number of people that enough videos have."""
    ordered, enough = sorted(counts), max(PEOPLE_VIDEOS, math.ceil(PEOPLE_SHARE * len(counts)))
    return ordered[min(enough, len(counts)) - 1], ordered[-min(enough, len(counts))]


def _range(values: Floats) -> Range:
    return Range(float(values.min()), float(values.max()))
