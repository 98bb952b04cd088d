"""A batch: what is done, what is not done again, what fails, and what a folder of results holds."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from batches import SETTINGS, Place, clip, clips, finished, place

from forensics.batch.export import COLUMNS, RUN_COLUMNS
from forensics.batch.outcome import Status
from forensics.batch.plan import plan_batch
from forensics.batch.run import BatchResult, run_batch
from forensics.batch.shard import Shard
from forensics.errors import OutputError
from forensics.report.extras import Extras
from forensics.report.facts import CaseFacts
from forensics.report.read import read_report
from weights.streams import sha256_of

__all__ = ["place"]


def run(place: Place, **asked: object) -> BatchResult:
    return run_batch(place.batch(**asked))


def table(out: Path) -> list[dict[str, str]]:
    with (out / "index.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_video_has_a_folder_named_by_its_digest_and_a_row(place: Place) -> None:
    clips(place.source, 3)
    result = run(place)
    assert (result.done, result.failed, result.analysed) == (3, 0, 3)
    for number, row in enumerate(table(place.out)):
        video = place.source / f"{number}.mp4"
        assert row["path"] == video.name
        assert row["sha256"] == sha256_of(video)
        assert row["report"] == f"{row['sha256']}/{result.plan.key}"
        names = sorted(path.name for path in (place.out / row["report"]).iterdir())
        assert names == ["frames.csv", "manifest.json", "report.html", "report.json"]
    assert [row["score"] for row in table(place.out)] == ["-0.5", "0.5", "1.5"]
    assert [row["finding"] for row in table(place.out)] == [
        "inconclusive",
        "inconclusive",
        "manipulation cues found",
    ]
    assert table(place.out)[1]["reason"] == "between_thresholds"


def test_nothing_but_the_batch_stays_in_the_folder(place: Place) -> None:
    clips(place.source, 2)
    run(place)
    names = {path.name for path in place.out.iterdir() if len(path.name) != 64}
    assert names == {"index.sqlite", "index.csv", "index.html", "left_out.csv", ".lock"}


def test_what_is_finished_is_not_done_again(place: Place) -> None:
    clips(place.source, 3)
    run(place)
    before = finished(place.out), (place.out / "index.csv").read_bytes()
    clip(place.source / "9.mp4", 9)
    again = run(place)
    assert again.analysed == 1
    assert sorted(place.behaviour.begun()) == [0, 1, 2, 9]
    (place.source / "9.mp4").unlink()
    assert run(place).analysed == 0
    shutil.rmtree(next(place.out.glob(sha256_of(clip(place.root / "9.mp4", 9)) + "*")))
    assert (finished(place.out), (place.out / "index.csv").read_bytes()) == before


def test_an_index_that_was_lost_is_made_anew_without_analysing(place: Place) -> None:
    clips(place.source, 3)
    run(place)
    before = [{name: row[name] for name in COLUMNS} for row in table(place.out)]
    (place.out / "index.sqlite").unlink()
    assert run(place).analysed == 0
    assert table(place.out) == before


def test_an_analysis_that_was_deleted_is_made_again(place: Place) -> None:
    clips(place.source, 2)
    first = run(place)
    shutil.rmtree(place.out / sha256_of(place.source / "1.mp4") / first.plan.key)
    assert run(place).analysed == 1
    assert place.behaviour.begun() == [0, 1, 1]


@pytest.mark.parametrize(
    "asked",
    [
        {"settings": replace(SETTINGS, min_frames=2)},
        {"case": CaseFacts(case="7/24")},
        {"extras": Extras(annotate=True)},
    ],
)
def test_other_settings_never_reuse_what_is_there(place: Place, asked: dict[str, object]) -> None:
    clips(place.source, 2)
    first = run(place)
    second = run(place, **asked)
    assert second.analysed == 2
    assert second.plan.key != first.plan.key
    assert len(finished(place.out)) == 4
    assert {row["report"].split("/")[1] for row in table(place.out)} == {second.plan.key}
    assert run(place).analysed == 0
    assert {row["report"].split("/")[1] for row in table(place.out)} == {first.plan.key}


def test_another_version_of_the_tool_reuses_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    clips(place.source, 1)
    run(place)
    monkeypatch.setattr("forensics.batch.work.tool_version", lambda: "99")
    assert run(place).analysed == 1


def test_the_same_video_twice_is_one_analysis_and_two_rows(place: Place) -> None:
    clips(place.source, 2)
    shutil.copy(place.source / "0.mp4", place.source / "copy.mp4")
    result = run(place)
    assert (result.analysed, result.done) == (2, 3)
    rows = {row["path"]: row for row in table(place.out)}
    assert rows["0.mp4"]["report"] == rows["copy.mp4"]["report"]
    assert rows["0.mp4"]["report"] != rows["1.mp4"]["report"]


def test_files_that_are_no_videos_fail_alone_and_are_not_tried_again(place: Place) -> None:
    clips(place.source, 2)
    (place.source / "text.mp4").write_text("#EXTM3U\nother.mp4\n")
    (place.source / "empty.mkv").write_bytes(b"")
    result = run(place)
    assert (result.done, result.failed) == (2, 2)
    errors = {row["path"]: row["error"] for row in table(place.out) if row["status"] == "failed"}
    assert errors.keys() == {"text.mp4", "empty.mkv"}
    assert "is empty" in errors["empty.mkv"]
    assert all(len(error.splitlines()) == 1 for error in errors.values())
    assert [row.attempts for row in result.merged.rows] == [1, 1, 1, 1]
    again = run(place)
    assert (again.analysed, again.done, again.failed) == (0, 2, 2)
    assert {row["path"]: row["error"] for row in table(place.out) if row["error"]} == errors


def test_a_listed_file_that_is_not_there_fails_and_is_looked_for_again(place: Place) -> None:
    clips(place.source, 1)
    manifest = place.root / "list.jsonl"
    manifest.write_text('{"path": "in/0.mp4"}\n{"path": "in/1.mp4"}\n')
    result = run(place, source=manifest)
    assert (result.done, result.failed) == (1, 1)
    row = table(place.out)[1]
    assert (row["path"], row["status"], row["sha256"]) == ("in/1.mp4", "failed", "")
    assert "does not exist" in row["error"]
    clip(place.source / "1.mp4", 1)
    again = run(place, source=manifest)
    assert (again.analysed, again.done, again.failed) == (1, 2, 0)


def test_memory_is_tried_again_up_to_the_limit_and_a_defect_is_not(place: Place) -> None:
    clips(place.source, 3)
    place.behave(memory=(0,), broken=(1,))
    result = run(place, retries=2)
    assert (result.done, result.failed) == (1, 2)
    # Each attempt halves the four frames twice.
    assert place.behaviour.begun() == [0, 0, 0, 1, 2, *[0] * 6]
    assert [row.attempts for row in result.merged.rows] == [3, 1, 1]
    errors = [row["error"] for row in table(place.out)]
    assert "memory" in errors[0]
    assert "RuntimeError: no such luck" in errors[1]
    place.behave()
    again = run(place)
    assert (again.analysed, again.done) == (2, 3)


def test_a_file_that_changes_after_it_was_listed_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips(place.source, 1)
    monkeypatch.setattr("forensics.batch.plan.sha256_of", lambda _: "0" * 64)
    assert run(place).failed == 1
    assert "changed since it was listed" in table(place.out)[0]["error"]


def test_a_report_that_was_damaged_is_told_and_never_overwritten(place: Place) -> None:
    clips(place.source, 1)
    key = run(place).plan.key
    report = place.out / sha256_of(place.source / "0.mp4") / key / "report.json"
    report.write_text("{")
    (place.out / "index.sqlite").unlink()
    assert run(place).failed == 1
    assert "is damaged" in table(place.out)[0]["error"]
    assert report.read_text() == "{"


def test_the_index_agrees_with_the_reports(place: Place) -> None:
    clips(place.source, 3)
    run(place)
    for row in table(place.out):
        report = read_report(place.out / row["report"])
        assert row["finding"] == report.verdict.label.value
        assert row["sha256"] == report.evidence.sha256
        assert row["detector"] == report.detectors[0].name
        assert float(row["seconds"]) == report.run.seconds


def test_the_columns_that_differ_between_runs_stand_last() -> None:
    assert COLUMNS[-len(RUN_COLUMNS) :] == RUN_COLUMNS == ("seconds", "attempts")


def test_the_table_is_written_with_types_where_it_is_asked_for(place: Place) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    clips(place.source, 2)
    (place.source / "z.mp4").write_text("none")
    run(place, extras=Extras(renderings=("frames.parquet",)))
    rows = pq.read_table(place.out / "index.parquet").to_pylist()
    assert [row["score"] for row in rows] == [-0.5, 0.5, None]
    assert [row["status"] for row in rows] == ["done", "done", "failed"]
    assert tuple(rows[0]) == COLUMNS


def test_names_are_inert_in_the_table(place: Place) -> None:
    clip(place.source / "=1+1.mp4", 0)
    run(place)
    assert table(place.out)[0]["path"] == "'=1+1.mp4"


def test_a_plan_writes_nothing(place: Place) -> None:
    clips(place.source, 3)
    plan = plan_batch(place.batch())
    assert [job.name for job in plan.to_do] == ["0.mp4", "1.mp4", "2.mp4"]
    assert not place.out.exists()
    assert place.behaviour.begun() == []
    run(place)
    clip(place.source / "3.mp4", 3)
    plan = plan_batch(place.batch())
    assert [job.name for job in plan.to_do] == ["3.mp4"]
    assert [outcome.status for _, outcome in plan.finished] == [Status.DONE] * 3


def test_shares_are_disjoint_complete_and_join_in_one_index(place: Place, tmp_path: Path) -> None:
    clips(place.source, 8)
    (place.source / "gone.mp4").symlink_to("nowhere.mp4")
    whole = run(place, out=tmp_path / "whole")
    results = [run(place, shard=Shard(number, 3)) for number in (1, 2, 3)]
    taken = [{one.sha256 for one in result.plan.given} for result in results]
    assert sum(map(len, taken)) == len(set.union(*taken)) == 8
    assert [len(result.merged.missing) for result in results] == [2, 1, 0]
    assert sum(result.done for result in results) == whole.done == 8
    compared = ("index.html", "left_out.csv")
    assert [(place.out / name).read_bytes() for name in compared] == [
        (tmp_path / "whole" / name).read_bytes() for name in compared
    ]
    assert [row["path"] for row in table(place.out)] == [f"{number}.mp4" for number in range(8)]
    assert finished(place.out) == finished(tmp_path / "whole")


def test_a_share_does_not_change_when_videos_are_added(place: Place) -> None:
    clips(place.source, 4)
    first = {one.sha256 for one in plan_batch(place.batch(shard=Shard(2, 3))).given}
    clips(place.source, 9)
    assert first <= {one.sha256 for one in plan_batch(place.batch(shard=Shard(2, 3))).given}


def test_a_full_disk_ends_the_batch_and_keeps_what_is_finished(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips(place.source, 4)
    from forensics.batch import work

    real, calls = work.write_analysis, []

    def full(*given: object, **told: object) -> None:
        calls.append(given)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(*given, **told)  # type: ignore[arg-type]

    monkeypatch.setattr("forensics.batch.work.write_analysis", full)
    with pytest.raises(OutputError, match=r"No space left on device.*make room"):
        run(place)
    assert len(finished(place.out)) == 2
    assert not list(place.out.glob(".partial*"))
    assert [row["status"] for row in table(place.out)] == ["done", "done", "pending", "pending"]
    monkeypatch.setattr("forensics.batch.work.write_analysis", real)
    again = run(place)
    assert (again.analysed, again.done, again.failed) == (2, 4, 0)


def test_what_a_killed_run_left_half_made_goes(place: Place) -> None:
    clips(place.source, 1)
    left = place.out / ".partial" / "half-1"
    left.mkdir(parents=True)
    (left / "report.json").write_text("{")
    run(place)
    assert not (place.out / ".partial").exists()


def test_the_outcome_is_plain_json(place: Place) -> None:
    clips(place.source, 1)
    plan = run(place).plan
    again = plan_batch(place.batch())
    ((_, outcome),) = again.finished
    assert again.key == plan.key
    assert json.loads(json.dumps(outcome.plain()))["finding"] == "inconclusive"
