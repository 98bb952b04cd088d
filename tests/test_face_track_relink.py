"""Grouping of tracklets by identity, against a plain writing of the method and on cases done by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from face.relink import group_identities, in_order_of_appearance


def plain(sums: npt.NDArray[np.float64], rivals: set[tuple[int, int]], limit: float) -> list[int]:
    """The same clustering with nothing kept between two joins."""
    groups = [[number] for number in range(len(sums))]
    while True:
        options = []
        for a, one in enumerate(groups):
            for b, other in enumerate(groups[:a]):
                if not any((min(i, j), max(i, j)) in rivals for i in one for j in other):
                    u, v = sums[one].sum(0), sums[other].sum(0)
                    options.append((float(u @ v / np.linalg.norm(u) / np.linalg.norm(v)), a, b))
        if not options or max(options)[0] < limit:
            break
        _, a, b = max(options)
        groups[b] += groups.pop(a)
    groups.sort(key=min)
    return [next(k for k, group in enumerate(groups) if number in group) for number in range(len(sums))]


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_the_plain_method(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = rng.normal(size=(5, 16)) + 2
    who = rng.integers(5, size=40)
    sums = (people[who] + rng.normal(size=(40, 16)) * 0.9) * rng.integers(1, 9, (40, 1))
    pairs = rng.integers(40, size=(60, 2))
    rivals = {(int(min(pair)), int(max(pair))) for pair in pairs if pair[0] != pair[1]}
    found = group_identities(sums, rivals, min_similarity=0.9)
    assert found.tolist() == plain(sums, rivals, 0.9)
    assert 2 < found.max() < 39


def test_a_group_takes_over_the_rivals_of_both_parts() -> None:
    angles = np.radians([0.0, 1.0, 3.0])
    sums = np.stack([np.cos(angles), np.sin(angles)], 1)
    for rival in (0, 1):
        assert group_identities(sums, [(rival, 2)], min_similarity=0.9).tolist() == [0, 0, 1]


def test_nothing_and_one_tracklet_need_no_grouping() -> None:
    assert group_identities(np.zeros(0), [], min_similarity=0.9).tolist() == []
    assert group_identities(np.ones((1, 4)), [], min_similarity=0.9).tolist() == [0]


def test_groups_are_numbered_as_they_appear() -> None:
    assert in_order_of_appearance(np.array([7, 2, 7, 9, 2])).tolist() == [0, 1, 0, 2, 1]
