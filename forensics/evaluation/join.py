"""Joins finished evaluations, of other datasets or by other detectors, into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from forensics.errors import UsageFault
from forensics.evaluation.folder import Finished
from forensics.evaluation.scores import Evaluated, Scores
from forensics.evaluation.sweep import Condition

_REMEDY = "join the folders as NAME=FOLDER to tell its runs apart"


def joined(parts: Sequence[Finished]) -> Finished:
    """All items of the parts with the scores of all their detectors.

    What two parts both have must be the same in both. Raises UsageFault for an item that is labelled
    differently or that a detector of one name scores differently, and for a detector with two thresholds.
    """
    detectors = {one.name: one for part in parts for one in part.detectors}
    for part in parts:
        for one in part.detectors:
            if one.thresholds != detectors[one.name].thresholds:
                raise UsageFault(f"{one.name}: has two thresholds; {_REMEDY}")
    conditions = dict.fromkeys(condition for part in parts for condition in part.evaluated)
    evaluated = {condition: _items(parts, condition) for condition in conditions}
    read = {one.item.name for found in evaluated.values() for one in found}
    unreadable = {item.name: (item, fault) for part in parts for item, fault in part.unreadable}
    return Finished(
        datasets=tuple({one.name: one for part in parts for one in part.datasets}.values()),
        evaluated=evaluated,
        unreadable=tuple(both for name, both in unreadable.items() if name not in read),
        detectors=tuple(detectors.values()),
        settings=tuple(dict.fromkeys(one for part in parts for one in part.settings)),
        weights=tuple(dict.fromkeys(one for part in parts for one in part.weights)),
        first_report=None,
    )


def renamed(part: Finished, prefix: str) -> Finished:
    """The same with `prefix` and a blank before the name of every detector, to tell two runs of it apart."""
    return replace(
        part,
        evaluated={
            condition: tuple(
                replace(one, scores={f"{prefix} {name}": scores for name, scores in one.scores.items()})
                for one in found
            )
            for condition, found in part.evaluated.items()
        },
        detectors=tuple(replace(one, name=f"{prefix} {one.name}") for one in part.detectors),
    )


def _items(parts: Sequence[Finished], condition: Condition) -> tuple[Evaluated, ...]:
    found: dict[str, Evaluated] = {}
    for part in parts:
        for one in part.evaluated.get(condition, ()):
            before = found.setdefault(one.item.name, one)
            if before.item != one.item:
                raise UsageFault(
                    f"{one.item.name}: is labelled otherwise in another folder; evaluate it again"
                )
            found[one.item.name] = Evaluated(one.item, _scores(before, one))
    return tuple(found.values())


def _scores(one: Evaluated, other: Evaluated) -> Mapping[str, Scores]:
    for name in one.scores.keys() & other.scores.keys():
        if one.scores[name] != other.scores[name]:
            raise UsageFault(f"{one.item.name}: {name} scores it in two ways; {_REMEDY}")
    return {**one.scores, **other.scores}
