"""`forensics verify`: what was touched is named, and what cannot be checked is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from outputs import TABLE, analysed_clip, edit, lines_of, relist, run, use_stub_models
from weights_local import CONTENT, digest, registry, spec

from forensics.checks import Check, State, Subject
from forensics.errors import ExitCode, UsageFault
from forensics.manifest import FILE_NAME as MANIFEST
from forensics.manifest import write_manifest
from forensics.report.json import FILE_NAME as REPORT
from forensics.report.json import write_json
from forensics.report.model import ModelFile, Report
from forensics.report.read import read_report
from forensics.rerun import compared, settings_of
from forensics.verify import verify
from weights.sources import Imported
from weights.store import Store
from weights.streams import sha256_of

Tamper = Callable[[Path], object]


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    use_stub_models(monkeypatch)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return analysed_clip(tmp_path)[1]


@pytest.fixture
def clip(out: Path) -> Path:
    return out.parent / "clip.mp4"


def append(path: Path, content: bytes) -> None:
    path.write_bytes(path.read_bytes() + content)


def assert_mismatch(result: Result, *words: str) -> None:
    assert result.exit_code == ExitCode.VERIFICATION, result.output
    (line,) = lines_of(result, "MISMATCH")
    assert all(word in line for word in words), line


def test_untouched_outputs_are_as_they_were(out: Path) -> None:
    result = run("verify", out)
    assert result.exit_code == ExitCode.DONE, result.output
    assert lines_of(result, "MISMATCH") == []
    assert len(lines_of(result, "ok")) == 5
    assert [line for line in lines_of(result, "not checked") if "stub.pt" not in line] == []


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda out: edit(out / TABLE, "1.1", "0.1"), ["output", TABLE, "sha256"]),
        (lambda out: edit(out / REPORT, '"score": 1.1', '"score": 0.1'), ["output", REPORT, "sha256"]),
        (lambda out: (out / TABLE).unlink(), ["output", TABLE, "is missing"]),
        (lambda out: (out / "more.html").write_text("x"), ["output", "more.html", "is not in manifest.json"]),
        (lambda out: append(out.parent / "clip.mp4", b"x"), ["evidence", "clip.mp4", "sha256"]),
    ],
)
def test_what_was_touched_is_named(out: Path, tamper: Tamper, words: list[str]) -> None:
    tamper(out)
    assert_mismatch(run("verify", out), *words)


def test_one_flipped_bit_of_the_evidence_is_seen(out: Path, clip: Path) -> None:
    data = bytearray(clip.read_bytes())
    data[len(data) // 2] ^= 1
    clip.write_bytes(data)
    assert_mismatch(run("verify", out), "evidence", "clip.mp4")


def test_the_evidence_that_was_hashed_is_named_with_its_place(out: Path, clip: Path) -> None:
    result = run("verify", out)
    assert f"sha256 {sha256_of(clip)}: {clip}" in result.stdout


def test_a_report_that_is_damaged_is_a_mismatch(out: Path) -> None:
    (out / REPORT).write_text("{")
    result = run("verify", out)
    assert_mismatch(result, REPORT)
    assert "is damaged" in result.stdout


def test_missing_evidence_is_said_and_the_rest_is_checked(out: Path, clip: Path) -> None:
    clip.unlink()
    result = run("verify", out, "--rerun")
    assert result.exit_code == ExitCode.INPUT
    assert (
        "clip.mp4: is not in the folder, beside it or where this runs; name it with --evidence"
        in result.stdout
    )
    assert "re-run    clip.mp4: the evidence is not here" in result.stdout
    assert len(lines_of(result, "ok")) == 4


def test_a_mismatch_outweighs_missing_evidence(out: Path, clip: Path) -> None:
    clip.unlink()
    (out / TABLE).unlink()
    assert run("verify", out).exit_code == ExitCode.VERIFICATION


def test_evidence_may_be_elsewhere_and_be_called_otherwise(out: Path, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    moved = clip.rename(tmp_path / "vault" / "renamed.mp4")
    result = run("verify", out, "--evidence", moved, "--rerun")
    assert result.exit_code == ExitCode.DONE, result.output
    assert "byte-identical" in result.stdout


def test_named_evidence_that_is_not_there_is_said(out: Path, tmp_path: Path) -> None:
    result = run("verify", out, "--evidence", tmp_path / "nowhere.mp4", "--rerun")
    assert result.exit_code == ExitCode.INPUT
    assert "evidence  clip.mp4: cannot be read (No such file" in result.stdout
    assert "re-run    clip.mp4: the evidence is not here" in result.stdout
    (out / "more.html").write_text("x")
    assert run("verify", out, "--evidence", tmp_path / "nowhere.mp4").exit_code == ExitCode.VERIFICATION


def test_evidence_inside_the_folder_is_no_stray_file(out: Path, clip: Path) -> None:
    clip.rename(out / clip.name)
    assert run("verify", out).exit_code == ExitCode.DONE


def test_evidence_whose_name_is_not_utf8_is_found_again(clip: Path, tmp_path: Path) -> None:
    odd = clip.rename(tmp_path / b"clip\xff\n.mp4".decode("utf-8", "surrogateescape"))
    out = tmp_path / "odd"
    assert run("analyze", odd, "-o", out, "--all-frames").exit_code == ExitCode.DONE
    result = run("verify", out)
    assert result.exit_code == ExitCode.DONE, result.output
    assert "evidence  clip\\xff\\n.mp4: sha256" in result.stdout


def test_without_a_manifest_nothing_can_be_verified(out: Path) -> None:
    (out / MANIFEST).unlink()
    result = run("verify", out)
    assert result.exit_code == ExitCode.INPUT
    (line,) = result.stderr.splitlines()
    assert MANIFEST in line
    assert "No such file" in line


@pytest.mark.parametrize("name", ["../clip.mp4", "/etc/hostname", ""])
def test_a_manifest_that_points_out_of_the_folder_is_refused(out: Path, name: str) -> None:
    edit(out / MANIFEST, f'"{TABLE}"', json.dumps(name))
    result = run("verify", out)
    assert result.exit_code == ExitCode.INPUT
    assert "leaves the folder" in result.stderr


def test_an_evidence_name_is_no_path_to_follow(out: Path, tmp_path: Path) -> None:
    edit(out / MANIFEST, '"clip.mp4"', f'"{tmp_path.name}/clip.mp4"')
    result = run("verify", out)
    assert f"{tmp_path.name}/clip.mp4: is not in the folder" in result.stdout


def test_a_manifest_on_other_evidence_than_the_reports_is_a_mismatch(out: Path, clip: Path) -> None:
    clip.write_bytes(clip.read_bytes() + b"x")
    evidence = read_report(out).evidence
    write_manifest(out, replace(evidence, size_bytes=evidence.size_bytes + 1))
    result = run("verify", out)
    assert result.exit_code == ExitCode.VERIFICATION
    assert "names other evidence than report.json" in result.stdout


def test_a_report_of_another_version_leaves_the_digests_checked(out: Path) -> None:
    report = read_report(out)
    edit(out / REPORT, f'"schema_version": "{report.schema_version}"', '"schema_version": "0.9"')
    write_manifest(out, report.evidence)
    result = run("verify", out)
    assert result.exit_code == ExitCode.INPUT
    assert len(lines_of(result, "ok")) == 4
    assert "schema version 0.9" in result.stdout


def test_a_repetition_on_the_same_platform_is_byte_identical(out: Path) -> None:
    result = run("verify", out, "--rerun")
    assert result.exit_code == ExitCode.DONE, result.output
    assert "re-run    clip.mp4: byte-identical" in result.stdout
    assert "another platform" not in result.stdout


def forged(out: Path, old: str, new: str) -> Result:
    edit(out / REPORT, old, new)
    relist(out)
    assert run("verify", out).exit_code == ExitCode.DONE
    return run("verify", out, "--rerun")


def test_a_forged_score_with_a_fitting_manifest_is_found_by_repeating(out: Path) -> None:
    assert_mismatch(
        forged(out, '"score": 1.1', '"score": 1.1000000000000003'),
        "on the same platform",
        "faces.1.scores.0.score: the report says 1.1000000000000003, the repetition 1.1",
    )


def test_forged_settings_are_found_by_repeating(out: Path) -> None:
    assert_mismatch(forged(out, '"sampling": "all"', '"sampling": "fps"'), "evidence.delivery.sampled")


def test_evidence_that_cannot_be_written_is_enough_and_stays_as_it_was(clip: Path, tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    vault.mkdir()
    kept = clip.rename(vault / clip.name)
    kept.chmod(0o444)
    vault.chmod(0o555)
    # The change time tells of every write, also of one by root, whom permissions do not hold back.
    before, digest_before = (kept.stat(), vault.stat()), sha256_of(kept)
    try:
        out = tmp_path / "kept"
        assert run("analyze", kept, "-o", out, "--all-frames").exit_code == ExitCode.DONE
        assert run("verify", out, "--evidence", kept, "--rerun").exit_code == ExitCode.DONE
        assert run("report", out).exit_code == ExitCode.DONE
        after = (kept.stat(), vault.stat())
    finally:
        vault.chmod(0o755)
    for then, now in zip(before, after, strict=True):
        assert (now.st_ctime_ns, now.st_mtime_ns, now.st_size) == (
            then.st_ctime_ns,
            then.st_mtime_ns,
            then.st_size,
        )
    assert read_report(out).evidence.sha256 == digest_before == sha256_of(kept)


def test_nothing_is_repeated_when_something_does_not_match(out: Path) -> None:
    (out / TABLE).unlink()
    result = run("verify", out, "--rerun")
    assert "re-run    clip.mp4: something above does not match" in result.stdout


def test_checks_are_printed_as_json(out: Path) -> None:
    result = run("verify", out, "--json")
    plain = json.loads(result.stdout)
    assert plain["exit_code"] == result.exit_code == 0
    assert {"subject": "evidence", "name": "clip.mp4", "state": "ok"}.items() <= plain["checks"][3].items()


def moved_scores(report: Report, *, by: float) -> Report:
    def moved(row: Any) -> Any:
        return replace(row, scores=tuple(replace(one, score=one.score + by) for one in row.scores))

    return replace(report, faces=tuple(moved(row) for row in report.faces))


def elsewhere(report: Report) -> Report:
    return replace(report, run=replace(report.run, threads=report.run.threads + 1))


@pytest.mark.parametrize(
    ("by", "same_place", "state", "words"),
    [
        (0.0, False, State.SOUND, ["byte-identical (another platform: threads"]),
        (0.019, False, State.SOUND, ["within the published tolerance, not byte-identical", "threads"]),
        (0.3, False, State.FAILED, ["beyond the published tolerance, faces.0.scores.0.score"]),
        (1e-9, True, State.FAILED, ["on the same platform, faces.0.scores.0.score"]),
    ],
)
def test_a_repetition_elsewhere_may_differ_by_the_tolerance(
    out: Path, by: float, same_place: bool, state: State, words: list[str]
) -> None:
    report = read_report(out)
    repeated = moved_scores(report, by=by)
    check = compared(report, repeated if same_place else elsewhere(repeated))
    assert check.state is state
    assert all(word in check.detail for word in words), check.detail


@pytest.mark.parametrize(("by", "state"), [(0.019, State.SOUND), (0.3, State.FAILED)])
def test_components_may_differ_elsewhere_as_scores_may(out: Path, by: float, state: State) -> None:
    def said(fake: float) -> Report:
        report = read_report(out)
        scores = (replace(report.faces[0].scores[0], components={"fake": fake}),)
        return replace(report, faces=(replace(report.faces[0], scores=scores), *report.faces[1:]))

    check = compared(said(0.5), elsewhere(said(0.5 + by)))
    assert check.state is state
    assert ("faces.0.scores.0.components.fake" in check.detail) == (state is State.FAILED)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"frame_index": 1}, "faces.0.frame_index"),
        ({"box_xyxy": (11.5, 4.0, 60.0, 54.0)}, "faces.0.box_xyxy.0"),
        ({"visible_ratio": 0.9}, "faces.0.visible_ratio"),
        ({"scores": ()}, "faces.0.scores"),
    ],
)
def test_no_tolerance_covers_another_frame_place_or_count(
    out: Path, change: dict[str, Any], field: str
) -> None:
    report = read_report(out)
    face = replace(report.faces[0], **change)
    check = compared(report, elsewhere(replace(report, faces=(face, *report.faces[1:]))))
    assert check.state is State.FAILED
    assert f"{field}: " in check.detail


def test_a_box_may_move_by_a_pixel_elsewhere(out: Path) -> None:
    report = read_report(out)
    face = replace(report.faces[0], box_xyxy=(10.9, 4.0, 60.0, 53.1))
    check = compared(report, elsewhere(replace(report, faces=(face, *report.faces[1:]))))
    assert check.state is State.SOUND


def test_an_analysis_on_a_gpu_is_repeated_on_the_cpu_where_there_is_none(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = read_report(out)
    report = replace(report, settings=replace(report.settings, device="cuda"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert settings_of(report).device == "cpu"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert settings_of(report).device == "cuda"


def test_a_checkpoint_of_the_users_own_must_be_named(out: Path, tmp_path: Path) -> None:
    own = ModelFile("own.safetensors", "0" * 64, "the user's own", True, "as given", "detector repdfd")
    report = replace(read_report(out), weights=(own,))
    with pytest.raises(UsageFault, match=r"own\.safetensors.*--weights"):
        settings_of(report)
    path = tmp_path / "own.safetensors"
    path.write_bytes(b"mine")
    assert settings_of(report, weights=path).weights == str(path)


def weight_checks(out: Path, store: Store, *files: ModelFile, own: Path | None = None) -> list[Check]:
    report = replace(read_report(out), weights=files)
    write_json(report, out)
    relist(out)
    result = verify(out, store=store, weights=own)
    return [check for check in result.checks if check.subject is Subject.WEIGHTS]


def test_weights_in_the_cache_are_hashed_again(out: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    store = Store(
        tmp_path / "cache",
        offline=True,
        registry=registry(*(spec(name, Imported("a file")) for name in ("net", "absent"))),
    )
    path = store.import_file("net", source).path
    files = [
        ModelFile(name, digest(CONTENT), "MIT", True, "sha256", "detector a") for name in ("net", "absent")
    ]
    states = [(one.name, one.state) for one in weight_checks(out, store, *files)]
    assert states == [("net", State.SOUND), ("absent", State.UNCHECKED)]
    assert verify(out, store=store).exit_code is ExitCode.DONE

    (other,) = weight_checks(out, store, replace(files[0], sha256="0" * 64))
    assert other.state is State.FAILED
    assert digest(CONTENT) in other.detail

    path.write_bytes(CONTENT[:-1] + b"!")
    (damaged,) = weight_checks(out, store, files[0])
    assert damaged.state is State.FAILED
    assert verify(out, store=store).exit_code is ExitCode.VERIFICATION


def test_a_checkpoint_of_the_users_own_is_hashed_if_it_is_named(out: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(CONTENT)
    store = Store(tmp_path / "cache", offline=True)
    own = ModelFile("mine.safetensors", digest(CONTENT), "the user's own", True, "as given", "detector a")
    assert [one.state for one in weight_checks(out, store, own)] == [State.UNCHECKED]
    assert [one.state for one in weight_checks(out, store, own, own=path)] == [State.SOUND]
    path.write_bytes(b"others")
    assert [one.state for one in weight_checks(out, store, own, own=path)] == [State.FAILED]


def test_a_folder_of_the_users_own_training_is_hashed_file_by_file(out: Path, tmp_path: Path) -> None:
    folder = tmp_path / "training"
    folder.mkdir()
    (folder / "net.safetensors").write_bytes(CONTENT)
    (tmp_path / "outside").write_bytes(CONTENT)
    store = Store(tmp_path / "cache", offline=True)
    files = [
        ModelFile(name, digest(CONTENT), "the user's own", True, "as given", "detector code")
        for name in ("net.safetensors", "absent.json", "../outside")
    ]
    found = [one.state for one in weight_checks(out, store, *files, own=folder)]
    assert found == [State.SOUND, State.UNCHECKED, State.UNCHECKED]


def test_networks_inside_the_face_detectors_package_are_hashed(out: Path, tmp_path: Path) -> None:
    from face.mtcnn import MODEL_FILES

    name, sha256 = MODEL_FILES[0]
    file = ModelFile(name, sha256, "MIT", True, "sha256", "face detector mtcnn")
    store = Store(tmp_path / "cache", offline=True)
    assert [one.state for one in weight_checks(out, store, file)] == [State.SOUND]
    assert [one.state for one in weight_checks(out, store, replace(file, sha256="0" * 64))] == [State.FAILED]
