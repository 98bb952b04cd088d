"""What findings say in words: of faces and of whole frames, with the reason and the margin."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from forensics.detector import Scope
from forensics.findings import CropPeaks, Label, Reason, Thresholds, TrackFinding
from forensics.report.words import (
    components_sentence,
    found_sentence,
    margin_words,
    meaning_of,
    peaks_sentence,
    segment_sentence,
    settings_sentence,
    thresholds_sentence,
)
from forensics.scores import Abstention
from forensics.segments import Segment, SegmentKind
from forensics.settings import AnalysisSettings
from video.sampling import Sampling

BARE, WITH_MARGIN = Thresholds(0.0, 0.0, "test"), Thresholds(1.28, 0.26, "test")


def found(
    track: int | None,
    reason: Reason | None,
    detail: Abstention | None = None,
    *,
    peaks: CropPeaks | None = None,
) -> TrackFinding:
    label = Label.CUES if reason is None else Label.INCONCLUSIVE
    return TrackFinding("a", track, label, reason, None, None, 0, 5, None, (), (), detail, peaks)


@pytest.mark.parametrize(
    ("track", "reason", "detail", "sentence"),
    [
        (0, None, None, "manipulation cues found"),
        (0, Reason.NOTHING_SCORED, None, "inconclusive: no face could be scored"),
        (
            0,
            Reason.NOTHING_SCORED,
            Abstention.BLURRED,
            "inconclusive: no face could be scored (mostly: blurred)",
        ),
        (
            None,
            Reason.NOTHING_SCORED,
            Abstention.FRAME_TOO_SMALL,
            "inconclusive: no frame could be scored (mostly: frame too small)",
        ),
        (
            0,
            Reason.TOO_FEW_FRAMES,
            Abstention.TOO_SMALL,
            "inconclusive: too few scored frames (the others mostly: face too small)",
        ),
        (None, Reason.TOO_FEW_FRAMES, None, "inconclusive: too few scored frames"),
    ],
)
def test_a_finding_names_what_was_scored_and_why_it_is_open(
    track: int | None, reason: Reason | None, detail: Abstention | None, sentence: str
) -> None:
    assert found_sentence(found(track, reason, detail)) == sentence


def test_what_a_finding_means_speaks_of_faces_only_where_faces_were_judged() -> None:
    for label in Label:
        for reason in (None, Reason.PART_STANDS_OUT):
            meaning = meaning_of(label, reason, scope=Scope.FRAME)
            assert "face" not in meaning.replace("no face was judged", "").replace("No face was judged", "")
    assert "one face scores as manipulated" in meaning_of(Label.CUES, None, scope=Scope.FACE)
    assert "one face" in meaning_of(Label.INCONCLUSIVE, Reason.PART_STANDS_OUT, scope=Scope.FACE)


def test_a_threshold_without_a_margin_is_called_one() -> None:
    assert thresholds_sentence(WITH_MARGIN) == "+1.28 or more is a cue, +0.26 or less is none"
    assert thresholds_sentence(BARE) == (
        "+0.00 or more is a cue, less is none; no margin around this threshold is known"
    )


def test_only_what_a_bare_threshold_decided_is_qualified() -> None:
    for label in (Label.CUES, Label.NO_CUE):
        assert margin_words(BARE, label) == ", by a threshold without a known margin"
        assert margin_words(WITH_MARGIN, label) == margin_words(None, label) == ""
    assert margin_words(BARE, Label.INCONCLUSIVE) == ""


def test_nothing_scores_minus_zero() -> None:
    assert thresholds_sentence(Thresholds(-0.001, -0.001, "test")).startswith("+0.00 or more")
    assert "mean +0.00, highest of all -0.01" in peaks_sentence(
        found(0, None, peaks=CropPeaks(-0.001, -0.01))
    )


def test_the_settings_are_a_sentence() -> None:
    window = Sampling.fps(Fraction(5, 2), start_seconds=Fraction(1, 2))
    settings = AnalysisSettings(sampling=window, detectors=("repdfd",))
    sentence = settings_sentence(settings.facts())
    assert sentence.startswith("2.5 frames a second, from 0.5 s to the end, ")
    assert "detectors: repdfd" in sentence


def test_the_highest_crops_are_named_as_an_addition() -> None:
    sentence = peaks_sentence(found(None, None, peaks=CropPeaks(1.25, 3.5)))
    assert "mean +1.25, highest of all +3.50" in sentence
    assert "addition of this tool" in sentence
    assert peaks_sentence(found(None, None)) == ""


def test_each_prompt_is_named_with_what_it_makes_of_the_faces() -> None:
    one = replace(found(0, None), components={"fake": -1.594, "generated": 0.811})
    assert (
        components_sentence(one)
        == "by prompt, log-odds against real (above 0 it fits better): fake -1.59, generated +0.81"
    )
    assert components_sentence(found(0, None)) == ""


def test_a_segment_says_what_it_stands_out_of_and_in_which_prompt() -> None:
    over = Segment(SegmentKind.OVER_THRESHOLD, 4.0, 6.75, 96, 162, 12, 2.5, 3.0)
    assert segment_sentence(over) == (
        "4.00 - 6.75 s scores over the threshold: mean +2.50, highest +3.00, 12 scored"
    )
    out = replace(over, kind=SegmentKind.STANDS_OUT, mean_score=-0.87, peak_score=-0.15, rest_score=-3.1)
    assert segment_sentence(out) == (
        "4.00 - 6.75 s stands out of the rest: mean -0.87 (rest -3.10), highest -0.15, 12 scored"
    )
    assert segment_sentence(replace(out, component="fake")) == (
        "4.00 - 6.75 s stands out of the rest in the fake prompt: mean -0.87 (rest -3.10), highest -0.15, "
        "12 scored"
    )
