"""Findings on constructed sequences with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from forensics.aggregate import Label, Reason, Thresholds, TrackFinding, find_in_track, find_in_video
from forensics.scores import Abstention, FrameScores, ScoreKind, abstain_where_not_finite

LIMITS = Thresholds(cue=1.0, clear=-1.0, source="test")


def scores_of(values: list[float], tracks: list[int]) -> FrameScores:
    score, abstained = abstain_where_not_finite(np.array(values), (None,) * len(values))
    frames = np.arange(len(values))
    return FrameScores("stub", ScoreKind.LOGIT, score, None, frames, np.array(tracks), abstained)


@pytest.mark.parametrize(
    ("values", "label", "reason"),
    [
        ([1.0, 1.0, 1.0], Label.CUES, None),
        ([-1.0, -1.0, -1.0], Label.NO_CUE, None),
        ([0.9, 1.0, 1.0], Label.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS),
        ([9.0, 9.0], Label.INCONCLUSIVE, Reason.TOO_FEW_FRAMES),
        ([9.0, 9.0, np.nan], Label.INCONCLUSIVE, Reason.TOO_FEW_FRAMES),
        ([np.nan, np.inf, -np.inf], Label.INCONCLUSIVE, Reason.NOTHING_SCORED),
    ],
)
def test_a_track_is_judged_by_the_mean_of_its_scored_faces(
    values: list[float], label: Label, reason: Reason | None
) -> None:
    finding = find_in_track(scores_of(values, [0] * len(values)), 0, LIMITS)
    assert (finding.label, finding.reason) == (label, reason)
    assert finding.scored + finding.abstained == len(values)


def test_people_are_never_pooled() -> None:
    scores = scores_of([5.0, 5.0, 5.0, -5.0, -5.0, -5.0], [0, 0, 0, 1, 1, 1])
    assert find_in_track(scores, 0, LIMITS).mean_score == 5.0
    assert find_in_track(scores, 1, LIMITS).mean_score == -5.0


def test_the_order_of_arrival_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    values = (rng.normal(size=200) * 10.0 ** rng.integers(-8, 8, 200)).tolist()
    means = set()
    for _ in range(20):
        rng.shuffle(values)
        means.add(find_in_track(scores_of(values, [0] * 200), 0, LIMITS).mean_score)
    assert len(means) == 1


def finding(track: int, mean: float | None, reason: Reason | None, label: Label) -> TrackFinding:
    return TrackFinding("stub", track, label, reason, mean, 5, 0)


CUES = finding(0, 2.0, None, Label.CUES)
CLEAR = finding(1, -2.0, None, Label.NO_CUE)
UNDECIDED = finding(2, 0.0, Reason.BETWEEN_THRESHOLDS, Label.INCONCLUSIVE)
PASSER_BY = finding(3, 8.0, Reason.TOO_FEW_FRAMES, Label.INCONCLUSIVE)
POOR = finding(4, None, Reason.NOTHING_SCORED, Label.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("tracks", "label", "reason", "top"),
    [
        ([], Label.INCONCLUSIVE, Reason.NO_FACE, None),
        ([CLEAR, CUES], Label.CUES, None, 0),
        ([CLEAR, UNDECIDED], Label.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS, 2),
        ([CLEAR, PASSER_BY, POOR], Label.NO_CUE, None, 1),
        ([PASSER_BY, POOR], Label.INCONCLUSIVE, Reason.TOO_FEW_FRAMES, None),
        ([POOR], Label.INCONCLUSIVE, Reason.NOTHING_SCORED, None),
    ],
)
def test_the_video_takes_its_finding_from_its_people(
    tracks: list[TrackFinding], label: Label, reason: Reason | None, top: int | None
) -> None:
    video = find_in_video("stub", tracks)
    assert (video.label, video.reason, video.most_suspicious) == (label, reason, top)


def test_outputs_that_are_not_finite_become_abstentions_and_reasons_stand() -> None:
    score, reasons = abstain_where_not_finite(
        np.array([1.0, np.inf, np.nan]), (None, None, Abstention.BLURRED)
    )
    assert reasons == (None, Abstention.NOT_FINITE, Abstention.BLURRED)
    np.testing.assert_array_equal(score, [1.0, np.nan, np.nan])


def test_a_score_without_a_reason_to_abstain_must_be_finite() -> None:
    frames = np.arange(1)
    with pytest.raises(ValueError, match="finite"):
        FrameScores("stub", ScoreKind.LOGIT, np.array([np.inf]), None, frames, None, (None,))
