"""An analysis on the isolated decoder: the report of decoding here, and a file's death is its own."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import media
import pytest
from command_line import assert_refused, run
from outputs import use_stub_models
from stubs import StubDetector, stub_models

import forensics.one_pass
import forensics.pipeline
from forensics.errors import ExitCode
from forensics.pipeline import analyze_video
from forensics.report.json import report_json
from forensics.settings import AnalysisSettings
from video import isolated, probe, reader
from video.errors import UnreadableVideoError
from video.sampling import Sampling
from video.worker_process import Patience

SETTINGS = AnalysisSettings(detectors=("a",), device="cpu", chunk_frames=4)


def report_of(path: Path, sampling: Sampling) -> str:
    models = stub_models(StubDetector("a", lambda index: index / 10))
    report = analyze_video(path, models, replace(SETTINGS, sampling=sampling))
    return report_json(report).partition('"run": ')[0]


@pytest.mark.parametrize("sampling", [Sampling.all(), Sampling.fps(4), Sampling.spread(5)])
@pytest.mark.parametrize("make", [media.h264, media.two_streams, media.corrupted])
def test_the_report_is_that_of_decoding_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object, sampling: Sampling
) -> None:
    assert callable(make)
    path = make(tmp_path / "clip.mp4")
    there = report_of(path, sampling)

    def open_here(path: Path, *, patience: Patience, **options: object) -> reader.VideoReader:
        return reader.open_video(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(forensics.one_pass, "open_video", open_here)
    monkeypatch.setattr(forensics.pipeline, "probe", lambda path, *, patience: probe.probe(path))
    assert report_of(path, sampling) == there
    assert '"decoded_frames_sha256": "' in there


def kill(_: int) -> float:
    for pid in isolated.shared_videos().pids:
        os.kill(pid, signal.SIGSEGV)
    return 1.0


def test_a_crash_in_mid_video_is_an_error_of_it_and_the_next_one_is_analysed(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=60)
    settings = replace(SETTINGS, sampling=Sampling.all(), chunk_frames=1)
    with pytest.raises(UnreadableVideoError, match=r"clip.mp4: crashed its decoder .SIGSEGV"):
        analyze_video(path, stub_models(StubDetector("a", kill)), settings)
    assert len(analyze_video(path, stub_models(StubDetector("a", float)), settings).frames) == 60


def test_a_crash_ends_the_command_with_one_line_and_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than is decoded ahead of the models.
    path = media.h264(tmp_path / "clip.mp4", count=400)
    use_stub_models(monkeypatch)
    models = stub_models(StubDetector("repdfd", kill))
    monkeypatch.setattr("forensics.api.load_models", lambda *_, **__: models)
    result = run("analyze", path, "-o", tmp_path / "out", "--all-frames")
    assert_refused(result, ExitCode.INPUT, "clip.mp4: crashed its decoder (SIGSEGV)")
    assert not (tmp_path / "out").exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["clip.mp4"]


def test_the_command_gives_up_after_its_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=4)
    use_stub_models(monkeypatch)
    result = run("analyze", path, "-o", tmp_path / "out", "--timeout", "0.000001")
    assert_refused(result, ExitCode.INPUT, "clip.mp4: took more than 1e-06 s to decode", "--timeout")
    assert not (tmp_path / "out").exists()
    assert run("analyze", path, "-o", tmp_path / "out", "--timeout", "60").exit_code != ExitCode.INPUT


@pytest.mark.parametrize("seconds", ["0", "-1", "soon"])
def test_a_timeout_is_more_than_nothing(tmp_path: Path, seconds: str) -> None:
    result = run("analyze", tmp_path / "clip.mp4", "--timeout", seconds)
    assert result.exit_code == ExitCode.USAGE
    assert "--timeout" in result.stderr
