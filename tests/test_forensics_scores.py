"""What detectors may say: finite scores, or silence with a reason."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from face.types import QualityReason
from forensics.scores import Abstention, FrameScores, ScoreKind, abstain_where_not_finite, joined

Reasons = tuple[Abstention | None, ...]


def scores_of(score: npt.NDArray[np.float64], abstained: Reasons, **changes: object) -> FrameScores:
    fields: dict[str, object] = {
        "probability": None,
        "frame_index": np.arange(len(abstained)),
        "track": None,
        **changes,
    }
    return FrameScores("stub", ScoreKind.LOGIT, score, abstained=abstained, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_output_that_is_not_finite_becomes_an_abstention(value: float) -> None:
    score, reasons = abstain_where_not_finite(np.array([1.0, value, -2.0]), (None, None, None))
    assert reasons == (None, Abstention.NOT_FINITE, None)
    np.testing.assert_array_equal(score, [1.0, np.nan, -2.0])


@pytest.mark.parametrize("value", [7.0, np.nan, np.inf])
def test_the_reason_that_was_given_first_stands_and_silences_the_output(value: float) -> None:
    score, reasons = abstain_where_not_finite(np.array([value]), (Abstention.BLURRED,))
    assert reasons == (Abstention.BLURRED,)
    assert np.isnan(score).all()


def test_abstaining_leaves_the_models_own_array_alone() -> None:
    raw = np.array([np.inf, 1.0])
    abstain_where_not_finite(raw, (None, Abstention.CUT_OFF))
    np.testing.assert_array_equal(raw, [np.inf, 1.0])


def test_outputs_and_reasons_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        abstain_where_not_finite(np.zeros(3), (None, None))


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (np.nan, None),
        (np.inf, None),
        (-np.inf, None),
        (np.inf, Abstention.NOT_FINITE),
        (0.0, Abstention.TOO_SMALL),
    ],
)
def test_a_score_is_missing_exactly_where_there_is_a_reason(score: float, reason: Abstention | None) -> None:
    with pytest.raises(ValueError, match="finite, or NaN with a reason"):
        scores_of(np.array([1.0, score]), (None, reason))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_component_is_missing_exactly_where_the_score_is(value: float) -> None:
    score, reasons = np.array([1.0, np.nan]), (None, Abstention.BLURRED)
    parts = {"fake": np.array([0.5, np.nan]), "generated": np.array([value, np.nan])}
    with pytest.raises(ValueError, match="a component generated must be finite, or NaN with a reason"):
        scores_of(score, reasons, components=parts)
    with pytest.raises(ValueError, match="a component fake must be finite"):
        scores_of(score, reasons, components={"fake": np.zeros(2)})
    with pytest.raises(ValueError, match=r"component fake must be \[2\]"):
        scores_of(score, reasons, components={"fake": np.zeros(3)})


def test_components_of_consecutive_parts_are_joined_by_name() -> None:
    parts = [
        scores_of(np.full(2, at), (None, None), components={"a": np.full(2, at), "b": np.full(2, -at)})
        for at in (1.0, 2.0)
    ]
    whole = joined(parts)
    assert list(whole.components) == ["a", "b"]
    np.testing.assert_array_equal(whole.components["a"], [1, 1, 2, 2])
    np.testing.assert_array_equal(whole.components["b"], [-1, -1, -2, -2])


def test_scores_with_abstentions_are_counted_by_face() -> None:
    assert len(scores_of(np.array([1.0, np.nan]), (None, Abstention.NOT_FINITE))) == 2


@pytest.mark.parametrize("name", ["score", "frame_index", "track", "probability"])
def test_every_array_has_one_entry_per_face(name: str) -> None:
    arrays = {"score": np.zeros(2), name: np.zeros(3)}
    score = arrays.pop("score")
    with pytest.raises(ValueError, match=rf"{name} must be \[2\]"):
        scores_of(score, (None, None), **arrays)


def test_every_reason_of_poor_quality_is_a_reason_to_abstain() -> None:
    assert {reason.value for reason in QualityReason} <= {reason.value for reason in Abstention}
