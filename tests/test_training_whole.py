"""From clips to a verdict as typed: preview, extract, train, kill, resume, analyse, evaluate; tiny models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import media
import pytest
from command_line import assert_refused, run
from stubs import OneFace
from tiny_towers import NAME, Colours, tiny_store

from forensics.data.cache import load_cache, read_spec
from forensics.errors import ExitCode
from forensics.repdfd_checkpoint import read_config, read_tensors
from forensics.train.loop import Loop
from forensics.train.repdfd import CHECKPOINT_FILE
from weights.store import Store


class Mtcnn(OneFace):
    name = "mtcnn"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The tiny CLIP, and in the place of detector and identity encoder a face at a fixed place."""
    monkeypatch.setattr("forensics.models.load_named_detector", lambda *args, **options: Mtcnn())
    monkeypatch.setattr("forensics.models.load_named_embedder", lambda name, *rest: Colours(name, 128))
    monkeypatch.setattr("forensics.models.weights_needed", lambda name: ())
    monkeypatch.setattr("forensics.repdfd_weights.embedder_weights", lambda name: ())
    return tiny_store(tmp_path, monkeypatch)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Real and fake clips of different people in both splits, and a file that is none."""
    rows = ["path,label,split,method,identity,group"]
    for number in range(8):
        clip = media.h264(tmp_path / f"clip{number}.mp4", count=6 + number)
        label, split = ("real", "fake")[number % 2], ("train", "train", "val", "val")[number // 2]
        rows.append(f"{clip.name},{label},{split},{label}_clips,person{number},")
    (tmp_path / "broken.mp4").write_text("no video")
    rows.append("broken.mp4,real,train,real_clips,nobody,")
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "list.csv"


def done(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == ExitCode.DONE, result.output
    return result.output


def weights(store: Store) -> tuple[str | Path, ...]:
    return ("--cache-dir", store.cache_dir, "--offline", "--device", "cpu")


def test_from_clips_to_a_verdict(
    store: Store, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, out = tmp_path / "cache", tmp_path / "out"
    extract = ("data", "extract", manifest, "-o", cache, "--backbone", NAME, *weights(store))
    assert_too_many = run(*extract, "--augment", "world", "--masks", "--max-unreadable", "0")
    assert_refused(assert_too_many, ExitCode.INPUT, "1 records", "--max-unreadable allows 0", "broken.mp4")
    assert "broken.mp4" in done(*extract, "--augment", "world", "--masks", "--max-unreadable", "1")
    faces = load_cache(cache, expected={"masks": True, "backbone": NAME})
    assert set(faces.method) > {"real", "fake_clips"}

    options = ("--backbone", NAME, "--steps", "4", "--border-steps", "4", "--border-batch", "4")
    options += ("--check-every", "2", "--accumulate", "2")
    train = ("train", "repdfd", "--cache", cache, *options, *weights(store))
    done(*train, "-o", tmp_path / "whole")
    step = Loop._check

    def killed(self: Loop, score: float, loss: float, **rest: bool) -> None:
        step(self, score, loss, **rest)
        if self.step == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_check", killed)
        assert run(*train, "-o", out).exit_code == ExitCode.INTERRUPTED
    assert not (out / CHECKPOINT_FILE).exists()
    done(*train, "-o", out, "--resume")
    one, two = (read_tensors(folder / CHECKPOINT_FILE) for folder in (tmp_path / "whole", out))
    assert one.keys() == two.keys()
    assert all(one[name].equal(two[name]) for name in one)
    assert read_config(out / CHECKPOINT_FILE) == read_config(tmp_path / "whole" / CHECKPOINT_FILE)

    analyze = ("analyze", tmp_path / "clip0.mp4", "--weights", out / CHECKPOINT_FILE, *weights(store))
    done(*analyze, "--all-frames", "-o", tmp_path / "report")
    report: Mapping[str, object] = json.loads((tmp_path / "report" / "report.json").read_text())
    assert "stand-in" in json.dumps(report)

    evaluate = ("evaluate", "detectors", manifest, "--split", "val", "--all-frames", "--min-frames", "1")
    done(*evaluate, "--weights", out / CHECKPOINT_FILE, "-o", tmp_path / "evaluation", *weights(store))
    rows = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())["rows"]
    of_videos = next(row for row in rows if row["level"] == "video" and row["comparison"]["by"] == "all")
    assert (of_videos["real"], of_videos["manipulated"]) == (2, 2)
    assert 0 <= of_videos["figures"]["auc"]["value"] <= 1


def test_the_paper_s_preset_takes_the_dataset_s_own_fakes_as_they_are(
    store: Store, manifest: Path, tmp_path: Path
) -> None:
    preset = ("--preset", "paper", "--backbone", NAME, "--embedder", "dlib", *weights(store))
    done("data", "extract", manifest, "-o", tmp_path / "cache", *preset)
    faces = load_cache(tmp_path / "cache", expected={})
    assert set(faces.method) == {"real", "fake_clips"}
    assert "flip_share=0.0" in read_spec(tmp_path / "cache").pairs
    train = ("train", "repdfd", "--cache", tmp_path / "cache", *preset, "--precision", "bf16")
    done(*train, "--border-steps", "2", "--border-batch", "4", "-o", tmp_path / "out")
    assert read_config(tmp_path / "out" / CHECKPOINT_FILE).text is None


def test_a_preview_shows_real_faces_and_what_is_made_of_them(
    store: Store, manifest: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    said = done("data", "preview", manifest, "-o", page, "--count", "2", *weights(store))
    assert said.startswith(f"{page.read_text().count('<figure>')} pairs")
    assert "clip1.mp4" not in page.read_text()
    again = run("data", "preview", manifest, "-o", page, *weights(store))
    assert_refused(again, ExitCode.USAGE, "page.html", "already")
    other = run("data", "preview", manifest, "-o", tmp_path / "page.txt", *weights(store))
    assert_refused(other, ExitCode.USAGE, "ends in .html or .png")
