"""One contract for all backends: frames, times and colours equal an independent decode, or a refusal.

`LIMITATIONS` is held to both ways: what a backend is not excused from must come out right, and what it is
excused from must really go wrong with it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import media
import numpy as np
import pytest
from media import Picture

from forensics.cli.decoders import decoders_command
from video import decord, decord_process
from video.backends import (
    BACKENDS,
    LIMITATIONS,
    MEAN_TOLERANCE_LEVELS,
    MEDIAN_TOLERANCE_LEVELS,
    ClipKind,
    capability_rows,
)
from video.decord_process import DecordProcess
from video.errors import RefusedVideoError, UnreadableVideoError, VideoError
from video.reader import open_video
from video.sampling import Sampling

needs_decord = pytest.mark.skipif(find_spec("decord") is None, reason="decord has no wheel here")


def backend_params() -> list[object]:
    return [pytest.param(name, marks=needs_decord) if name == "decord" else name for name in BACKENDS]


@dataclass(frozen=True)
class Clip:
    """How to make a clip, and what becomes of a plainly decoded picture before it is shown."""

    name: str
    make: Callable[[Path], object]
    shown: Callable[[Picture], Picture] = lambda picture: picture
    stream: int = 0
    warning: str | None = None


# A PQ signal of 0.4 is 32.4 nits (ST 2084), below the knee of the tone curve; see test_video_colour.
PQ_LEVELS = (64 + round(876 * 0.4), 512, 512)
PQ_GREY = round(255 * (32.45 / 203) ** (1 / 2.4))

CLIPS = {
    ClipKind.B_FRAMES: Clip("b.mp4", media.h264),
    ClipKind.OPEN_GOP: Clip("open.mp4", media.h264_open_gop),
    ClipKind.HEVC: Clip("hevc.mp4", media.hevc),
    ClipKind.VP9: Clip("vp9.webm", media.vp9),
    ClipKind.AV1: Clip("av1.mp4", media.av1),
    ClipKind.AVI: Clip("mpeg4.avi", media.mpeg4_avi),
    ClipKind.TRANSPORT_STREAM: Clip("stream.ts", media.h264),
    ClipKind.VARIABLE_RATE: Clip("vfr.mp4", media.vfr),
    ClipKind.ROTATED: Clip(
        "turned.mp4",
        lambda path: media.with_matrix(path, media.TURNS[90]),
        lambda picture: np.rot90(picture, -1),
    ),
    ClipKind.MIRRORED: Clip(
        "mirrored.mp4", lambda path: media.with_matrix(path, media.MIRROR), lambda picture: picture[:, ::-1]
    ),
    ClipKind.EDIT_LIST: Clip("trimmed.mp4", media.edit_list),
    ClipKind.ANAMORPHIC: Clip(
        "wide.mp4",
        lambda path: media.anamorphic(path, Fraction(16, 11)),
        lambda picture: cv2.resize(picture, (186, 96), interpolation=cv2.INTER_CUBIC).astype(np.uint8),
    ),
    ClipKind.PADDED_ROWS: Clip("narrow.mp4", lambda path: media.h264(path, 6, 72, 96)),
    ClipKind.ODD_SIZE: Clip("odd.mp4", media.odd_size),
    ClipKind.TEN_BIT: Clip("ten.mp4", media.ten_bit),
    ClipKind.FULL_RANGE_BT709: Clip(
        "full.mp4", media.full_range_bt709, lambda picture: media.picture(media.read_number(picture))
    ),
    ClipKind.UNDECLARED_HD: Clip(
        "hd.mp4", media.undeclared_hd, lambda picture: media.picture(media.read_number(picture), 1280, 720)
    ),
    # The bars are upright, so the field shown first, each row twice, is what a perfect filter gives.
    ClipKind.INTERLACED: Clip(
        "fields.mp4", media.interlaced, lambda picture: picture[1::2].repeat(2, axis=0)
    ),
    ClipKind.HDR: Clip(
        "pq.mp4",
        lambda path: media.hdr(path, PQ_LEVELS, media.PQ),
        lambda picture: np.full_like(picture, PQ_GREY),
        warning="tone-mapped",
    ),
    ClipKind.SEVERAL_STREAMS: Clip("two.mp4", media.two_streams, stream=1, warning="reading stream 1"),
    ClipKind.SIZE_CHANGE: Clip(
        "sizes.webm",
        lambda path: media.size_change_in_matroska(path, **media.VP9),
        warning="size changes to 64x48",
    ),
    ClipKind.TRUNCATED: Clip("half.mp4", media.truncated, warning="incomplete"),
    ClipKind.CORRUPTED: Clip("corrupt.mp4", media.corrupted, warning="corrupt"),
}


def truth(path: Path, clip: Clip) -> tuple[list[Picture], list[Fraction]]:
    """The pictures and times of a plain decode by PyAV, without any code of this project."""
    pictures, times = [], []
    with av.open(str(path)) as container:
        stream = container.streams.video[clip.stream]
        # What damage looks like depends on the number of threads.
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                pictures.append(clip.shown(frame.to_ndarray(format="rgb24")))
                times.append(frame.pts * stream.time_base)
    return pictures, times


def assert_equal_pictures(found: list[Picture], expected: list[Picture]) -> None:
    assert [picture.shape for picture in found] == [picture.shape for picture in expected]
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        # The conversions to RGB differ by rounding and by how they spread chroma, at edges the most.
        difference = one.astype(int) - other
        assert np.abs(difference).mean() <= MEAN_TOLERANCE_LEVELS, f"frame {number}"
        assert np.abs(np.median(difference)) <= MEDIAN_TOLERANCE_LEVELS, f"frame {number}"


def test_every_kind_has_a_clip_and_every_limitation_a_fault() -> None:
    assert set(CLIPS) == set(ClipKind)
    assert set(LEFT_ALONE) == set(LIMITATIONS["decord"])


@pytest.mark.parametrize("kind", ClipKind, ids=lambda kind: kind.name)
@pytest.mark.parametrize("backend", backend_params())
def test_a_backend_decodes_rightly_or_refuses_with_the_reason_of_the_table(
    tmp_path: Path, backend: str, kind: ClipKind
) -> None:
    clip = CLIPS[kind]
    path = tmp_path / clip.name
    clip.make(path)
    if kind in LIMITATIONS[backend]:
        reason = re.escape(LIMITATIONS[backend][kind])
        with pytest.raises(VideoError, match=f"{reason}.*; use the PyAV backend"):
            read(path, backend)
        return
    pictures, times, warnings = read(path, backend)
    expected_pictures, expected_times = truth(path, clip)
    assert times == expected_times
    assert_equal_pictures(pictures, expected_pictures)
    if clip.warning is None:
        assert warnings == ()
    else:
        assert any(clip.warning in warning for warning in warnings)


def read(path: Path, backend: str) -> tuple[list[Picture], list[Fraction], tuple[str, ...]]:
    with open_video(path, sampling=Sampling.all(), backend=backend) as reader:
        batches = list(reader.batches(7))
        time_base = reader.info.time_base
        assert [int(i) for b in batches for i in b.index] == list(range(sum(len(b) for b in batches)))
        times = [int(pts) * time_base for batch in batches for pts in batch.pts]
        return [picture for batch in batches for picture in batch.data], times, reader.delivery.warnings


# What decord, left alone with the clip, gets wrong: the checks of `faults`, and words of the error.
LEFT_ALONE = {
    ClipKind.AV1: {"error": "cannot find video stream"},
    ClipKind.AVI: {"times": "-3"},
    ClipKind.TRANSPORT_STREAM: {"times": "0.0", "error": "Unable to handle EOF"},
    ClipKind.MIRRORED: {"pixels": ""},
    ClipKind.EDIT_LIST: {"count": "40"},
    ClipKind.ANAMORPHIC: {"sizes": "128x96"},
    ClipKind.PADDED_ROWS: {"error": r"[96, 72, 4], which is no RGB picture"},
    ClipKind.UNDECLARED_HD: {"pixels": ""},
    ClipKind.INTERLACED: {"pixels": ""},
    ClipKind.HDR: {"pixels": ""},
    ClipKind.SEVERAL_STREAMS: {"sizes": "64x48"},
    ClipKind.SIZE_CHANGE: {"sizes": "128x96"},
    ClipKind.TRUNCATED: {"error": "av_read_frame failed"},
    ClipKind.CORRUPTED: {"error": "error while decoding"},
}


@needs_decord
@pytest.mark.parametrize("kind", LIMITATIONS["decord"], ids=lambda kind: kind.name)
def test_decord_left_alone_goes_wrong_as_the_table_says(tmp_path: Path, kind: ClipKind) -> None:
    clip = CLIPS[kind]
    path = tmp_path / clip.name
    clip.make(path)
    found = faults(path, *truth(path, clip))
    assert found.keys() == LEFT_ALONE[kind].keys(), found
    for check, words in LEFT_ALONE[kind].items():
        assert words in found[check]


def faults(path: Path, pictures: list[Picture], times: list[Fraction]) -> dict[str, str]:
    """What decord gives instead of these pictures and times, by what is wrong about it."""
    wrong = {}
    frames: list[Picture] = []
    try:
        every = list(range(len(times)))
        with DecordProcess.started(path, every, until=10**6, small=(9, 16)) as worker:
            if len(worker.seconds) != len(times):
                wrong["count"] = str(len(worker.seconds))
            elif not np.allclose(worker.seconds, [float(time) for time in times], atol=0.002):
                wrong["times"] = str(worker.seconds[0])
            frames += [frame.picture for frame in worker.frames() if frame.picture is not None]
    except UnreadableVideoError as error:
        wrong["error"] = str(error)
        return wrong
    sizes = [picture.shape for picture in frames]
    if sizes != [picture.shape for picture in pictures]:
        wrong["sizes"] = f"{sizes[-1][1]}x{sizes[-1][0]}"
        return wrong
    try:
        assert_equal_pictures(frames, pictures)
    except AssertionError as error:
        wrong["pixels"] = str(error)
    return wrong


@needs_decord
@pytest.mark.parametrize(
    "settings",
    [
        media.VP9,
        {"options": {"crf": "10", "bf": "0", "x264-params": "repeat-headers=1"}},
        {"codec": "libx265", "options": {"x265-params": "log-level=none:bframes=0:repeat-headers=1"}},
    ],
    ids=["vp9", "h264", "hevc"],
)
def test_a_change_of_size_is_found_in_every_codec_that_decord_is_given(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    path = media.size_change_in_matroska(tmp_path / "sizes.mkv", **settings)
    assert {picture.shape[:2] for picture in read(path, "pyav")[0]} == {(96, 128), (48, 64)}
    with pytest.raises(RefusedVideoError, match="it rescales after a change of size without saying so"):
        read(path, "decord")


@needs_decord
def test_sizes_that_change_in_a_transport_stream_are_refused_too(tmp_path: Path) -> None:
    path = media.size_change(tmp_path / "sizes.ts")
    with pytest.raises(RefusedVideoError, match=LIMITATIONS["decord"][ClipKind.TRANSPORT_STREAM]):
        read(path, "decord")


@needs_decord
@pytest.mark.parametrize("width", [16, 24, 48, 72])
def test_widths_whose_rows_decord_pads_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    path = media.h264(tmp_path / "narrow.mp4", 3, width, 48)
    assert {picture.shape for picture in read(path, "pyav")[0]} == {(48, width, 3)}
    with pytest.raises(RefusedVideoError, match=LIMITATIONS["decord"][ClipKind.PADDED_ROWS]):
        read(path, "decord")
    monkeypatch.setattr(decord, "PADDED_WIDTHS", ())
    with pytest.raises(UnreadableVideoError, match="no RGB picture; use the PyAV backend"):
        read(path, "decord")


@needs_decord
@pytest.mark.parametrize(
    "sampling", [Sampling.fps(4), Sampling.every(7), Sampling.spread(3), Sampling.all(end_seconds=0.5)]
)
def test_backends_sample_alike(tmp_path: Path, sampling: Sampling) -> None:
    path = media.h264_open_gop(tmp_path / "clip.mp4")
    found = []
    for backend in BACKENDS:
        with open_video(path, sampling=sampling, backend=backend) as reader:
            (batch,) = reader.batches(100)
            numbers = [media.read_number(picture) for picture in batch.data]
            found.append((numbers, batch.index.tolist(), batch.pts.tolist(), reader.delivery))
            assert numbers == batch.index.tolist()
    assert found[0] == found[1]


@needs_decord
def test_both_transfers_of_hdr_are_refused_by_decord(tmp_path: Path) -> None:
    for transfer in (media.PQ, media.HLG):
        path = media.hdr(tmp_path / f"{transfer}.mp4", PQ_LEVELS, transfer)
        with pytest.raises(RefusedVideoError, match="tone-map HDR; use the PyAV backend"):
            read(path, "decord")


@needs_decord
@pytest.mark.parametrize(
    ("kind", "reason"),
    [(ClipKind.EDIT_LIST, "it counts 40 frames where the file has 33"), (ClipKind.AVI, "it puts frame 0 at")],
)
def test_a_disagreement_with_the_container_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: ClipKind, reason: str
) -> None:
    path = tmp_path / CLIPS[kind].name
    CLIPS[kind].make(path)
    monkeypatch.setattr(decord, "obstacle", lambda facts, scan: None)
    with pytest.raises(RefusedVideoError, match=reason):
        read(path, "decord")


@needs_decord
@pytest.mark.parametrize("code", ["import time; time.sleep(60)", "raise SystemExit(1)"])
def test_a_decord_that_stalls_or_dies_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    path = media.h264(tmp_path / "clip.mp4")
    monkeypatch.setattr(decord_process, "_COMMAND", [sys.executable, "-c", code])
    monkeypatch.setattr(decord_process, "STALL_SECONDS", 0.2)
    with (
        open_video(path, backend="decord") as reader,
        pytest.raises(UnreadableVideoError, match="stalled or died"),
    ):
        list(reader.batches(4))


@needs_decord
@pytest.mark.parametrize("answer", ["\\xff\\xfe pixels", "[1]", '{"width": 16}'])
def test_an_answer_that_makes_no_sense_is_the_fault_of_decord(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    path = media.h264(tmp_path / "clip.mp4")
    code = f"import sys; sys.stdout.buffer.write(b'{answer}\\n')"
    monkeypatch.setattr(decord_process, "_COMMAND", [sys.executable, "-c", code])
    with (
        open_video(path, backend="decord") as reader,
        pytest.raises(UnreadableVideoError, match="other bytes than it announced; use the PyAV backend"),
    ):
        list(reader.batches(4))


@needs_decord
def test_decord_never_enters_this_process(tmp_path: Path) -> None:
    read(media.h264(tmp_path / "clip.mp4"), "decord")
    assert "decord" not in sys.modules


@needs_decord
def test_nothing_beside_the_evidence_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = media.h264(tmp_path / "clip.mp4")
    (tmp_path / "numpy.py").write_text("raise SystemExit('imported from the evidence folder')")
    monkeypatch.chdir(tmp_path)
    assert len(read(path, "decord")[0]) == 20


def test_a_missing_decord_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = media.h264(tmp_path / "clip.mp4")
    monkeypatch.setattr(decord, "find_spec", lambda name: None)
    with pytest.raises(RefusedVideoError, match="not installed here; use the PyAV backend"):
        open_video(path, backend="decord")


def test_the_worker_imports_no_other_ffmpeg() -> None:
    code = "import sys, video.decord_worker; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False).returncode == 0


def test_the_table_has_a_row_for_every_kind() -> None:
    rows = capability_rows()
    assert [row.kind for row in rows] == [kind.value for kind in ClipKind]
    assert all(len(row.answers) == len(BACKENDS) for row in rows)
    assert {row.answers[0] for row in rows} == {"yes"}
    assert sum(row.answers[1] != "yes" for row in rows) == len(LIMITATIONS["decord"])


def test_the_help_states_the_tolerance_that_the_tests_hold_to() -> None:
    words = " ".join((decoders_command.help or "").split())
    assert f"at most {MEAN_TOLERANCE_LEVELS} of 255 levels in the mean" in words
    assert "exactly" not in words
