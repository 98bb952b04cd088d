"""Findings on constructed sequences with known answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from scipy.special import expit

from forensics.aggregate import find_in_track as find_with_frames
from forensics.aggregate import find_in_video
from forensics.detector import Scope
from forensics.findings import NO_VERDICT_REASONS, CropPeaks, Label, Reason, Thresholds, TrackFinding
from forensics.report.words import reason_sentence
from forensics.sampled_frames import SampledFrames
from forensics.scores import Abstention, FrameScores, ScoreKind, abstain_where_not_finite

LIMITS = Thresholds(cue=1.0, clear=-1.0, source="test")
FRAMES_PER_SECOND = 4.0


def find_in_track(
    scores: FrameScores, track: int | None, thresholds: Thresholds, *, min_frames: int = 3
) -> TrackFinding:
    count = int(scores.frame_index.max(initial=-1)) + 1
    sampled = SampledFrames(np.arange(count), np.arange(count) / FRAMES_PER_SECOND, np.zeros(count, np.int64))
    return find_with_frames(scores, track, thresholds, sampled=sampled, min_frames=min_frames)


def scores_of(values: Sequence[float], tracks: Sequence[int] | None) -> FrameScores:
    score, abstained = abstain_where_not_finite(np.array(values), (None,) * len(values))
    frames = np.arange(len(values))
    ids = None if tracks is None else np.array(tracks)
    return FrameScores("stub", ScoreKind.LOGIT, score, expit(score), frames, ids, abstained)


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


@pytest.mark.parametrize(
    ("mean", "label", "reason"),
    [
        (1.0, Label.CUES, None),
        (np.nextafter(1.0, 0), Label.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS),
        (np.nextafter(-1.0, 0), Label.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS),
        (-1.0, Label.NO_CUE, None),
    ],
)
def test_the_thresholds_themselves_count(mean: float, label: Label, reason: Reason | None) -> None:
    finding = find_in_track(scores_of([mean] * 4, [0] * 4), 0, LIMITS)
    assert (finding.label, finding.reason) == (label, reason)


def test_where_both_thresholds_are_one_nothing_lies_between() -> None:
    midpoint = Thresholds(0.0, 0.0, "test")
    labels = [find_in_track(scores_of([x] * 3, [0] * 3), 0, midpoint).label for x in (-0.1, 0.0, 0.1)]
    assert labels == [Label.NO_CUE, Label.CUES, Label.CUES]


@pytest.mark.parametrize("clear", [1.5, float("nan")])
def test_thresholds_in_the_wrong_order_are_refused(clear: float) -> None:
    with pytest.raises(ValueError, match="must not exceed"):
        Thresholds(cue=1.0, clear=clear, source="test")


@pytest.mark.parametrize(("min_frames", "reason"), [(1, None), (2, None), (3, Reason.TOO_FEW_FRAMES)])
def test_how_many_scored_frames_are_enough_is_a_setting(min_frames: int, reason: Reason | None) -> None:
    scores = scores_of([9.0, np.nan, 9.0, np.nan], [0] * 4)
    finding = find_in_track(scores, 0, LIMITS, min_frames=min_frames)
    assert finding.reason is reason
    assert (finding.scored, finding.abstained, finding.mean_score) == (2, 2, 9.0)


def test_abstentions_do_not_move_the_mean() -> None:
    with_gaps = find_in_track(scores_of([np.nan, 1.0, 2.0, np.inf, 3.0], [0] * 5), 0, LIMITS)
    assert (with_gaps.mean_score, with_gaps.scored, with_gaps.abstained) == (2.0, 3, 2)


def test_nothing_scored_has_no_mean() -> None:
    assert find_in_track(scores_of([np.nan] * 5, [0] * 5), 0, LIMITS).mean_score is None
    assert find_in_track(scores_of([1.0], [7]), 0, LIMITS).mean_score is None


def test_people_are_never_pooled() -> None:
    scores = scores_of([5.0, -5.0, 5.0, -5.0, 5.0, -5.0], [0, 1, 0, 1, 0, 1])
    findings = [find_in_track(scores, track, LIMITS) for track in (0, 1)]
    assert [finding.mean_score for finding in findings] == [5.0, -5.0]
    assert [finding.scored for finding in findings] == [3, 3]
    video = find_in_video("stub", findings)
    # Pooled, their mean of 0 would be undecided.
    assert (video.label, video.most_suspicious) == (Label.CUES, 0)


def test_one_person_short_of_frames_gets_none_from_another() -> None:
    scores = scores_of([5.0, 5.0, 5.0, 5.0], [0, 0, 1, 1])
    assert {find_in_track(scores, track, LIMITS).reason for track in (0, 1)} == {Reason.TOO_FEW_FRAMES}


def test_whole_frames_are_one_picture_and_no_track() -> None:
    whole = scores_of([2.0, 3.0, np.nan, 4.0], None)
    finding = find_in_track(whole, None, LIMITS)
    assert (finding.track, finding.mean_score, finding.scored, finding.abstained) == (None, 3.0, 3, 1)
    assert finding.label is Label.CUES
    with pytest.raises(ValueError, match="scores whole frames"):
        find_in_track(whole, 0, LIMITS)
    with pytest.raises(ValueError, match="scores tracks"):
        find_in_track(scores_of([1.0], [0]), None, LIMITS)


def test_the_mean_probability_is_over_the_scored_faces_of_the_track() -> None:
    scores = scores_of([0.0, np.nan, np.log(3), 9.0], [0, 0, 0, 1])
    assert find_in_track(scores, 0, LIMITS).mean_probability == pytest.approx((0.5 + 0.75) / 2)
    assert find_in_track(scores, 2, LIMITS).mean_probability is None
    without = replace(scores, probability=None)
    assert find_in_track(without, 0, LIMITS).mean_probability is None


def test_a_part_over_the_threshold_keeps_a_low_mean_from_clearing_anybody() -> None:
    quiet, loud = [-5.0] * 60, [4.0] * 12
    clear = find_in_track(scores_of(quiet, [0] * 60), 0, LIMITS)
    assert (clear.label, clear.segments) == (Label.NO_CUE, ())
    partly = find_in_track(scores_of(quiet + loud, [0] * 72), 0, LIMITS)
    assert (partly.label, partly.reason) == (Label.INCONCLUSIVE, Reason.PART_STANDS_OUT)
    assert partly.mean_score == pytest.approx((-300 + 48) / 72)
    (part,) = partly.segments
    assert (part.first_index, part.last_index, part.scored) == (60, 71, 12)


def why_not(*reasons: Abstention | None) -> FrameScores:
    """Faces of one track with a score of 5, or none for these reasons."""
    score = np.array([5.0 if reason is None else np.nan for reason in reasons])
    frames = np.arange(len(reasons))
    return FrameScores("stub", ScoreKind.LOGIT, score, None, frames, np.zeros_like(frames), reasons)


SMALL, BLURRED, POSE = Abstention.TOO_SMALL, Abstention.BLURRED, Abstention.EXTREME_POSE


@pytest.mark.parametrize(
    ("reasons", "detail"),
    [
        ((BLURRED, BLURRED, SMALL), BLURRED),
        # Of two equally frequent ones the first by name.
        ((SMALL, POSE), POSE),
        ((None, BLURRED), BLURRED),
        ((None, None), None),
        # Enough scores for a finding: why the others have none is no reason of it.
        ((None, None, None, BLURRED, BLURRED), None),
    ],
)
def test_a_finding_without_enough_scores_says_why_most_faces_have_none(
    reasons: tuple[Abstention | None, ...], detail: Abstention | None
) -> None:
    found = find_in_track(why_not(*reasons), 0, LIMITS)
    assert found.reason_detail is detail
    assert find_in_video("stub", [found]).reason_detail is detail
    assert {one.reason: one.count for one in found.abstentions} == Counter(filter(None, reasons))
    counts = [one.count for one in found.abstentions]
    assert counts == sorted(counts, reverse=True)


def test_the_reason_of_a_video_is_that_of_most_of_its_faces() -> None:
    one = find_in_track(why_not(BLURRED, BLURRED, BLURRED, SMALL, SMALL), 0, LIMITS)
    other = find_in_track(why_not(SMALL, SMALL), 0, LIMITS)
    assert find_in_video("stub", [one, other]).reason_detail is SMALL


def test_the_highest_crops_are_summed_up_beside_the_mean() -> None:
    score, peak = np.array([1.0, np.nan, 2.0, 3.0]), np.array([2.0, np.nan, 7.0, 3.0])
    reasons = (None, Abstention.NOT_FINITE, None, None)
    frames = np.arange(4)
    scores = FrameScores("stub", ScoreKind.LOGIT, score, None, frames, None, reasons, peak=peak)
    found = find_in_track(scores, None, LIMITS)
    assert (found.mean_score, found.peaks) == (2.0, CropPeaks(mean=4.0, highest=7.0))
    silent = FrameScores(
        "stub", ScoreKind.LOGIT, score[1:2], None, frames[:1], None, reasons[1:2], peak=peak[1:2]
    )
    assert find_in_track(silent, None, LIMITS).peaks is None


def prompted(score: Sequence[float], **components: Sequence[float]) -> FrameScores:
    """Scores of one track with components; where the score is NaN, so are they."""
    scores = scores_of(score, [0] * len(score))
    silent = np.isnan(scores.score)
    parts = {name: np.where(silent, np.nan, values) for name, values in components.items()}
    return replace(scores, components=parts)


def test_the_means_of_components_are_over_the_scored_faces_of_the_track() -> None:
    scores = prompted([1.0, np.nan, 2.0, 3.0], fake=[-1.0, 9.0, -2.0, -6.0], generated=[0.0, 9.0, 1.0, 2.0])
    found = find_in_track(scores, 0, LIMITS)
    assert list(found.components.items()) == [("fake", -3.0), ("generated", 1.0)]
    assert find_in_track(prompted([np.nan] * 3, fake=[1.0] * 3), 0, LIMITS).components == {}
    assert find_in_track(scores_of([1.0] * 3, [0] * 3), 0, LIMITS).components == {}


@pytest.mark.parametrize(
    ("mean", "label", "reason"),
    [
        (-1.5, Label.INCONCLUSIVE, Reason.PART_STANDS_OUT),
        (0.0, Label.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS),
        (1.5, Label.CUES, None),
    ],
)
def test_a_part_by_a_component_keeps_a_low_mean_from_clearing_anybody_and_changes_no_other_finding(
    mean: float, label: Label, reason: Reason | None
) -> None:
    fake = [-3.0] * 16 + [-0.5] * 12 + [-3.0] * 12
    found = find_in_track(prompted([mean] * 40, fake=fake), 0, LIMITS)
    assert (found.label, found.reason) == (label, reason)
    assert "fake" in [part.component for part in found.segments] or found.label is Label.CUES


def test_a_component_in_other_units_than_logits_has_no_part() -> None:
    fake = [-3.0] * 16 + [-0.5] * 12 + [-3.0] * 12
    scores = replace(prompted([-1.5] * 40, fake=fake), kind=ScoreKind.MARGIN)
    assert find_in_track(scores, 0, LIMITS).segments == ()


def test_the_order_of_arrival_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    values = (rng.normal(size=200) * 10.0 ** rng.integers(-8, 8, 200)).tolist()
    means = set()
    for _ in range(20):
        rng.shuffle(values)
        means.add(find_in_track(scores_of(values, [0] * 200), 0, LIMITS).mean_score)
    assert len(means) == 1


def finding(track: int, mean: float | None, reason: Reason | None, label: Label) -> TrackFinding:
    return TrackFinding("stub", track, label, reason, mean, None, 5, 0, None, ())


CUES = finding(0, 2.0, None, Label.CUES)
CLEAR = finding(1, -2.0, None, Label.NO_CUE)
UNDECIDED = finding(2, 0.0, Reason.BETWEEN_THRESHOLDS, Label.INCONCLUSIVE)
PARTLY = finding(5, -3.0, Reason.PART_STANDS_OUT, Label.INCONCLUSIVE)
PASSER_BY = finding(3, 8.0, Reason.TOO_FEW_FRAMES, Label.INCONCLUSIVE)
POOR = finding(4, None, Reason.NOTHING_SCORED, Label.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("tracks", "label", "reason", "top"),
    [
        ([], Label.INCONCLUSIVE, Reason.NO_FACE, None),
        ([CUES], Label.CUES, None, 0),
        ([CLEAR], Label.NO_CUE, None, 1),
        ([CLEAR, CUES], Label.CUES, None, 0),
        ([CLEAR, UNDECIDED, CUES], Label.CUES, None, 0),
        ([CLEAR, UNDECIDED], Label.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS, 2),
        ([CLEAR, PARTLY], Label.INCONCLUSIVE, Reason.PART_STANDS_OUT, 1),
        ([UNDECIDED, PARTLY], Label.INCONCLUSIVE, Reason.PART_STANDS_OUT, 2),
        ([CUES, PARTLY], Label.CUES, None, 0),
        ([UNDECIDED, PASSER_BY], Label.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS, 2),
        ([CLEAR, PASSER_BY, POOR], Label.NO_CUE, None, 1),
        ([CUES, PASSER_BY, POOR], Label.CUES, None, 0),
        ([PASSER_BY, POOR], Label.INCONCLUSIVE, Reason.TOO_FEW_FRAMES, None),
        ([POOR], Label.INCONCLUSIVE, Reason.NOTHING_SCORED, None),
    ],
)
def test_the_video_takes_its_finding_from_its_people_in_any_order(
    tracks: Sequence[TrackFinding], label: Label, reason: Reason | None, top: int | None
) -> None:
    for order in permutations(tracks):
        video = find_in_video("stub", order)
        assert (video.label, video.reason, video.most_suspicious) == (label, reason, top)
        assert video.tracks == order


def test_a_passer_by_is_never_the_most_suspicious() -> None:
    louder = finding(5, 99.0, Reason.TOO_FEW_FRAMES, Label.INCONCLUSIVE)
    assert find_in_video("stub", [CLEAR, louder]).most_suspicious == CLEAR.track


def test_of_two_equally_suspicious_people_the_first_is_named() -> None:
    twins = [finding(track, -2.0, None, Label.NO_CUE) for track in (4, 2, 3)]
    assert find_in_video("stub", twins).most_suspicious == 2


def test_only_an_undecided_score_is_a_verdict_among_the_inconclusive() -> None:
    assert set(Reason) - NO_VERDICT_REASONS == {Reason.BETWEEN_THRESHOLDS, Reason.PART_STANDS_OUT}


def test_no_label_calls_a_video_real_or_fake() -> None:
    words = " ".join(
        [*Label, *(reason_sentence(reason, scope=scope) for reason in Reason for scope in Scope)]
    )
    assert not {"real", "fake", "authentic", "genuine"} & set(words.split())
