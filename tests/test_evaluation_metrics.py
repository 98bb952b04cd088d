"""Figures of an evaluation against hand-worked cases and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from forensics.evaluation.metrics import (
    CalibratedFigures,
    average_precision,
    calibrated_figures,
    ranking_figures,
    true_positive_rate_at,
)
from forensics.metrics import roc

# Falling scores: fake, fake, real, fake, real.
SCORES = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
LABELS = np.array([True, True, False, True, False])
NAMES = list("abcde")


def test_ranking_figures_of_five_videos_are_those_worked_by_hand() -> None:
    found = ranking_figures(SCORES, LABELS, NAMES, threshold=3.0, resamples=50)
    # Of six pairs one is the wrong way round.
    assert found.auc.value == pytest.approx(5 / 6)
    # Precision where each fake passes: 1/1, 2/2, 3/4.
    assert found.average_precision.value == pytest.approx((1 + 1 + 3 / 4) / 3)
    # At 3.0 one real of two passes and one fake of three is missed; between (0, 2/3) and (1/2, 2/3) the
    # missed share is 1/3 all along.
    assert found.equal_error_rate.value == pytest.approx(1 / 3)
    # Two fakes score above every real one.
    assert found.true_positive_rate.value == pytest.approx(2 / 3)
    # 5, 4 and 3 count as fake: two right, one wrong; of 2 and 1 one is right.
    assert found.accuracy.value == pytest.approx(3 / 5)
    assert found.threshold == 3.0


def test_perfect_scores_leave_no_room_for_an_interval() -> None:
    labels = np.array([True, True, False, False])
    found = ranking_figures(np.array([4.0, 3.0, 2.0, 1.0]), labels, list("abcd"), threshold=2.5, resamples=50)
    for figure in (found.auc, found.average_precision, found.true_positive_rate, found.accuracy):
        assert (figure.value, figure.low, figure.high) == (1, 1, 1)
    assert found.equal_error_rate.value == 0


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_that_of_scikit_learn_with_ties_too(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.random(60) < 0.3
    scores = np.round(random.normal(labels * 1.0), 1)
    positives = int(labels.sum())
    ours = average_precision(roc(scores, labels), positives=positives, negatives=60 - positives)
    assert ours == pytest.approx(average_precision_score(labels, scores))


def test_at_one_percent_of_200_real_ones_two_may_pass() -> None:
    real, fake = np.arange(200.0), np.array([500.0, 198.5, 197.5, 196.5, 0.5])
    labels = np.array([False] * 200 + [True] * 5)
    curve = roc(np.concatenate([real, fake]), labels)
    # 199 and 198 pass with the fake at 197.5; 197 would be the third.
    assert true_positive_rate_at(curve, 0.01) == pytest.approx(3 / 5)
    assert true_positive_rate_at(curve, 0.0) == pytest.approx(1 / 5)


def test_intervals_draw_whole_videos_not_frames() -> None:
    """A hundred equal frames of a video are one piece of evidence."""
    random = np.random.default_rng(0)
    labels = np.arange(12) % 2 == 1
    scores = random.normal(labels * 1.0)
    once = ranking_figures(scores, labels, [str(n) for n in range(12)], threshold=0, resamples=100)
    frames = ranking_figures(
        scores.repeat(100),
        labels.repeat(100),
        [str(n) for n in range(12) for _ in range(100)],
        threshold=0,
        resamples=100,
    )
    assert once.auc == frames.auc
    assert once.auc.high - once.auc.low > 0.3


def test_calibrated_figures_of_normal_scores_come_near_what_such_scores_are_worth() -> None:
    random = np.random.default_rng(1)
    labels = np.arange(400) % 2 == 1
    scores = random.normal(np.where(labels, 1.0, -1.0))
    names = [f"{number:03}" for number in range(400)]
    found = calibrated_figures(scores, labels, names, names, resamples=50)
    assert isinstance(found, CalibratedFigures)
    # The true likelihood ratios of N(1,1) and N(-1,1) are exp(2 score); their cost on these very scores:
    missed, alarmed = np.exp(-2 * scores[labels]), np.exp(2 * scores[~labels])
    ideal = (np.log2(1 + missed).mean() + np.log2(1 + alarmed).mean()) / 2
    assert found.cllr.value == pytest.approx(ideal, abs=0.02)
    assert found.cllr_min.value < found.cllr.value
    assert found.expected_calibration_error.value < 0.1
    assert (found.folds, found.bins) == (10, 10)
    assert len(found.probabilities) == len(found.labels) == 400


def test_too_few_identities_and_scores_that_fall_with_manipulation_give_no_calibration() -> None:
    labels = np.arange(20) % 2 == 1
    names = [f"{number:02}" for number in range(20)]
    rising = labels * 1.0 + np.arange(20) / 100
    few = calibrated_figures(
        rising, labels, names, ["one" if label else "two" for label in labels], resamples=5
    )
    assert few == "1 identities of manipulated videos; cross-validation needs 5"
    assert calibrated_figures(-rising, labels, names, names, resamples=5) == (
        "the scores do not rise with manipulation"
    )
