"""The annotated video: every frame at its own time, boxes where faces are, and the sound of the evidence."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import media
import numpy as np
import numpy.typing as npt
import pytest
from stubs import BOX, StubDetector, stub_models

from forensics.pipeline import analyze_video
from forensics.report.annotate import COLOURS, STRIP_PIXELS, annotate
from forensics.report.model import Report
from forensics.settings import AnalysisSettings
from video.frames import Shot
from video.reader import DEFAULT_LIMITS
from video.sampling import Sampling


def with_sound(path: Path, codec: str = "aac", *, count: int = 50) -> Path:
    """A clip of `count` frames at uneven times with a tone beside it."""
    rate = 48_000
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", 25)
        video.width, video.height, video.pix_fmt = 80, 64, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream(codec, rate)
        audio.layout = "mono"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(np.full((64, 80, 3), 4 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = 40 * number + 15 * (number % 2), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        tone = (np.sin(np.arange(2 * rate) / 20) * 9000).astype(np.int16)
        for first in range(0, len(tone), 1024):
            part = av.AudioFrame.from_ndarray(tone[None, first : first + 1024], format="s16", layout="mono")
            part.sample_rate, part.pts, part.time_base = rate, first, Fraction(1, rate)
            container.mux(audio.encode(part))
        container.mux(audio.encode(None))
    return path


def report_on(clip: Path, *, every: int = 1) -> Report:
    settings = AnalysisSettings(sampling=Sampling.every(every), detectors=("a",), device="cpu")
    return analyze_video(clip, stub_models(StubDetector("a", lambda index: index / 10)), settings)


def annotated(clip: Path, report: Report, folder: Path) -> Path:
    return annotate(clip, report, folder, limits=DEFAULT_LIMITS, backend="pyav")


def frames_of(path: Path) -> list[tuple[Fraction, npt.NDArray[np.uint8]]]:
    with av.open(str(path)) as container:
        return [
            (frame.pts * frame.time_base, frame.to_ndarray(format="rgb24"))
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


def test_every_frame_keeps_its_own_time(tmp_path: Path) -> None:
    clip = with_sound(tmp_path / "clip.mp4")
    made = frames_of(annotated(clip, report_on(clip, every=5), tmp_path))
    assert [seconds for seconds, _ in made] == [seconds for seconds, _ in frames_of(clip)]
    assert made[0][1].shape == (64 + STRIP_PIXELS, 80, 3)


@pytest.mark.parametrize(("codec", "suffix"), [("aac", ".mp4"), ("pcm_s16le", ".mkv")])
def test_the_sound_is_kept_beside_its_picture(tmp_path: Path, codec: str, suffix: str) -> None:
    clip = with_sound(tmp_path / f"clip{suffix}", codec)
    path = annotated(clip, report_on(clip, every=10), tmp_path)
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        decoded = list(container.decode(audio=0))
    samples = np.concatenate([frame.to_ndarray().ravel() for frame in decoded]).astype(np.float64)
    assert sum(frame.samples for frame in decoded) == pytest.approx(2 * 48_000, abs=4096)
    assert np.sqrt((samples[5000:-5000] ** 2).mean()) == pytest.approx(9000 / 32768 / np.sqrt(2), rel=0.1)


def test_a_clip_without_sound_stays_silent(tmp_path: Path) -> None:
    clip = media.h264(tmp_path / "clip.mp4", count=6)
    with av.open(str(annotated(clip, report_on(clip), tmp_path))) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def box_colour(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """The mean colour along the left edge of the stub's box, above its label."""
    x, top, bottom = int(BOX[0]), int(BOX[1]) + 8, int(BOX[3]) - 8
    return picture[top:bottom, x].astype(np.float64).mean(0)


def test_the_box_is_drawn_in_the_persons_colour_until_the_next_one(tmp_path: Path) -> None:
    clip = with_sound(tmp_path / "clip.mp4")
    report = report_on(clip, every=5)
    made = frames_of(annotated(clip, report, tmp_path))
    # Chroma is halved, so that a thin line keeps its hue but not all of its strength.
    for number in (0, 3, 24):
        red, _, blue = box_colour(made[number][1]) - 4 * number
        assert blue - red > 40
    assert COLOURS[0][2] > COLOURS[0][0]
    bare = frames_of(annotated(clip, replace(report, faces=()), tmp_path))
    red, _, blue = box_colour(bare[0][1])
    assert abs(blue - red) < 10


def test_a_box_without_successor_is_dropped_after_a_while(tmp_path: Path) -> None:
    clip = with_sound(tmp_path / "clip.mp4")
    report = report_on(clip)
    early = replace(report, faces=report.faces[:5])
    made = frames_of(annotated(clip, early, tmp_path))
    red, _, blue = box_colour(made[10][1])
    assert blue - red > 40
    red, _, blue = box_colour(made[45][1])
    assert abs(blue - red) < 10


def test_no_box_stays_across_a_cut(tmp_path: Path) -> None:
    clip = with_sound(tmp_path / "clip.mp4")
    report = report_on(clip)
    cut = replace(report.evidence.delivery, shots=(Shot(0, 0.0), Shot(8, 8 * 0.04)))
    early = replace(report, faces=report.faces[:5], evidence=replace(report.evidence, delivery=cut))
    made = frames_of(annotated(clip, early, tmp_path))
    for number, drawn in ((7, True), (8, False), (10, False)):
        red, _, blue = box_colour(made[number][1])
        assert bool(blue - red > 40) is drawn


def test_the_strip_grows_with_the_scores_so_far(tmp_path: Path) -> None:
    clip = with_sound(tmp_path / "clip.mp4")
    made = frames_of(annotated(clip, report_on(clip), tmp_path))

    def coloured(picture: npt.NDArray[np.uint8]) -> int:
        strip = picture[64:].astype(np.int64)
        return int((strip[:, :, 2] - strip[:, :, 0] > 40).sum())

    counts = [coloured(made[number][1]) for number in (2, 20, 49)]
    assert counts[0] < counts[1] < counts[2]
