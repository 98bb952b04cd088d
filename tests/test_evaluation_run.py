"""`forensics evaluate detectors` from a manifest to its outputs: figures, resuming, what has no score."""

from __future__ import annotations

import csv
import html
import json
from pathlib import Path
from typing import Any

import pytest
from command_line import assert_refused
from evaluations import clip, evaluate, six_clips, still, use_models, write_manifest

import forensics.evaluation.run as evaluation_run
from forensics.calibration.table import read_scores
from forensics.errors import ExitCode
from forensics.evaluation.folder import PAGE


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, "repdfd")


def metrics_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return found


def rows_in(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def figure(folder: Path, title: str, level: str = "video", name: str = "auc") -> float:
    (row,) = [
        row
        for row in metrics_in(folder)["rows"]
        if (row["comparison"]["value"], row["level"]) == (title, level)
    ]
    value: float = row["figures"][name]["value"]
    return value


def test_figures_are_those_worked_by_hand_and_the_scores_can_be_calibrated(tmp_path: Path) -> None:
    result = evaluate(six_clips(tmp_path), "-o", tmp_path / "out")
    assert result.exit_code == ExitCode.DONE, result.output
    out = tmp_path / "out"
    # Real 40, 60, 80; swap 70; reenact 100, 120.
    assert figure(out, "") == pytest.approx(8 / 9)
    assert figure(out, "swap") == pytest.approx(2 / 3)
    assert figure(out, "reenact") == 1
    # The stub's threshold is 1.0: all but the swap are right.
    assert figure(out, "", name="accuracy") == pytest.approx(5 / 6)
    # Each clip is one track, one second and four frames: the same ranking at each level.
    for level in ("track", "second", "frame"):
        assert figure(out, "", level) == pytest.approx(8 / 9)
    table = read_scores(out / "scores.csv", ["repdfd"])
    assert [one.labelled.manipulated for one in table.videos] == [True] * 3 + [False] * 3
    assert table.videos[0].labelled.video == "set/fake/0.mp4"
    assert table.groups[0] == "fake0"
    assert table.scores[:, 0] == pytest.approx([0.7, 1.0, 1.2, 0.4, 0.6, 0.8], abs=0.02)


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = six_clips(tmp_path)
    analyse, analysed = evaluation_run.analyze_video, []

    def counted(path: Path, *arguments: Any, **options: Any) -> Any:
        if len(analysed) == 3 and not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            raise KeyboardInterrupt
        analysed.append(path.name)
        return analyse(path, *arguments, **options)

    monkeypatch.setattr(evaluation_run, "analyze_video", counted)
    assert evaluate(manifest, "-o", tmp_path / "out").exit_code == ExitCode.INTERRUPTED
    assert not (tmp_path / "out" / "metrics.json").exists()
    assert evaluate(manifest, "-o", tmp_path / "out").exit_code == ExitCode.DONE
    assert len(analysed) == 6
    assert evaluate(manifest, "-o", tmp_path / "whole").exit_code == ExitCode.DONE
    for name in ("metrics.json", "scores.csv", "unscored.csv", "index.json", PAGE):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_changed_file_and_another_setting_are_analysed_again(tmp_path: Path) -> None:
    manifest, out = six_clips(tmp_path), tmp_path / "out"
    assert evaluate(manifest, "-o", out).exit_code == ExitCode.DONE
    first = len(list((out / "reports").iterdir()))
    clip(tmp_path / "fake" / "0.mp4", 90)
    assert evaluate(manifest, "-o", out).exit_code == ExitCode.DONE
    assert len(list((out / "reports").iterdir())) == first + 1
    assert figure(out, "") == 1
    assert evaluate(manifest, "-o", out, "--min-frames", "2").exit_code == ExitCode.DONE
    assert len(list((out / "reports").iterdir())) == 2 * first + 1


def test_too_many_unreadable_items_end_the_run_and_a_few_are_listed(tmp_path: Path) -> None:
    manifest = six_clips(tmp_path)
    (tmp_path / "fake" / "0.mp4").write_bytes(b"no video")
    (tmp_path / "real" / "2.mp4").write_bytes(b"")
    out = tmp_path / "out"
    assert_refused(
        evaluate(manifest, "-o", out, "--max-unreadable", "1"),
        ExitCode.INPUT,
        "2 items cannot be read",
        "0.mp4",
    )
    result = evaluate(manifest, "-o", out, "--max-unreadable", "2")
    assert result.exit_code == ExitCode.DONE, result.output
    assert "cannot be read" in result.stderr
    listed = {row["video"]: row for row in rows_in(out / "unscored.csv")}
    assert set(listed) == {"set/fake/0.mp4", "set/real/2.mp4"}
    assert "0.mp4" in listed["set/fake/0.mp4"]["reason"]
    counts = {(row["label"], row["method"]): row for row in metrics_in(out)["counts"]}
    assert (counts["fake", "swap"]["items"], counts["fake", "swap"]["unreadable"]) == (1, 1)
    assert (counts["real", "camera"]["scored"], counts["real", "camera"]["unreadable"]) == (2, 1)
    assert "2 items cannot be read" in (out / PAGE).read_text()


def test_a_video_without_a_face_is_stated_and_gets_no_score(tmp_path: Path) -> None:
    manifest = six_clips(tmp_path)
    clip(tmp_path / "real" / "2.mp4", 5)
    result = evaluate(manifest, "-o", tmp_path / "out")
    assert result.exit_code == ExitCode.DONE, result.output
    assert "repdfd: without a score: 1 no_face" in result.stdout
    assert [row["reason"] for row in rows_in(tmp_path / "out" / "unscored.csv")] == ["no_face"]
    assert len(rows_in(tmp_path / "out" / "scores.csv")) == 5
    # The hardest real one is out: the others are told from all fakes.
    assert figure(tmp_path / "out", "") == 1


def test_one_class_alone_has_no_auc_but_its_groups_false_positives(tmp_path: Path) -> None:
    levels = {"age=0-19;sex=0": (50, 120), "age=20-39;sex=0": (130, 140, 60), "age=20-39;sex=1": (10,)}
    rows = []
    for group, row in levels.items():
        for level in row:
            still(tmp_path / f"{level}.png", level)
            rows.append((f"{level}.png", "real", "utkface", "", group))
    result = evaluate(write_manifest(tmp_path, *rows), "-o", tmp_path / "out")
    assert result.exit_code == ExitCode.DONE, result.output
    assert "one class only" in result.stdout
    found = metrics_in(tmp_path / "out")
    assert {row["figures"] for row in found["rows"]} == {None}
    groups = {(row["key"], row["value"]): row for row in found["groups"]}
    # At 1.0: 120 of the young, 130 and 140 of the older; nobody with sex 1 has a score.
    assert {key: (row["false_positives"], row["scored"], row["unscored"]) for key, row in groups.items()} == {
        ("age", "0-19"): (1, 2, 0),
        ("age", "20-39"): (2, 3, 1),
        ("sex", "0"): (3, 5, 0),
        ("sex", "1"): (0, 0, 1),
    }
    assert groups["sex", "1"]["rate"] is None
    # Clopper and Pearson for 1 of 2: the beta quantiles 0.025 of (1, 2) and 0.975 of (2, 1).
    assert groups["age", "0-19"]["rate"]["low"] == pytest.approx(1 - 0.975**0.5)
    assert groups["age", "0-19"]["rate"]["high"] == pytest.approx(0.975**0.5)
    assert "by group" in (tmp_path / "out" / PAGE).read_text()


def test_names_from_a_dataset_cannot_become_part_of_the_page(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4", 40)
    clip(tmp_path / "b.mp4", 90)
    clip(tmp_path / "c.mp4", 95)
    evil = "<script>alert(1)</script>"
    manifest = write_manifest(
        tmp_path, ("a.mp4", "real", "x"), ("b.mp4", "fake", evil), ("c.mp4", "fake", "swap")
    )
    assert evaluate(manifest, "-o", tmp_path / "out").exit_code == ExitCode.DONE
    page = (tmp_path / "out" / PAGE).read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in html.unescape(page)
    assert " style=" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_an_item_listed_twice_and_a_folder_of_something_else_are_refused(tmp_path: Path) -> None:
    manifest = six_clips(tmp_path)
    assert_refused(
        evaluate(manifest, manifest, "-o", tmp_path / "out"),
        ExitCode.INPUT,
        "6 items are listed more than once",
    )
    assert_refused(evaluate(manifest, "-o", tmp_path), ExitCode.USAGE, "is of no evaluation", "name a new")


def test_a_face_pointed_out_in_one_video_is_no_option_of_many(tmp_path: Path) -> None:
    result = evaluate(six_clips(tmp_path), "-o", tmp_path / "out", "--face", "1,1,50,50@0")
    assert_refused(result, ExitCode.USAGE, "--face", "one video")
