"""The bench: its arithmetic, what it times, and that the plain loop it compares with does the same work."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import assert_refused, run
from skimage.data import astronaut
from stubs import StubDetector, WholeFrameStub, stub_models
from tiny import tiny_clip_config
from tiny_towers import Colours

from face.detect import DetectSettings, load_detector
from face.onednn import OneDnnLinear
from forensics.backbones import BACKBONES
from forensics.bench import shipped
from forensics.bench.clip import ClipPlan, make_clip
from forensics.bench.meter import Cost, PeakMemory
from forensics.bench.plain_loop import PlainLoop, whole_context_features
from forensics.bench.random_model import with_random_repdfd
from forensics.bench.result import BenchResult, StageFigures, bound_seconds, median_ratio
from forensics.bench.run import run_bench
from forensics.bench.shipped import ShippedMtcnn, as_shipped
from forensics.cli.bench_table import print_bench
from forensics.detector import Precision
from forensics.detectors.repdfd import RepDFDDetector
from forensics.errors import ExitCode
from forensics.models import Models
from forensics.pipeline import analyze_video
from forensics.settings import AnalysisSettings
from video.probe import probe
from weights.results import WeightFile
from weights.store import Store

CPU = torch.device("cpu")
SETTINGS = AnalysisSettings(detectors=("a",), device="cpu", chunk_frames=4, precision=Precision.BF16)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "made.mp4"
    make_clip(path, ClipPlan(160, 96, seconds=2, faces=2, frames_per_second=10))
    return path


@pytest.fixture(scope="module")
def result(clip: Path) -> BenchResult:
    models = stub_models(StubDetector("a", float), WholeFrameStub("w", [0.5]))
    return run_bench(
        clip, SETTINGS, lambda chosen: models, load_shipped=lambda chosen: models, repeats=2, made=True
    )


def test_on_a_cpu_the_bound_is_all_processor_time_over_the_cores() -> None:
    assert bound_seconds([1.0, 2.0, 6.0], [9.0, 9.0, 9.0], cores=3, gpu=False) == 3.0


def test_on_a_gpu_the_bound_is_the_slowest_stage() -> None:
    assert bound_seconds([9.0, 9.0, 9.0], [1.0, 2.0, 6.0], cores=3, gpu=True) == 6.0


def test_ratios_are_taken_turn_by_turn() -> None:
    """So that a turn in which the machine was slow counts as one like the others."""
    assert median_ratio([2.0, 40.0, 6.0], [1.0, 20.0, 2.0]) == 2.0


def test_a_stage_s_rate_is_by_wall_time_and_zero_for_nothing() -> None:
    assert StageFigures("a", 10, "faces", wall_seconds=4.0, cpu_seconds=8.0).items_per_second == 2.5
    assert StageFigures("a", 0, "faces", wall_seconds=0.0, cpu_seconds=0.0).items_per_second == 0.0


def test_costs_add_up_and_tell_waiting_from_work() -> None:
    cost = Cost()
    for _ in range(2):
        with cost.measured(CPU):
            time.sleep(0.05)
    assert cost.wall_seconds >= 0.1
    assert cost.cpu_seconds < cost.wall_seconds
    busy = Cost()
    busy.of(CPU, lambda: sum(range(3_000_000)))
    assert busy.cpu_seconds > 0.01


def test_the_peak_of_memory_is_seen_while_it_lasts() -> None:
    before, during = PeakMemory(), PeakMemory()
    with before.watched():
        pass
    with during.watched():
        held = bytearray(b"x") * (200 * 2**20)
        time.sleep(0.5)
        del held
    assert during.mib > before.mib + 150


def test_every_stage_with_work_is_timed(result: BenchResult) -> None:
    names = [stage.name for stage in result.stages]
    assert names == ["decode", "digest", "detect", "crop", "embed", "track", "whole frame", "report", "a"]
    assert {stage.name: stage.items for stage in result.stages}["decode"] == result.clip.sampled_frames == 8
    assert all(stage.cpu_seconds > 0 for stage in result.stages)


def test_the_whole_is_set_against_the_bound(result: BenchResult) -> None:
    cores = result.machine.cores
    assert result.bound_seconds == pytest.approx(
        sum(stage.cpu_seconds for stage in result.stages) / cores, rel=0.5
    )
    assert result.whole.frames_per_second == pytest.approx(8 / result.whole.wall_seconds)
    assert result.peak_memory_mib > 0


def test_without_repdfd_there_is_no_plain_loop(result: BenchResult) -> None:
    assert result.plain_loops == ()


def test_the_json_holds_settings_machine_and_figures(result: BenchResult) -> None:
    told = json.loads(result.to_json())
    assert (told["precision"], told["chunk_frames"], told["repeats"]) == ("bf16", 4, 2)
    assert told["clip"]["width"] == 160
    assert told["clip"]["made"] is True
    assert set(told["machine"]) >= {"processor", "cores", "threads", "load", "packages"}
    assert told["stages"][0]["items_per_second"] > 0


def test_the_precision_is_in_the_report(clip: Path) -> None:
    report = analyze_video(clip, stub_models(StubDetector("a", float)), SETTINGS)
    assert report.settings.precision is Precision.BF16


def test_the_table_names_the_stages_and_the_bound(
    result: BenchResult, capsys: pytest.CaptureFixture[str]
) -> None:
    print_bench(result)
    printed = capsys.readouterr().out
    assert all(stage.name in printed for stage in result.stages)
    assert "times the bound" in printed


def test_a_made_clip_is_as_planned(clip: Path) -> None:
    facts = probe(clip)
    assert (facts.width, facts.height, facts.frame_rate) == (160, 96, Fraction(10))
    assert facts.duration_seconds == pytest.approx(2.0)


@pytest.mark.parametrize("size", ["640", "640x", "axb", "640x480x3", "1x1"])
def test_a_senseless_size_is_refused(size: str) -> None:
    assert_refused(run("bench", "--size", size, "--offline"), ExitCode.USAGE, size)


def test_an_unknown_clip_of_random_weights_is_refused(tmp_path: Path) -> None:
    answer = run("bench", "--random-weights", "vit-x", "--offline", "--cache-dir", tmp_path)
    assert_refused(answer, ExitCode.USAGE, "vit-x", "vit-l14")


def test_a_clip_that_is_not_there_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    answer = run("bench", tmp_path / "none.mp4", "--offline", "--cache-dir", tmp_path)
    assert_refused(answer, ExitCode.INPUT, "none.mp4")


@pytest.fixture
def random_models(monkeypatch: pytest.MonkeyPatch) -> Models:
    """A tiny RepDFD of the published shape with random weights, behind stand-ins for the rest."""
    backbone = replace(BACKBONES["vit-b32"], architecture="tiny-quickgelu", canvas_pixels=32)
    monkeypatch.setitem(BACKBONES, "vit-b32", backbone)
    monkeypatch.setattr("open_clip.get_model_config", {"tiny-quickgelu": tiny_clip_config()}.__getitem__)
    stubs = stub_models(identity=Colours("dlib", 128))
    return with_random_repdfd(stubs, "vit-b32", AnalysisSettings(device="cpu"))


def repdfd(models: Models) -> RepDFDDetector:
    detector = models.detectors["repdfd"]
    assert isinstance(detector, RepDFDDetector)
    return detector


def test_the_plain_loop_gives_the_scores_of_the_analysis(clip: Path, random_models: Models) -> None:
    settings = AnalysisSettings(device="cpu", pictures=False)
    report = analyze_video(clip, random_models, settings)
    expected = [face.scores[0].score for face in report.faces]
    assert len(expected) == 8
    loop = PlainLoop(random_models.front, repdfd(random_models), settings)
    assert loop.run(clip) == pytest.approx(expected, abs=1e-3)


def test_the_loop_runs_each_network_by_its_own_package(
    random_models: Models, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fetched = WeightFile("dlib", tmp_path / "dlib.dat", "0" * 64, "CC0", True, "as given", "a test")
    monkeypatch.setattr(Store, "fetch", lambda store, name: fetched)
    monkeypatch.setattr(shipped, "ShippedDlib", lambda path, device: path)
    settings = AnalysisSettings(device="cpu")
    front = replace(random_models.front, detector=load_detector(device=CPU))
    models = as_shipped(replace(random_models, front=front), settings, Store(tmp_path, offline=True))
    assert isinstance(models.front.detector, ShippedMtcnn)
    assert models.front.embedders == [fetched.path]
    assert not any(isinstance(module, OneDnnLinear) for module in repdfd(models).model.modules())


def test_the_loop_s_face_detector_finds_what_the_analysis_finds() -> None:
    frames = np.stack([astronaut(), np.zeros_like(astronaut())])
    settings = DetectSettings(longest_side_pixels=400)
    found = ShippedMtcnn(settings, CPU).detect(frames)
    expected = load_detector(device=CPU, settings=settings).detect(frames)
    assert found.frame.tolist() == expected.frame.tolist() == [0]
    np.testing.assert_allclose(found.boxes_xyxy, expected.boxes_xyxy, atol=1e-3)
    np.testing.assert_allclose(found.landmarks, expected.landmarks, atol=1e-3)


def test_all_77_tokens_give_the_features_of_those_in_use(random_models: Models) -> None:
    identity = torch.randn(1, 128, generator=torch.Generator().manual_seed(3))
    text = repdfd(random_models).model.face2text
    with torch.inference_mode():
        torch.testing.assert_close(whole_context_features(text, identity), text(identity))


def test_the_towers_are_timed_apart_and_the_loop_in_both_precisions(
    clip: Path, random_models: Models
) -> None:
    settings = AnalysisSettings(device="cpu", precision=Precision.BF16, pictures=False)
    result = run_bench(
        clip, settings, lambda chosen: random_models, load_shipped=lambda chosen: random_models, repeats=1
    )
    assert {"text", "image tower"} <= {stage.name for stage in result.stages}
    assert [loop.precision for loop in result.plain_loops] == ["bf16", "fp32"]
    for loop in result.plain_loops:
        assert loop.times_the_analysis == pytest.approx(loop.wall_seconds / result.whole.wall_seconds)
    assert any("random weights" in note for note in result.notes)


@pytest.mark.parametrize(
    ("place", "words"),
    [("made.mp4", "the clip itself"), ("", "is a folder"), ("none/x.json", "is not there")],
)
def test_a_place_for_the_json_that_cannot_be_meant_is_refused_before_the_work(
    clip: Path, tmp_path: Path, place: str, words: str
) -> None:
    copy = tmp_path / "made.mp4"
    copy.write_bytes(clip.read_bytes())
    answer = run("bench", copy, "--json", tmp_path / place, "--offline", "--cache-dir", tmp_path)
    assert_refused(answer, ExitCode.USAGE, "--json", words)
    assert copy.read_bytes() == clip.read_bytes()
