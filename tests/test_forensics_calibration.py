"""Calibrations: what they say about a case, what they refuse, and their files."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calibrations import FILES, SETTINGS, calibration, model_file

from forensics.calibration.curve import Bounds, IsotonicCurve, LogisticCurve, ScoreModel
from forensics.calibration.facts import Conditions, Range, SeenConditions
from forensics.calibration.file import OWN_DIGEST, content_digest, load_calibration, save_calibration
from forensics.calibration.record import recorded_settings, weights_of
from forensics.calibration.verdict import Band, NoRatio, Support, verdict_of
from forensics.errors import CalibrationError, ExitCode, OutputError

PATH = Path("calibration.json")
SEEN = SeenConditions(Range(40.0, 120.0), Range(10.0, 30.0), least_frames=5, people=Range(1.0, 2.0))


@pytest.mark.parametrize(
    ("ratio", "band"),
    [
        (1.0, Band.NONE),
        (1.99, Band.NONE),
        (2.0, Band.WEAK),
        (10.0, Band.WEAK),
        (10.1, Band.MODERATE),
        (100.0, Band.MODERATE),
        (101.0, Band.MODERATELY_STRONG),
        (1_001.0, Band.STRONG),
        (10_001.0, Band.VERY_STRONG),
        (1_000_001.0, Band.EXTREMELY_STRONG),
    ],
)
def test_a_ratio_and_its_reciprocal_share_a_band_and_support_opposite_sides(ratio: float, band: Band) -> None:
    up, down = (verdict_of(sign * math.log10(ratio), at_bound=False) for sign in (1, -1))
    assert up.band is down.band is band
    if band is Band.NONE:
        assert up.supports is down.supports is Support.NEITHER
    else:
        assert (up.supports, down.supports) == (Support.MANIPULATION, Support.NO_MANIPULATION)
    assert up.likelihood_ratio == pytest.approx(ratio)
    assert down.likelihood_ratio == pytest.approx(1 / ratio)


def test_the_sentence_says_how_much_more_probable_the_score_is_and_under_which_of_the_two() -> None:
    assert verdict_of(math.log10(37.9), at_bound=False).sentence == (
        "the score is 37 times more probable if the face is manipulated in the way of the calibration data "
        "than if it is not: moderate support for manipulation"
    )
    assert verdict_of(-math.log10(4), at_bound=True).sentence == (
        "the score is 4 times more probable if the face is not manipulated than if it is manipulated in the "
        "way of the calibration data: weak support for no manipulation; the calibration data support no "
        "stronger statement"
    )


@pytest.mark.parametrize("log10_lr", np.linspace(-7, 7, 57).tolist())
def test_no_sentence_calls_anything_real_or_fake_and_none_rounds_into_a_stronger_band(
    log10_lr: float,
) -> None:
    verdict = verdict_of(log10_lr, at_bound=False)
    words = verdict.sentence.lower().replace(",", "").split()
    assert not {"real", "fake", "authentic", "genuine"} & set(words)
    assert float(words[words.index("times") - 1]) <= 10 ** abs(log10_lr) * (1 + 1e-9)


def test_the_probability_is_that_at_equal_priors() -> None:
    assert verdict_of(0.0, at_bound=False).probability_at_equal_priors == 0.5
    assert verdict_of(math.log10(3), at_bound=False).probability_at_equal_priors == pytest.approx(0.75)


def test_a_score_becomes_the_ratio_of_its_curve_and_never_leaves_the_bounds() -> None:
    made = calibration(weights=(2.0,), intercept=-0.5)
    judged = made.judge({"a": 1.0})
    assert judged.likelihood_ratio == pytest.approx(math.exp(1.5))
    assert judged.inside_domain
    assert not judged.at_bound
    high, low = made.judge({"a": 4.0}), made.judge({"a": -4.0})
    assert (high.log10_lr, low.log10_lr) == (1.5, -1.5)
    assert high.at_bound
    assert low.at_bound


def test_several_scores_are_one_weighted_sum() -> None:
    made = calibration("a", "b", weights=(0.5, -0.25), intercept=0.1)
    judged = made.judge({"b": 2.0, "a": 3.0, "other": 9.0})
    assert judged.likelihood_ratio == pytest.approx(math.exp(0.5 * 3 - 0.25 * 2 + 0.1))


@pytest.mark.parametrize("score", [None, math.nan, math.inf])
def test_without_a_finite_score_of_every_detector_there_is_no_ratio(score: float | None) -> None:
    judged = calibration("a", "b", weights=(1.0, 1.0)).judge({"a": 1.0, "b": score})
    assert judged.reason is NoRatio.NO_SCORE
    assert judged.likelihood_ratio is None
    assert "b gave no score" in judged.sentence


@pytest.mark.parametrize("score", [-5.01, 5.01])
def test_a_score_that_was_never_seen_gets_no_ratio(score: float) -> None:
    judged = calibration().judge({"a": score})
    assert judged.reason is NoRatio.OUT_OF_DOMAIN
    assert not judged.inside_domain
    assert judged.likelihood_ratio is judged.log10_lr is judged.band is judged.supports is None
    assert f"score of a {score}, seen -5 to 5" in judged.sentence
    assert calibration().judge({"a": math.copysign(5.0, score)}).inside_domain


@pytest.mark.parametrize(
    ("conditions", "word"),
    [
        (Conditions(39.0, 20.0, 8, 1), "face size in pixels 39, seen 40 to 120"),
        (Conditions(80.0, 31.0, 8, 1), "sharpness 31, seen 10 to 30"),
        (Conditions(80.0, 20.0, 4, 1), "scored frames 4, seen 5 or more"),
        (Conditions(80.0, 20.0, 8, 3), "people judged 3, seen 1 to 2"),
    ],
)
def test_faces_unlike_those_of_the_calibration_get_no_ratio(conditions: Conditions, word: str) -> None:
    judged = calibration(conditions=SEEN).judge({"a": 1.0}, conditions)
    assert judged.reason is NoRatio.OUT_OF_DOMAIN
    assert word in judged.sentence
    # More frames than were seen scatter less, which the fitted curve allows for.
    assert calibration(conditions=SEEN).judge({"a": 1.0}, Conditions(80.0, 20.0, 9000, 2)).inside_domain


def test_a_calibration_that_knows_nothing_of_faces_judges_one_person_only() -> None:
    alone = Conditions(80.0, 20.0, 8, 1)
    assert calibration().judge({"a": 1.0}, alone).inside_domain
    judged = calibration().judge({"a": 1.0}, dataclasses.replace(alone, people=2))
    assert judged.reason is NoRatio.OUT_OF_DOMAIN
    assert "people judged 2, seen an unknown number" in judged.sentence


def test_an_isotonic_curve_is_linear_in_probability_between_its_knots_and_certain_only_in_bounds() -> None:
    curve = IsotonicCurve((0.0, 1.0, 2.0), (0.0, 0.5, 1.0))
    model = ScoreModel((1.0,), curve, Bounds(-1.0, 1.25))
    log10_lrs = model.log10_lrs(np.array([[-3.0], [0.0], [0.5], [1.0], [1.5], [9.0]]))
    assert log10_lrs == pytest.approx([-1.0, -1.0, math.log10(1 / 3), 0.0, math.log10(3), 1.25])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bounds(0.1, 1.0),
        lambda: Bounds(-1.0, math.inf),
        lambda: LogisticCurve(math.nan),
        lambda: IsotonicCurve((1.0, 1.0), (0.1, 0.2)),
        lambda: IsotonicCurve((1.0, 2.0), (0.2, 0.1)),
        lambda: IsotonicCurve((1.0,), (1.1,)),
        lambda: IsotonicCurve((), ()),
        lambda: Range(2.0, 1.0),
        lambda: calibration("a", "b", weights=(1.0,)),
        lambda: calibration("a", "a", weights=(1.0, 1.0)),
        lambda: dataclasses.replace(calibration(), weights=()),
        lambda: calibration(weights=(-1.0,)),
        lambda: calibration("a", "b", weights=(-1.0, 0.0)),
    ],
)
def test_a_senseless_calibration_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"must|missing|twice"):
        make()


def test_the_weights_are_those_of_the_detector_and_of_everything_all_detectors_share() -> None:
    assert [one.name for one in weights_of(FILES, ("a",))] == ["a-head", "faces", "identities"]
    assert [one.name for one in weights_of(FILES, ("b",))] == ["b-head", "faces", "identities"]


def test_an_analysis_with_the_same_weights_passes_whatever_else_runs_beside_it() -> None:
    assert calibration().check(FILES, SETTINGS, path=PATH) == ()
    assert calibration().check(FILES[:3], SETTINGS, path=PATH) == ()
    another_encoder = model_file("c-identities", "identity encoder transface")
    assert calibration().check((*FILES, another_encoder), SETTINGS, path=PATH) == ()


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ((*FILES[:2], model_file("a-head", "detector a", sha256="f" * 64)), "a-head"),
        (FILES[1:], "faces"),
        ((FILES[0], *FILES[2:]), "identities"),
        ((*FILES, model_file("extra", "detector a")), "extra"),
    ],
)
def test_a_calibration_made_for_other_weights_is_refused_by_name(files: Any, named: str) -> None:
    with pytest.raises(
        CalibrationError, match=rf"^calibration\.json: made for other weights \({named} "
    ) as e:
        calibration().check(files, SETTINGS, path=PATH)
    assert e.value.exit_code is ExitCode.INPUT


def test_another_prompt_is_refused_and_another_sampling_is_a_warning() -> None:
    with pytest.raises(CalibrationError, match="made with prompt face, this analysis uses fixed"):
        calibration().check(FILES, SETTINGS | {"prompt": "fixed"}, path=PATH)
    # No detector with a prompt runs.
    assert calibration().check(FILES, SETTINGS | {"prompt": None}, path=PATH) == ()
    without = dataclasses.replace(calibration(), settings=SETTINGS | {"prompt": None})
    assert without.check(FILES, SETTINGS, path=PATH) == ()
    (warning,) = calibration().check(FILES, SETTINGS | {"sampling_amount": 8.0}, path=PATH)
    assert warning == "the calibration was made with sampling_amount 4.0, this analysis uses 8.0"
    (warning,) = calibration().check(FILES, SETTINGS | {"quality": {"min_sharpness": 9.0}}, path=PATH)
    assert warning == "the calibration was made with quality.min_sharpness None, this analysis uses 9.0"


def test_only_choices_that_the_judged_detectors_have_are_compared() -> None:
    settings = SETTINGS | {"crops": "centre", "head": "linear"}
    assert recorded_settings(settings, ["a"]).items() >= settings.items()
    assert not {"crops", "head"} & recorded_settings(settings, ["repdfd"]).keys()
    assert not {"prompt"} & recorded_settings(settings, ["code"]).keys()
    files = (model_file("r", "detector repdfd"),)
    made = dataclasses.replace(
        calibration("repdfd"),
        weights=weights_of(files, ["repdfd"]),
        settings=recorded_settings(settings, ["repdfd"]),
    )
    assert made.check(files, settings | {"crops": "grid", "head": "knn"}, path=PATH) == ()
    with pytest.raises(CalibrationError, match="made with prompt face, this analysis uses fixed"):
        made.check(files, settings | {"prompt": "fixed"}, path=PATH)
    files = (model_file("c", "detector code"),)
    made = dataclasses.replace(
        calibration("code"),
        weights=weights_of(files, ["code"]),
        settings=recorded_settings(settings, ["code"]),
    )
    with pytest.raises(CalibrationError, match="made with crops centre, this analysis uses grid"):
        made.check(files, settings | {"crops": "grid"}, path=PATH)


@pytest.mark.parametrize("isotonic", [False, True])
def test_a_file_gives_back_what_was_written(tmp_path: Path, isotonic: bool) -> None:
    made = calibration(conditions=SEEN)
    if isotonic:
        curve = IsotonicCurve((0.1, 0.2), (0.0, 0.7))
        made = dataclasses.replace(made, model=dataclasses.replace(made.model, curve=curve))
    path = tmp_path / "c.json"
    save_calibration(made, path)
    assert load_calibration(path) == made
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_only_when_asked_for_and_leaves_nothing_behind_when_it_fails(
    tmp_path: Path,
) -> None:
    path = tmp_path / "c.json"
    path.write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        save_calibration(calibration(), path)
    assert path.read_text() == "mine"
    save_calibration(calibration(), path, overwrite=True)
    assert load_calibration(path) == calibration()
    with pytest.raises(OutputError, match="cannot be written"):
        save_calibration(calibration(), tmp_path / "absent" / "c.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        save_calibration(calibration(), tmp_path / "folder", overwrite=True)
    assert {one.name for one in tmp_path.iterdir()} == {"c.json", "folder"}


def _without(*keys: str) -> Callable[[dict[str, Any]], None]:
    def damage(plain: dict[str, Any]) -> None:
        for key in keys[:-1]:
            plain = plain[key]
        del plain[keys[-1]]

    return damage


def _with(value: object, *keys: str) -> Callable[[dict[str, Any]], None]:
    def damage(plain: dict[str, Any]) -> None:
        for key in keys[:-1]:
            plain = plain[key]
        plain[keys[-1]] = value

    return damage


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (_without("kind"), "is no calibration"),
        (_with("report", "kind"), "is no calibration"),
        (_with(1, "schema_version"), "has version 1, this tool reads 2; calibrate again"),
        (_without("weights"), "is damaged \\(weights"),
        (_with([], "weights"), "the weights of the models are missing"),
        (_with("1", "model", "curve", "intercept"), "is damaged \\(model.curve"),
        (_with({}, "model", "curve"), "is damaged \\(model.curve"),
        (_with(0.5, "model", "bounds", "low"), "bounds must lie around 0"),
        (_with(float("nan"), "figures", "auc", "value"), "NaN is no number"),
        (_with([1.0, 2.0], "model", "weights"), "as many inputs as weights"),
        (_with([-1.0], "model", "weights"), "a score must rise with manipulation"),
    ],
)
def test_a_damaged_file_or_another_kind_is_refused_in_one_line(
    tmp_path: Path, damage: Callable[[dict[str, Any]], None], cause: str
) -> None:
    path = tmp_path / "c.json"
    save_calibration(calibration(), path)
    plain = json.loads(path.read_text())
    damage(plain)
    path.write_text(json.dumps(plain | {OWN_DIGEST: content_digest(plain)}))
    with pytest.raises(CalibrationError, match=cause) as error:
        load_calibration(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_file_that_was_edited_is_refused_and_one_laid_out_anew_is_not(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    save_calibration(calibration(), path)
    written = path.read_text()
    path.write_text(json.dumps(dict(reversed(json.loads(written).items()))))
    assert load_calibration(path) == calibration()
    for before, after in (("1.5", "2.5"), ("made up", "well made"), (OWN_DIGEST, "sha256")):
        assert before in written
        path.write_text(written.replace(before, after))
        with pytest.raises(CalibrationError, match=r"c\.json: was changed since it was written"):
            load_calibration(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_a_file_that_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(
        CalibrationError, match=r"c\.json: is (damaged or )?no calibration|c\.json: is damaged"
    ):
        load_calibration(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(CalibrationError, match="cannot be read"):
            load_calibration(path)
