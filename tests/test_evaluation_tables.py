"""Comparisons, tables across datasets, curves, and joined evaluations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import assert_refused, run
from evaluations import clip, evaluate, evaluated, item, six_clips, use_models, write_manifest

from forensics.data.faces import Label
from forensics.detector import Scope
from forensics.errors import ExitCode
from forensics.evaluation.charts import SIDE
from forensics.evaluation.comparisons import By, Comparison, compare, comparisons_of
from forensics.evaluation.curve_charts import det_charts, roc_charts
from forensics.evaluation.curves import curves_of, reliabilities_of
from forensics.evaluation.scores import DetectorFacts, Level
from forensics.evaluation.sweep_charts import round_values
from forensics.evaluation.tables import auc_tables
from forensics.findings import Thresholds

REAL, FAKE, GENERATED = Label.REAL, Label.FAKE, Label.GENERATED
DETECTOR = DetectorFacts("a", Scope.FACE, Thresholds(0.5, 0.5, "test"), ())
# In set: AUC against all 5/6, against fakes 3/4, against generated 1.
SIX = [
    evaluated("r1", REAL, 0.0),
    evaluated("r2", REAL, 2.0),
    evaluated("f1", FAKE, 1.0, method="swap"),
    evaluated("f2", FAKE, 3.0, method="swap"),
    evaluated("g1", GENERATED, 4.0, method="gan"),
    evaluated("g2", GENERATED, None, method="gan"),
]
OTHER = [evaluated("s1", REAL, 0.0, dataset="other"), evaluated("s2", FAKE, 1.0, dataset="other")]


def test_comparisons_of_the_same_items_stand_once() -> None:
    found = comparisons_of([one.item for one in SIX])
    assert found == (
        Comparison("set", By.ALL),
        Comparison("set", By.KIND, "fake"),
        Comparison("set", By.KIND, "generated"),
    )
    two = [*SIX, evaluated("f3", FAKE, 1.0, method="reenact")]
    assert [one.value for one in comparisons_of([one.item for one in two]) if one.by is By.METHOD] == [
        "reenact",
        "swap",
    ]


def test_the_table_across_datasets_has_a_column_each_and_their_mean() -> None:
    rows = list(compare([*SIX, *OTHER], [DETECTOR], resamples=10, fine_resamples=5))
    across, within, other = auc_tables(rows, Level.VIDEO)
    assert [column.dataset for column in across.columns] == ["set", "other"]
    ((name, cells),) = across.rows
    assert name == "a"
    assert [cell and cell.value for cell in cells] == [pytest.approx(5 / 6), 1]
    assert across.means == (pytest.approx(11 / 12),)
    ((_, cells),) = within.rows
    assert [cell and cell.value for cell in cells] == [pytest.approx(5 / 6), pytest.approx(3 / 4), 1]
    assert len(other.columns) == 1


def test_the_abstained_enter_no_count_of_a_row() -> None:
    rows = [row for row in compare(SIX, [DETECTOR], resamples=10) if row.level is Level.VIDEO]
    assert [(row.real, row.manipulated) for row in rows] == [(2, 3), (2, 2), (2, 1)]
    assert {row.why_uncalibrated for row in rows} == {
        "3 identities of manipulated videos; cross-validation needs 5",
        "2 identities of manipulated videos; cross-validation needs 5",
        "1 identities of manipulated videos; cross-validation needs 5",
    }


def test_the_roc_is_drawn_from_the_lower_left_upwards() -> None:
    rows = list(compare(SIX[:4], [DETECTOR], resamples=10))
    (curve,) = curves_of(SIX[:4], rows)
    # Fake 3, real 2, fake 1, real 0.
    assert list(zip(curve.false_positive_rates, curve.true_positive_rates, strict=True)) == [
        (0, 0),
        (0, 0.5),
        (0.5, 0.5),
        (0.5, 1),
        (1, 1),
    ]
    (roc,) = roc_charts([curve], {"a": 0})
    half, side = f"{SIDE / 2:g}", f"{SIDE:g}"
    assert roc.lines[0].path == f"M0 {side}L0 {half}L{half} {half}L{half} 0L{side} 0"
    (det,) = det_charts([curve], {"a": 0})
    # Half of either error lies in the middle of an axis of normal deviates.
    assert f"{half} {half}" in det.lines[0].path


def test_reliability_has_a_point_for_every_bin_of_the_calibration_error() -> None:
    many = [evaluated(f"r{n:02}", REAL, n / 10) for n in range(20)]
    many += [evaluated(f"f{n:02}", FAKE, n / 10 + 0.5) for n in range(20)]
    rows = list(compare(many, [DETECTOR], resamples=10))
    (found,) = reliabilities_of(rows)
    assert sum(point.videos for point in found.points) == 40
    calibrated = next(row.calibrated for row in rows if row.calibrated is not None)
    error = sum(abs(point.stated - point.found) * point.videos / 40 for point in found.points)
    assert error == pytest.approx(calibrated.expected_calibration_error.value)


def test_attributes_are_read_by_key() -> None:
    assert item("a", REAL, group="age=20-39; sex=0;tall").attributes == {
        "age": "20-39",
        "sex": "0",
        "group": "tall",
    }
    assert item("a", REAL).attributes == {}


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (-0.3, 1.0, (-0.5, 0.0, 0.5, 1.0)),
        (0.0, 0.0, (0.0, 0.02, 0.04, 0.06, 0.08, 0.1)),
        (-2.1, -0.5, (-2.5, -2, -1.5, -1, -0.5, 0)),
    ],
)
def test_axes_of_changes_hold_zero(low: float, high: float, ticks: tuple[float, ...]) -> None:
    assert round_values(low, high)[: len(ticks)] == pytest.approx(ticks)


def test_joined_folders_give_one_table_and_names_tell_runs_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = six_clips(tmp_path)
    clip(tmp_path / "x.mp4", 50)
    clip(tmp_path / "y.mp4", 90)
    second = write_manifest(tmp_path, ("x.mp4", "real"), ("y.mp4", "fake"), name="second.csv")
    use_models(monkeypatch, "repdfd")
    assert evaluate(manifest, "-o", tmp_path / "one").exit_code == ExitCode.DONE
    use_models(monkeypatch, "repdfd", "mesonet")
    assert evaluate(second, "-o", tmp_path / "two").exit_code == ExitCode.DONE
    result = run("evaluate", "join", tmp_path / "one", tmp_path / "two", "-o", tmp_path / "both")
    assert result.exit_code == ExitCode.DONE, result.output
    found = json.loads((tmp_path / "both" / "metrics.json").read_text())
    assert [one["name"] for one in found["datasets"]] == ["set", "second"]
    assert [one["name"] for one in found["detectors"]] == ["repdfd", "mesonet"]
    result = run("evaluate", "join", f"v1={tmp_path / 'one'}", tmp_path / "one", "-o", tmp_path / "named")
    assert result.exit_code == ExitCode.DONE, result.output
    found = json.loads((tmp_path / "named" / "metrics.json").read_text())
    assert [one["name"] for one in found["detectors"]] == ["v1 repdfd", "repdfd"]
    videos = [row["figures"]["auc"]["value"] for row in found["rows"] if row["level"] == "video"]
    assert videos[0] == videos[1] == pytest.approx(8 / 9)


def test_two_different_runs_of_one_detector_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = six_clips(tmp_path)
    use_models(monkeypatch, "repdfd")
    assert evaluate(manifest, "-o", tmp_path / "one").exit_code == ExitCode.DONE
    clip(tmp_path / "real" / "0.mp4", 90)
    assert evaluate(manifest, "-o", tmp_path / "two").exit_code == ExitCode.DONE
    result = run("evaluate", "join", tmp_path / "one", tmp_path / "two", "-o", tmp_path / "both")
    assert_refused(result, ExitCode.USAGE, "set/real/0.mp4", "scores it in two ways", "NAME=FOLDER")
