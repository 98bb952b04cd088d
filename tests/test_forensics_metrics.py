"""Figures of merit against cases worked out by hand and values computed by another package."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from forensics.metrics import (
    auc,
    bootstrap_interval,
    cllr,
    cllr_min,
    equal_error_rate,
    expected_calibration_error,
)

# Scores whose figures were computed once with `lir` 1.3.1 of the Netherlands Forensic Institute.
OTHER = [-2.1, -1.7, -1.4, -0.9, -0.6, -0.3, -0.1, 0.2, 0.5, 0.8, 1.3, 2.4]
MANIPULATED = [-0.8, 0.1, 0.4, 0.9, 1.2, 1.5, 1.9, 2.2, 2.8, 3.1]


def labelled(
    manipulated: list[float], other: list[float]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    labels = [True] * len(manipulated) + [False] * len(other)
    return np.array(manipulated + other, dtype=np.float64), np.array(labels)


@pytest.mark.parametrize(
    ("manipulated", "other", "expected"),
    [([3.0, 1.0], [2.0, 0.0], 0.75), ([1.0], [1.0], 0.5), ([2.0], [1.0], 1.0), ([0.0], [1.0], 0.0)],
)
def test_auc_counts_pairs_and_halves_ties(
    manipulated: list[float], other: list[float], expected: float
) -> None:
    assert auc(*labelled(manipulated, other)) == expected


@pytest.mark.parametrize(
    ("manipulated", "other", "expected"),
    [
        ([0.9, 0.6, 0.4], [0.5, 0.3, 0.1], 1 / 3),
        # The ROC runs from (0, 0.5) to (1/3, 1): 1 - 0.5 - 1.5 f = f.
        ([2.0, 1.0], [1.0, 0.0, 0.0], 0.2),
        ([1.0, 1.0], [1.0], 0.5),
        ([2.0, 3.0], [0.0, 1.0], 0.0),
        ([0.0], [1.0], 1.0),
    ],
)
def test_the_equal_error_rate_lies_where_the_roc_meets_the_diagonal(
    manipulated: list[float], other: list[float], expected: float
) -> None:
    assert equal_error_rate(*labelled(manipulated, other)) == pytest.approx(expected)


def test_cllr_is_one_for_ratios_that_say_nothing_and_grows_with_misleading_ones() -> None:
    assert cllr(*labelled([0.0, 0.0], [0.0])) == pytest.approx(1.0)
    # LR 3 and 1/3: log2(4/3) on either side.
    assert cllr(*labelled([np.log10(3)], [-np.log10(3)])) == pytest.approx(np.log2(4 / 3))
    assert cllr(*labelled([-100.0], [0.0])) == pytest.approx((100 * np.log2(10) + 1) / 2)


def test_cllr_weighs_both_classes_the_same_whatever_their_numbers() -> None:
    assert cllr(*labelled([1.0], [-0.5] * 9)) == pytest.approx(cllr(*labelled([1.0], [-0.5])))


def test_cllr_min_is_that_of_pooled_neighbours() -> None:
    # 0 and 3 are certain; 1 and 2 are in the wrong order and share LR 1.
    assert cllr_min(*labelled([1.0, 3.0], [0.0, 2.0])) == pytest.approx(0.5)
    assert cllr_min(*labelled([2.0, 3.0], [0.0, 1.0])) == 0.0
    assert cllr_min(*labelled([0.0], [1.0])) == pytest.approx(1.0)


def test_cllr_and_cllr_min_are_those_of_lir() -> None:
    scores, labels = labelled(MANIPULATED, OTHER)
    assert cllr(scores, labels) == pytest.approx(1.0884440054006597, rel=1e-12)
    assert cllr_min(scores, labels) == pytest.approx(0.64263248218841, rel=1e-12)


def test_the_calibration_error_is_the_distance_of_frequency_and_probability() -> None:
    probabilities, labels = np.array([0.1, 0.1, 0.9, 0.9]), np.array([False, True, True, True])
    assert expected_calibration_error(probabilities, labels, bins=2) == pytest.approx(0.25)
    assert expected_calibration_error(probabilities, labels, bins=1) == pytest.approx(0.25)
    assert expected_calibration_error(labels.astype(float), labels, bins=2) == 0.0


def test_equal_probabilities_share_a_bin_so_that_order_makes_no_difference() -> None:
    probabilities = np.array([0.2, 0.5, 0.5, 0.5, 0.5, 0.9])
    labels = np.array([False, True, True, False, False, True])
    forwards = expected_calibration_error(probabilities, labels, bins=3)
    order = np.array([5, 3, 1, 4, 2, 0])
    assert expected_calibration_error(probabilities[order], labels[order], bins=3) == pytest.approx(forwards)
    # 0.5 is right twice in four; 0.2 and 0.9 are off by 0.2 and 0.1.
    assert forwards == pytest.approx((0.2 + 0.1) / 6)


def test_the_bootstrap_draws_whole_groups_and_never_one_class_only() -> None:
    groups = ["a", "a", "a", "b", "b", "c"]
    labels = np.array([True, True, True, False, False, True])
    drawn: list[npt.NDArray[np.intp]] = []

    def note(indices: npt.NDArray[np.intp]) -> float:
        drawn.append(indices)
        return 0.0

    bootstrap_interval(note, labels, groups=groups, resamples=50, seed=1)
    assert len(drawn) == 50
    for indices in drawn:
        counts = np.bincount(indices, minlength=6)
        assert counts[0] == counts[1] == counts[2]
        assert counts[3] == counts[4] > 0
    assert len({tuple(indices) for indices in drawn}) > 5


def test_the_interval_of_grouped_videos_is_wider_than_that_of_independent_ones() -> None:
    random = np.random.default_rng(2)
    labels = np.repeat(random.random(40) < 0.5, 10)
    scores = np.repeat(random.normal(size=40), 10) + labels

    def width(groups: list[str]) -> float:
        interval = bootstrap_interval(
            lambda drawn: auc(scores[drawn], labels[drawn]), labels, groups=groups, resamples=100, seed=3
        )
        assert interval.low < auc(scores, labels) < interval.high
        return interval.high - interval.low

    together = width([str(index // 10) for index in range(400)])
    assert together > 2 * width([str(index) for index in range(400)])


def test_the_interval_is_the_same_for_the_same_seed() -> None:
    scores, labels = labelled(MANIPULATED, OTHER)
    groups = [str(index) for index in range(len(labels))]

    def interval(seed: int) -> object:
        return bootstrap_interval(
            lambda drawn: auc(scores[drawn], labels[drawn]), labels, groups=groups, resamples=50, seed=seed
        )

    assert interval(1) == interval(1) != interval(2)


def test_labels_of_one_class_have_no_interval() -> None:
    with pytest.raises(ValueError, match="one class"):
        bootstrap_interval(lambda _: 0.0, np.array([True]), groups=["a"], resamples=1, seed=1)
