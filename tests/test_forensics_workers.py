"""Chunks side by side: the order is kept, timing changes nothing, and nothing is left behind."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import media
import numpy as np
import numpy.typing as npt
import pytest
import torch
from stubs import CPU, ColourIdentity, OneFace, StubDetector, stub_models

from face.types import FaceDetections
from forensics.models import Models
from forensics.pipeline import analyze_video
from forensics.report.json import report_json
from forensics.report.model import Report
from forensics.settings import AnalysisSettings
from forensics.side_by_side import FRAMES_IN_PART
from forensics.workers import MOST_WORKERS, ahead, model_workers
from video.sampling import Sampling


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.h264(tmp_path_factory.mktemp("clip") / "clip.mp4", count=24)


@pytest.fixture
def two_threads() -> object:
    """As many workers as a machine of two cores has, on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


class SlowFaces(OneFace):
    """Takes longer over some chunks than over others."""

    def __init__(self, seconds: Callable[[int], float]) -> None:
        super().__init__()
        self._seconds = seconds
        self._calls = 0

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        self._calls += 1
        time.sleep(self._seconds(self._calls))
        return super().detect(frames)


def settings(*names: str) -> AnalysisSettings:
    return AnalysisSettings(sampling=Sampling.all(), detectors=names, device="cpu", chunk_frames=4)


def without_run(report: Report) -> str:
    plain = json.loads(report_json(report))
    del plain["run"]
    return json.dumps(plain)


def models_that_take(faces: Callable[[int], float], scores: Callable[[int], float]) -> Models:
    def score(index: int) -> float:
        if index % 4 == 0:
            time.sleep(scores(index))
        return float(np.sin(index))

    return stub_models(StubDetector("a", score), faces=SlowFaces(faces), identity=ColourIdentity())


def test_how_long_each_chunk_takes_changes_no_byte_of_the_report(clip: Path, two_threads: object) -> None:
    quick = models_that_take(lambda call: 0.0, lambda index: 0.0)
    early_late = models_that_take(lambda call: 0.02 * (call % 3), lambda index: 0.05 if index < 8 else 0.0)
    late_early = models_that_take(lambda call: 0.02 * (call % 2), lambda index: 0.05 if index > 8 else 0.0)
    reports = {
        without_run(analyze_video(clip, models, settings("a"))) for models in (quick, early_late, late_early)
    }
    assert len(reports) == 1


def test_the_number_of_workers_changes_no_byte_of_the_report(clip: Path) -> None:
    models = models_that_take(lambda call: 0.0, lambda index: 0.0)
    reports, before = set(), torch.get_num_threads()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        reports.add(without_run(analyze_video(clip, models, settings("a"))))
    torch.set_num_threads(before)
    assert len(reports) == 1


def test_chunks_are_scored_side_by_side(clip: Path, two_threads: object) -> None:
    """Two chunks meet at a barrier that none of them passes alone."""
    barrier = threading.Barrier(2, timeout=30)

    def meet(index: int) -> float:
        if index in (0, 4):
            barrier.wait()
        return 0.0

    report = analyze_video(clip, stub_models(StubDetector("a", meet)), settings("a"))
    assert len(report.faces) == 24
    assert report.detectors[0].finding is not None


def test_the_first_failure_in_the_video_is_the_one_reported_whichever_comes_first(
    clip: Path, two_threads: object
) -> None:
    def fail(index: int) -> float:
        if index == 4:
            time.sleep(0.1)
            raise FloatingPointError("in the second chunk")
        if index == 8:
            raise FloatingPointError("in the third chunk")
        return 0.0

    report = analyze_video(clip, stub_models(StubDetector("a", fail)), settings("a"))
    assert report.detectors[0].reason == "FloatingPointError: in the second chunk"
    assert not any(face.scores for face in report.faces)


def test_an_error_on_the_way_ends_the_workers_and_gives_torch_its_threads_back(
    clip: Path, two_threads: object
) -> None:
    def interrupt(done: int, expected: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        analyze_video(clip, stub_models(StubDetector("a", float)), settings("a"), progress=interrupt)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("models", "prefetch"))]
    assert torch.get_num_threads() == 2


def test_inside_workers_torch_computes_in_one_thread(two_threads: object) -> None:
    with model_workers(CPU) as workers:
        counts = [workers.start(torch.get_num_threads) for _ in range(4)]
        assert (workers.count, {count() for count in counts}) == (2, {1})
    assert torch.get_num_threads() == 2


def test_many_cores_do_not_mean_many_chunks_in_memory(two_threads: object) -> None:
    torch.set_num_threads(64)
    with model_workers(CPU) as workers:
        assert workers.count == MOST_WORKERS


def test_a_gpu_gets_one_worker(two_threads: object) -> None:
    with model_workers(torch.device("cuda")) as workers:
        assert workers.count == 1


@pytest.mark.parametrize("depth", [0, 1, 3, 9])
def test_items_come_in_order_and_are_started_no_further_ahead_than_asked(depth: int) -> None:
    begun: list[int] = []

    def start(item: int) -> int:
        begun.append(item)
        return -item

    for expected, (item, started) in enumerate(ahead(range(6), start, depth=depth)):
        assert (item, started) == (expected, -expected)
        assert begun == list(range(min(6, expected + depth + 1)))
    assert begun == list(range(6))


def test_the_frames_digest_is_that_of_all_frames_in_order(clip: Path) -> None:
    """It is taken where chunks come out in order, whatever their size."""
    models = stub_models(StubDetector("a", float))
    digests = {
        analyze_video(
            clip, models, dataclasses.replace(settings("a"), chunk_frames=size)
        ).evidence.decoded_frames_sha256
        for size in (1, 5, 24)
    }
    assert len(digests) == 1


def test_free_memory_goes_back_every_so_many_chunks(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    returned: list[int] = []
    monkeypatch.setattr("forensics.one_pass.CHUNKS_BETWEEN_RETURNS", 2)
    monkeypatch.setattr("forensics.one_pass.return_free_memory", lambda: returned.append(1))
    analyze_video(clip, stub_models(StubDetector("a", float)), settings("a"))
    assert len(returned) == 24 // 4 // 2


def test_the_workers_share_a_chunk_so_that_a_short_clip_keeps_them_busy(
    clip: Path, two_threads: object
) -> None:
    barrier = threading.Barrier(2, timeout=30)

    def meet(index: int) -> float:
        if index in (0, FRAMES_IN_PART):
            barrier.wait()
        return float(index)

    one_chunk = dataclasses.replace(settings("a"), chunk_frames=24)
    report = analyze_video(clip, stub_models(StubDetector("a", meet)), one_chunk)
    assert [face.scores[0].score for face in report.faces] == [float(index) for index in range(24)]
