"""Fitting of calibrations: known distributions, values of another package, and data that are refused."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from calibrations import FILES, SETTINGS, normal_table, write_scores

from forensics.calibration import crossval
from forensics.calibration.calibrate import MIN_PER_CLASS, calibrate
from forensics.calibration.crossval import cross_validated_figures
from forensics.calibration.curve import ScoreModel
from forensics.calibration.elub import elub
from forensics.calibration.facts import Conditions, Digest, Range
from forensics.calibration.fit import Method, fit_model
from forensics.calibration.record import Calibration, weights_of
from forensics.calibration.table import LabelledVideo, ScoredVideo, ScoreTable, read_labels, read_scores
from forensics.errors import CalibrationError
from weights.streams import sha256_of

OTHER = [-2.1, -1.7, -1.4, -0.9, -0.6, -0.3, -0.1, 0.2, 0.5, 0.8, 1.3, 2.4]
MANIPULATED = [-0.8, 0.1, 0.4, 0.9, 1.2, 1.5, 1.9, 2.2, 2.8, 3.1]
# log10 LRs of OTHER and MANIPULATED by `lir` 1.3.1: IsotonicCalibrator().
LIR_ISOTONIC = (
    [-math.inf] * 4 + [-0.397940009] * 3 + [-0.096910013] * 3 + [0.380211242, 0.556302501],
    [-0.397940009, -0.096910013, -0.096910013, 0.380211242, 0.380211242] + [0.556302501] * 3 + [math.inf] * 2,
)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossval, "RESAMPLES", 20)


def labelled(
    manipulated: Sequence[float], other: Sequence[float]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    labels = [False] * len(other) + [True] * len(manipulated)
    return np.array([*other, *manipulated], dtype=np.float64), np.array(labels)


def calibrated(table: ScoreTable, method: Method = Method.LOGISTIC) -> Calibration:
    weights = weights_of(FILES, table.detectors)
    return calibrate(table, method, settings=SETTINGS, weights=weights, description="made up")


def test_the_bounds_of_separated_classes_follow_from_their_numbers() -> None:
    # Eleven at LR 1000 and ten at 1/1000. Above: (11/12) / (1/11); below: (1/12) / (10/11).
    low, high = elub(*labelled([3.0] * 11, [-3.0] * 10))
    assert high == pytest.approx(math.log10(121 / 12))
    assert low == pytest.approx(math.log10(11 / 120))


def test_no_ratio_is_supported_beyond_those_observed() -> None:
    assert elub(*labelled([0.2] * 50, [-0.1] * 50)) == (-0.1, 0.2)


def test_misleading_ratios_are_bounded_to_one() -> None:
    assert elub(*labelled([-1.0] * 10, [1.0] * 10)) == (0.0, 0.0)


def test_the_bounds_are_those_of_lir() -> None:
    """`lir` 1.3.1, `elub(..., step_size=1e-4)`: its grid stops up to a step short of the exact bound."""
    assert elub(*labelled(MANIPULATED, OTHER)) == pytest.approx((-0.3253, 0.1974), abs=1.01e-4)
    isotonic = elub(*labelled(LIR_ISOTONIC[1], LIR_ISOTONIC[0]))
    assert isotonic == pytest.approx((-0.5295, 0.4704), abs=1.01e-4)
    thirds = np.arange(1, 12) / 3
    separated = elub(*labelled(thirds.tolist(), (-thirds[:-1]).tolist()))
    assert separated == pytest.approx((-0.9408, 0.9164), abs=1.01e-4)


def test_the_logistic_fit_is_that_of_lir() -> None:
    """`lir` 1.3.1, LogitCalibrator(C=1e9); the weak penalty here moves the fourth digit."""
    scores, labels = labelled(MANIPULATED, OTHER)
    model = fit_model(scores[:, None], labels, Method.LOGISTIC)
    assert model.weights[0] == pytest.approx(0.95661672, abs=5e-4)
    assert model.curve.log10_lrs(np.zeros(1))[0] * math.log(10) == pytest.approx(-0.56036816, abs=5e-4)


def test_the_isotonic_fit_is_that_of_lir() -> None:
    scores, labels = labelled(MANIPULATED, OTHER)
    model = fit_model(scores[:, None], labels, Method.ISOTONIC)
    assert model.curve.log10_lrs(scores) == pytest.approx([*LIR_ISOTONIC[0], *LIR_ISOTONIC[1]], abs=1e-8)


@pytest.mark.parametrize("method", list(Method))
def test_a_known_distribution_gives_its_own_likelihood_ratio(method: Method) -> None:
    table = normal_table(2000)
    model = fit_model(table.scores, table.labels, method)
    at = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    # Standard error of a step of the PAV fit near these scores: about 0.1 in log10 LR.
    tolerance = 0.05 if method is Method.LOGISTIC else 0.2
    assert model.log10_lrs(at[:, None]) == pytest.approx(2 * at / math.log(10), abs=tolerance)


@pytest.mark.parametrize("method", list(Method))
def test_the_share_of_manipulated_videos_makes_no_difference(method: Method) -> None:
    scores, labels = labelled(MANIPULATED, OTHER)
    often = np.concatenate([scores, *[scores[labels]] * 4]), np.concatenate([labels, *[labels[labels]] * 4])
    once, more = (fit_model(one[:, None], known, method).curve for one, known in ((scores, labels), often))
    # The penalty weighs a little less among more videos.
    assert once.log10_lrs(scores) == pytest.approx(more.log10_lrs(scores), abs=1e-3)


def test_the_units_of_the_scores_make_no_difference() -> None:
    scores, labels = labelled(MANIPULATED, OTHER)
    plain = fit_model(scores[:, None], labels, Method.LOGISTIC)
    scaled = fit_model(1000 * scores[:, None] + 5, labels, Method.LOGISTIC)
    assert scaled.log10_lrs(1000 * scores[:, None] + 5) == pytest.approx(plain.log10_lrs(scores[:, None]))


@pytest.mark.parametrize("method", list(Method))
def test_classes_that_do_not_overlap_get_finite_ratios_within_the_support_of_their_numbers(
    method: Method,
) -> None:
    scores, labels = labelled([1.0 + index for index in range(10)], [-1.0 - index for index in range(10)])
    model = fit_model(scores[:, None], labels, method)
    assert model.log10_lrs(np.array([[-1e9], [1e9]])) == pytest.approx(
        [math.log10(1 / 10), math.log10(10)], abs=0.05
    )


def test_a_fusion_weighs_the_better_score_more_and_beats_either() -> None:
    table = normal_table(200, detectors=("a", "b"))
    noisy = ScoreTable(
        tuple(
            dataclasses.replace(one, scores={"a": one.scores["a"], "b": 3 * one.scores["b"] + index % 7})
            for index, one in enumerate(table.videos)
        ),
        *(table.detectors, True, 0, table.sources),
    )
    fused = calibrated(noisy)
    assert fused.detectors == ("a", "b")
    # On the scale of its own scatter: b's is three times wider and noisier.
    assert fused.model.weights[0] > 3 * fused.model.weights[1] > 0
    alone = [calibrated(_only(noisy, name)).figures.cllr.value for name in ("a", "b")]
    assert fused.figures.cllr.value < min(alone)


def test_a_fusion_led_by_a_score_that_falls_with_manipulation_is_refused() -> None:
    table = normal_table(40, detectors=("a", "b"))
    turned = tuple(
        dataclasses.replace(one, scores={"a": -5 * one.scores["a"], "b": 0.2 * one.scores["b"] + index % 7})
        for index, one in enumerate(table.videos)
    )
    with pytest.raises(CalibrationError, match="the scores of a do not rise with manipulation"):
        calibrated(dataclasses.replace(table, videos=turned))


def seen_with(table: ScoreTable, people: Callable[[int, bool], int]) -> ScoreTable:
    """The table with as many people in each video as `people` says of its number within its label."""
    videos = tuple(
        dataclasses.replace(
            one,
            conditions=Conditions(80.0, 20.0, 5 + index, people(index // 2, one.labelled.manipulated)),
        )
        for index, one in enumerate(table.videos)
    )
    return dataclasses.replace(table, videos=videos)


@pytest.mark.parametrize(
    ("people", "seen"),
    [
        (lambda number, manipulated: 1, Range(1, 1)),
        # Two crowds in thirty videos do not teach what the highest score of a crowd is worth; three do.
        (lambda number, manipulated: 60 if number in (3, 4) else 1, Range(1, 1)),
        (lambda number, manipulated: 4 if number in (3, 4, 5) else 2, Range(2, 4)),
        # What only the manipulated videos show is not seen.
        (lambda number, manipulated: 3 if manipulated and number > 9 else 1, Range(1, 1)),
    ],
)
def test_as_many_people_are_seen_as_enough_videos_of_either_label_show(
    people: Callable[[int, bool], int], seen: Range
) -> None:
    made = calibrated(seen_with(normal_table(30), people))
    assert made.conditions is not None
    assert made.conditions.people == seen
    assert made.conditions.least_frames == 5


def test_labels_that_differ_in_the_number_of_people_are_refused() -> None:
    table = seen_with(normal_table(20), lambda _, manipulated: 1 if manipulated else 3)
    with pytest.raises(CalibrationError, match=r"^scores\.csv: .* 3 people or more, those of the other 1 or"):
        calibrated(table)


def test_the_highest_of_many_untouched_scores_gets_no_ratio_where_one_person_was_seen() -> None:
    made = calibrated(seen_with(normal_table(200), lambda *_: 1))
    highest = np.random.default_rng(5).normal(-1, 1, (500, 60)).max(axis=1)
    seen = [float(score) for score in highest if score in made.inputs[0].score]
    for people, inside in ((1, True), (60, False)):
        judged = [made.judge({"a": score}, Conditions(80.0, 20.0, 9, people)) for score in seen]
        assert {one.inside_domain for one in judged} == {inside}
    # What the curve of single people says of crowds in which nobody is manipulated.
    alone = made.model.log10_lrs(np.array(seen)[:, None])
    assert np.median(alone) > math.log10(2)


def _only(table: ScoreTable, detector: str) -> ScoreTable:
    return dataclasses.replace(table, detectors=(detector,))


def test_a_calibration_records_what_it_was_made_from() -> None:
    made = calibrated(dataclasses.replace(normal_table(12), left_out=3))
    data = made.data
    assert (data.manipulated, data.not_manipulated, data.groups, data.left_out) == (12, 12, 12, 3)
    assert data.groups_given
    assert data.description == "made up"
    assert data.sources == (Digest("scores.csv", "0" * 64),)
    assert [one.name for one in made.weights] == ["a-head", "faces", "identities"]
    scores = normal_table(12).scores
    assert made.inputs[0].score == Range(scores.min(), scores.max())
    assert made.figures.folds == 10
    assert made.figures.calibration_error_bins == 2


def test_the_order_of_the_rows_makes_no_difference(tmp_path: Path) -> None:
    path = write_scores(tmp_path / "scores.csv", normal_table(12))
    first, *rows = path.read_text().splitlines()
    once = calibrated(read_scores(path, ("a",)))
    path.write_text("\n".join([first, *reversed(rows)]))
    again = calibrated(read_scores(path, ("a",)))
    assert dataclasses.replace(again, data=once.data) == once


def test_no_group_is_fitted_on_and_judged_in_one_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    table = normal_table(30, videos_per_group=3)
    group_of = dict(zip(table.scores[:, 0].tolist(), table.groups, strict=True))
    fitted: list[set[str]] = []
    judged: list[set[str]] = []

    class Watched(ScoreModel):
        def log10_lrs(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            judged.append({group_of[score] for score in scores[:, 0].tolist()})
            return super().log10_lrs(scores)

    def watched(scores: npt.NDArray[np.float64], labels: npt.NDArray[np.bool_], method: Method) -> ScoreModel:
        fitted.append({group_of[score] for score in scores[:, 0].tolist()})
        model = fit_model(scores, labels, method)
        return Watched(model.weights, model.curve, model.bounds)

    monkeypatch.setattr(crossval, "fit_model", watched)
    cross_validated_figures(table, Method.LOGISTIC, seed=7)
    assert len(fitted) == len(judged) == 10
    assert all(not one & other for one, other in zip(fitted, judged, strict=True))
    assert set.union(*judged) == set(table.groups)


def test_scores_that_say_nothing_cost_about_one_bit_and_are_bounded_near_one() -> None:
    table = normal_table(100)
    random = np.random.default_rng(11)
    noise = tuple(
        dataclasses.replace(one, scores={"a": float(random.normal()) + 0.1 * one.labelled.manipulated})
        for one in table.videos
    )
    made = calibrated(dataclasses.replace(table, videos=noise))
    assert made.figures.cllr.value == pytest.approx(1.0, abs=0.05)
    assert max(-made.model.bounds.low, made.model.bounds.high) < math.log10(2)


def test_the_figures_of_a_known_distribution_are_its_own() -> None:
    figures = calibrated(normal_table(1000)).figures
    # For N(1, 1) against N(-1, 1): AUC = Phi(sqrt 2), EER = Phi(-1).
    assert figures.auc.value == pytest.approx(0.9214, abs=0.02)
    assert figures.equal_error_rate.value == pytest.approx(0.1587, abs=0.02)
    assert figures.cllr_min.value < figures.cllr.value < figures.cllr_min.value + 0.03
    assert figures.expected_calibration_error.value < 0.03
    for one in (figures.auc, figures.equal_error_rate, figures.cllr):
        assert one.low < one.value < one.high


def test_the_calibration_error_is_taken_at_the_share_of_manipulated_videos_in_the_data() -> None:
    table = normal_table(1000)
    rare = tuple(
        one for index, one in enumerate(table.videos) if not one.labelled.manipulated or index % 10 == 1
    )
    error = calibrated(dataclasses.replace(table, videos=rare)).figures.expected_calibration_error
    assert error.value < 0.03


def flipped(table: ScoreTable) -> ScoreTable:
    videos = tuple(dataclasses.replace(one, scores={"a": -one.scores["a"]}) for one in table.videos)
    return dataclasses.replace(table, videos=videos)


def only_one_label(table: ScoreTable) -> ScoreTable:
    return dataclasses.replace(
        table, videos=tuple(one for one in table.videos if not one.labelled.manipulated)
    )


def one_group(table: ScoreTable) -> ScoreTable:
    return dataclasses.replace(
        table,
        videos=tuple(
            dataclasses.replace(one, labelled=dataclasses.replace(one.labelled, group="g"))
            for one in table.videos
        ),
    )


def all_equal(table: ScoreTable) -> ScoreTable:
    return dataclasses.replace(
        table, videos=tuple(dataclasses.replace(one, scores={"a": 1.0}) for one in table.videos)
    )


@pytest.mark.parametrize(
    ("table", "cause"),
    [
        (
            normal_table(MIN_PER_CLASS - 1),
            "9 fake videos with a score, 0 labelled ones without;",
        ),
        (only_one_label(normal_table(20)), "0 fake videos"),
        (one_group(normal_table(20)), "all fake videos are of one group"),
        (all_equal(normal_table(20)), "all scores of a are equal"),
        (flipped(normal_table(20)), "do not rise with manipulation"),
    ],
)
@pytest.mark.parametrize("method", list(Method))
def test_data_that_give_no_calibration_are_refused(table: ScoreTable, cause: str, method: Method) -> None:
    with pytest.raises(CalibrationError, match=rf"^scores\.csv: .*{cause}"):
        calibrated(table, method)


def test_the_least_number_of_videos_is_enough() -> None:
    assert calibrated(normal_table(MIN_PER_CLASS)).data.manipulated == MIN_PER_CLASS


def test_a_calibration_without_weights_and_an_isotonic_fusion_are_refused() -> None:
    with pytest.raises(CalibrationError, match="no digests of weights"):
        calibrate(normal_table(), Method.LOGISTIC, settings={}, weights=(), description="")
    with pytest.raises(CalibrationError, match="fused by logistic regression only"):
        calibrated(normal_table(detectors=("a", "b")), Method.ISOTONIC)


def table_of(tmp_path: Path, text: str, *, bom: bool = False) -> Path:
    path = tmp_path / "scores.csv"
    path.write_text(text, encoding="utf-8-sig" if bom else "utf-8")
    return path


@pytest.mark.parametrize("bom", [False, True])
def test_a_table_is_read_with_its_groups_labels_and_digest(tmp_path: Path, bom: bool) -> None:
    path = table_of(
        tmp_path, "group,video,score,label\nann,b.mp4,1.5,FAKE\n,a.mp4,-2e-1,0\nann,c.mp4,0,real\n", bom=bom
    )
    table = read_scores(path, ("a",))
    assert table.videos == (
        ScoredVideo(LabelledVideo("a.mp4", False, "video a.mp4"), {"a": -0.2}),
        ScoredVideo(LabelledVideo("b.mp4", True, "ann"), {"a": 1.5}),
        ScoredVideo(LabelledVideo("c.mp4", False, "ann"), {"a": 0.0}),
    )
    assert table.groups_given
    assert table.sources == (Digest("scores.csv", sha256_of(path)),)
    assert not read_scores(table_of(tmp_path, "video,label,score\n"), ("a",)).groups_given


def test_only_the_rows_of_the_detectors_asked_for_are_read(tmp_path: Path) -> None:
    path = table_of(tmp_path, "video,label,score,detector\nv,fake,1,a\nv,fake,nan,b\nv,fake,3,c\n")
    assert read_scores(path, ("c", "a")).scores.tolist() == [[3.0, 1.0]]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("video,label\nv,fake\n", r"scores\.csv: has no column score; it needs video,label,score"),
        ("video,label,score,score\nv,fake,1,2\n", "names a column twice"),
        ("", "has no column video, label, score"),
        ("video,label,score\nv,generated,1\n", "line 2: label 'generated' is not known; use real, fake"),
        ("video,label,score\nv,fake,nan\n", "line 2: score 'nan' is no finite number"),
        ("video,label,score\nv,fake,-inf\n", "no finite number"),
        ("video,label,score\nv,fake,\n", "no finite number"),
        ("video,label,score\nv,fake,1\nw,real,1\nv,fake,2\n", "line 4: v has a score already"),
        ("video,label,score,detector\nv,fake,1,a\nv,real,2,b\n", "line 3: v has another label"),
        ("video,label,score,detector\nv,fake,1,a\n", r"scores\.csv: v has no score of b"),
        ("video,label,score\n,fake,1\n", "line 2: the video has no name"),
        ("video,label,score\nv,fake\n", "line 2: has more or fewer fields"),
        ("video,label,score\nv,fake,1,2\n", "line 2: has more or fewer fields"),
    ],
)
def test_a_wrong_table_is_refused_with_file_and_line(tmp_path: Path, text: str, cause: str) -> None:
    path = table_of(tmp_path, text)
    with pytest.raises(CalibrationError, match=cause):
        read_scores(path, ("a", "b") if "detector" in text else ("a",))


def test_a_table_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "absent.csv", tmp_path, tmp_path / "binary.csv"):
        with pytest.raises(CalibrationError, match="cannot be read"):
            read_scores(path, ("a",))


def test_a_video_is_labelled_once(tmp_path: Path) -> None:
    path = table_of(tmp_path, "video,label\nv,fake\nv,fake\n")
    with pytest.raises(CalibrationError, match="line 3: v is listed already"):
        read_labels(path)
