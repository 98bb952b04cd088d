"""The reader on generated clips: which frames, when, which way up, and what it says about defects."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import media
import numpy as np
import pytest

from video.errors import RefusedVideoError, UnreadableVideoError
from video.frames import Delivery, FrameBatch, VideoInfo
from video.reader import Limits, open_video
from video.sampling import Sampling


def read(
    path: Path, *, sampling: Sampling | None = None, size: int = 1000, limits: Limits | None = None
) -> tuple[VideoInfo, list[FrameBatch], Delivery]:
    with open_video(path, sampling=sampling or Sampling.all(), limits=limits or Limits()) as reader:
        batches = list(reader.batches(size))
        return reader.info, batches, reader.delivery


def numbers(batches: list[FrameBatch]) -> list[int]:
    return [media.read_number(frame) for batch in batches for frame in batch.data]


def assert_close_colours(found: list[tuple[int, ...]], expected: object, tolerance: int = 3) -> None:
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=tolerance)


PLAIN_CLIPS: dict[str, Callable[[Path], object]] = {
    "b_frames.mp4": media.h264,
    "open_gop.mp4": media.h264_open_gop,
    "hevc.mp4": media.hevc,
    "vp9.webm": media.vp9,
    "av1.mp4": media.av1,
    "mpeg4.avi": media.mpeg4_avi,
    "stream.ts": media.h264,
    "matroska.mkv": media.h264,
    "vfr.mp4": media.vfr,
    "ten_bit.mp4": media.ten_bit,
    "edit_list.mp4": media.edit_list,
}


@pytest.mark.parametrize("name", PLAIN_CLIPS)
def test_frames_and_times_equal_a_plain_decode(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    PLAIN_CLIPS[name](path)
    with av.open(str(path)) as container:
        plain = [(frame.pts, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
        time_base = container.streams.video[0].time_base
    info, batches, delivery = read(path, size=7)
    assert info.time_base == time_base
    assert [int(pts) for batch in batches for pts in batch.pts] == [pts for pts, _ in plain]
    assert [int(index) for batch in batches for index in batch.index] == list(range(len(plain)))
    found = np.concatenate([batch.data for batch in batches]).astype(int)
    # The plain conversion takes swscale's fast path, which repeats chroma samples and rounds down.
    assert np.abs(found - np.stack([rgb for _, rgb in plain])).mean() < 2
    assert delivery.decoded == delivery.sampled == len(plain)
    assert delivery.warnings == ()


def test_frames_show_the_numbers_they_are_given(tmp_path: Path) -> None:
    _, batches, _ = read(media.h264_open_gop(tmp_path / "clip.mp4"), size=7)
    assert numbers(batches) == [int(index) for batch in batches for index in batch.index] == list(range(40))
    assert [len(batch) for batch in batches] == [7] * 5 + [5]


def test_times_of_a_variable_rate_are_exact(tmp_path: Path) -> None:
    path, milliseconds = media.vfr(tmp_path / "vfr.mp4")
    info, (batch,), _ = read(path)
    assert [int(pts) * info.time_base for pts in batch.pts] == [Fraction(ms, 1000) for ms in milliseconds]
    assert batch.pts_seconds.tolist() == [ms / 1000 for ms in milliseconds]


def test_sampled_frames_keep_their_number_in_the_whole_file(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4", 50)
    for sampling, expected in (
        (Sampling.fps(4), [0, 6, 12, 19, 25, 31, 37, 44]),
        (Sampling.every(20), [0, 20, 40]),
        (Sampling.spread(5), [5, 15, 25, 35, 45]),
        (Sampling.all(start_seconds=1, end_seconds=1.12), [25, 26, 27]),
    ):
        _, batches, delivery = read(path, sampling=sampling)
        assert numbers(batches) == [int(index) for batch in batches for index in batch.index] == expected
        assert delivery.sampled == len(expected)
        assert delivery.warnings == ()


def test_spread_measures_a_duration_that_nobody_declares(tmp_path: Path) -> None:
    path = media.encode(tmp_path / "raw.h264", media.rgb_frames(50))
    info, batches, _ = read(path, sampling=Sampling.spread(5))
    assert info.duration_seconds is None
    assert len(numbers(batches)) == 5


@pytest.mark.parametrize(
    ("matrix", "degrees", "mirrored", "corners"),
    [
        (media.TURNS[90], 90, False, (2, 0, 3, 1)),
        (media.TURNS[180], 180, False, (3, 2, 1, 0)),
        (media.TURNS[270], 270, False, (1, 3, 0, 2)),
        (media.MIRROR, 0, True, (1, 0, 3, 2)),
        (media.MIRROR_AND_TURN_90, 90, True, (3, 1, 2, 0)),
    ],
)
def test_display_matrix_is_applied(
    tmp_path: Path, matrix: tuple[int, ...], degrees: int, mirrored: bool, corners: tuple[int, ...]
) -> None:
    info, (batch,), _ = read(media.with_matrix(tmp_path / "clip.mp4", matrix))
    assert (info.rotation_degrees, info.mirrored) == (degrees, mirrored)
    assert batch.data.shape[1:3] == (info.height, info.width)
    assert (info.width > info.height) == (degrees % 180 == 0)
    assert_close_colours(media.corner_colours(batch.data[0]), [media.QUARTERS[corner] for corner in corners])


@pytest.mark.parametrize(
    ("ratio", "size"), [(Fraction(16, 11), (186, 96)), (Fraction(3, 4), (128, 128)), (Fraction(1), (128, 96))]
)
def test_pixels_become_square(tmp_path: Path, ratio: Fraction, size: tuple[int, int]) -> None:
    info, (batch,), _ = read(media.anamorphic(tmp_path / "clip.mp4", ratio))
    assert (info.width, info.height) == size
    assert batch.data.shape[1:3] == size[::-1]
    assert numbers([batch]) == list(range(6))


def test_odd_sizes_keep_their_last_row_and_column(tmp_path: Path) -> None:
    info, (batch,), _ = read(media.odd_size(tmp_path / "odd.mp4"))
    assert (info.width, info.height) == (97, 61)
    assert_close_colours([tuple(batch.data[0, -1, -1])], [media.QUARTERS[3]])


def test_interlaced_frames_lose_their_combs(tmp_path: Path) -> None:
    path = media.interlaced(tmp_path / "interlaced.mp4")
    with av.open(str(path)) as container:
        plain = [(frame.pts, frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    _, (batch,), delivery = read(path)
    assert [int(pts) for pts in batch.pts] == [pts for pts, _ in plain]
    assert delivery.decoded == len(plain)
    combs = [np.abs(np.diff(image.astype(int), axis=0)).mean() for _, image in plain]
    left = [np.abs(np.diff(image[..., 1].astype(int), axis=0)).mean() for image in batch.data]
    assert min(combs) > 20
    assert max(left) < 5


def test_the_larger_of_two_default_streams_is_read_and_named(tmp_path: Path) -> None:
    info, (batch,), delivery = read(media.two_streams(tmp_path / "two.mp4"))
    assert (info.stream_index, info.width) == (1, media.WIDTH)
    assert numbers([batch]) == list(range(5))
    assert delivery.warnings == ("2 video streams; reading stream 1 (h264, 128x96)",)


def test_a_change_of_size_closes_the_batch_and_is_reported(tmp_path: Path) -> None:
    _, batches, delivery = read(media.size_change(tmp_path / "change.ts"))
    assert [batch.data.shape[:3] for batch in batches] == [(5, 96, 128), (5, 48, 64)]
    assert numbers(batches) == [0, 1, 2, 3, 4] * 2
    assert [warning for warning in delivery.warnings if "size changes to 64x48" in warning]


def test_a_truncated_file_is_read_to_its_end_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        _, (batch,), delivery = read(media.truncated(tmp_path / "half.mp4"))
    assert 0 < len(batch) < 50
    assert delivery.declared == 50
    assert f"incomplete: {len(batch)} frames came out of 50 declared" in delivery.warnings[0]
    assert "half.mp4: incomplete" in caplog.text


def test_a_truncated_file_without_frame_count_is_reported_by_its_duration(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mkv", 100, options={"crf": "10", "g": "10"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _, _, delivery = read(path)
    assert delivery.declared is None
    assert any("incomplete: the pictures last" in warning for warning in delivery.warnings)


def test_reading_a_window_of_a_whole_file_reports_no_shortfall(tmp_path: Path) -> None:
    _, _, delivery = read(media.h264(tmp_path / "clip.mp4"), sampling=Sampling.all(end_seconds=0.2))
    assert delivery.declared == 20
    assert delivery.decoded < 20
    assert delivery.warnings == ()


def test_corrupt_data_is_counted_and_decodes_the_same_every_time(tmp_path: Path) -> None:
    path = media.corrupted(tmp_path / "corrupt.mp4")
    results = [read(path) for _ in range(3)]
    assert any(warning.startswith("corrupt: ") for warning in results[0][2].warnings)
    for _, batches, delivery in results[1:]:
        assert delivery == results[0][2]
        np.testing.assert_array_equal(batches[0].data, results[0][1][0].data)


def test_a_declared_frame_that_cannot_be_decoded_is_missing(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4", options={"crf": "10", "g": "1"})
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        tenth = list(container.demux(video=0))[10]
    data[tenth.pos : tenth.pos + tenth.size] = b"\xff" * tenth.size
    path.write_bytes(data)
    _, (batch,), delivery = read(path)
    assert numbers([batch]) == [number for number in range(20) if number != 10]
    assert any("19 frames came out of 20" in warning for warning in delivery.warnings)
    assert any("1 packets could not be decoded" in warning for warning in delivery.warnings)


def test_the_file_is_left_as_it_was(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4")
    before, times = path.read_bytes(), path.stat().st_mtime_ns
    path.chmod(0o400)
    read(path)
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == times


def test_a_reader_gives_its_frames_once(tmp_path: Path) -> None:
    with open_video(media.h264(tmp_path / "clip.mp4")) as reader:
        with pytest.raises(RuntimeError, match="once all batches"):
            _ = reader.delivery
        assert list(reader.batches(4))
        with pytest.raises(RuntimeError, match="once"):
            list(reader.batches(4))


def test_a_reader_can_be_left_early(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    with open_video(path) as reader:
        next(reader.batches(2))
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    assert after == before


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured through /proc")
def test_memory_does_not_grow_with_the_length_of_the_video(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "long.mp4", 120, 1280, 720, options={"crf": "40", "preset": "ultrafast"})
    used = []
    # Frames must go when they are done with, not when the garbage collector comes round.
    gc.disable()
    try:
        with open_video(path, sampling=Sampling.all()) as reader:
            for _ in reader.batches(2):
                used.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    finally:
        gc.enable()
    # The pictures of the second half alone would take 166 million bytes.
    assert max(used) - used[len(used) // 2] < 40_000_000


@pytest.mark.parametrize(
    ("limits", "cause"),
    [
        (Limits(max_pixels=media.WIDTH * media.HEIGHT - 1), "128x96 pixels"),
        (Limits(max_side_pixels=100), "128x96 pixels"),
        (Limits(max_frames=49), "frames or more"),
        (Limits(max_seconds=1), "lasts 2 s"),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_limits_refuse_what_exceeds_them(tmp_path: Path, limits: Limits, cause: str, suffix: str) -> None:
    path = media.h264(tmp_path / f"clip{suffix}", 50)
    with pytest.raises(RefusedVideoError, match=cause):
        read(path, limits=limits)
    exact = Limits(max_pixels=128 * 96, max_side_pixels=128, max_frames=50, max_seconds=2)
    assert read(path, limits=exact)[2].decoded == 50


def test_a_video_that_grows_beyond_the_limit_is_refused_there(tmp_path: Path) -> None:
    path = media.size_change(tmp_path / "grows.ts", 10, sizes=((64, 48), (media.WIDTH, media.HEIGHT)))
    with open_video(path, sampling=Sampling.all(), limits=Limits(max_side_pixels=100)) as reader:
        batches = reader.batches(2)
        assert next(batches).data.shape == (2, 48, 64, 3)
        with pytest.raises(RefusedVideoError, match="128x96 pixels"):
            list(batches)


def test_an_absurd_pixel_shape_does_not_get_around_the_limit(tmp_path: Path) -> None:
    path = media.anamorphic(tmp_path / "clip.mp4", Fraction(90))
    with pytest.raises(RefusedVideoError, match="11520x96"):
        read(path)


def test_a_video_15000_pixels_wide_is_refused(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "wide.mp4", 1, 15000, 16)
    with pytest.raises(RefusedVideoError, match=r"15000x16.*scale it down"):
        read(path)


def test_a_video_of_one_pixel_is_read(tmp_path: Path) -> None:
    path = media.encode(tmp_path / "dot.mkv", media.rgb_frames(2, 1, 1), codec="ffv1", pix_fmt="yuv444p")
    info, (batch,), _ = read(path)
    assert (info.width, info.height) == (1, 1)
    assert batch.data.shape == (2, 1, 1, 3)


@pytest.mark.parametrize(
    ("name", "make", "cause"),
    [
        ("missing.mp4", lambda path: None, "does not exist"),
        ("folder.mp4", lambda path: path.mkdir(), "is a directory"),
        ("empty.mp4", lambda path: path.write_bytes(b""), "is empty"),
        ("text.mp4", lambda path: path.write_text("no video here\n" * 99), "is no readable video"),
        ("audio.mp4", media.audio_only, "holds no video, only audio"),
        ("cover.mp4", media.cover_art, "only an attached picture, audio"),
        ("nothing.mp4", media.no_frames, "holds no picture that decodes"),
    ],
)
def test_unusable_files_are_named_with_cause_and_remedy(
    tmp_path: Path, name: str, make: Callable[[Path], object], cause: str
) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(UnreadableVideoError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert cause in message
    assert "; " in message
    assert "\n" not in message


def test_an_unknown_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no video backend 'magic'"):
        open_video(media.h264(tmp_path / "clip.mp4"), backend="magic")
