"""Written clips hold the pictures and times they were given, or do not exist at all."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import media
import numpy as np
import pytest
from media import Picture

from video.probe import probe
from video.reader import open_video
from video.sampling import Sampling
from video.write import VideoWriter, write_video


def test_pictures_and_times_come_back(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    rate = Fraction(30000, 1001)
    pictures = [media.picture(number) for number in range(30)]
    write_video(path, pictures, frame_rate=rate)
    with open_video(path, sampling=Sampling.all()) as reader:
        (batch,) = reader.batches(100)
        assert [int(pts) * reader.info.time_base for pts in batch.pts] == [n / rate for n in range(30)]
        assert reader.delivery.warnings == ()
    assert [media.read_number(frame) for frame in batch.data] == list(range(30))
    np.testing.assert_allclose(media.corner_colours(batch.data[0]), media.QUARTERS, atol=3)


def test_irregular_times_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    times = [Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(2)]
    with VideoWriter(path, frame_rate=Fraction(25), time_base=Fraction(1, 90000)) as writer:
        for number, seconds in enumerate(times):
            writer.write(media.picture(number), seconds=seconds)
    with open_video(path, sampling=Sampling.all()) as reader:
        (batch,) = reader.batches(100)
        assert [int(pts) * reader.info.time_base for pts in batch.pts] == times


def test_odd_sizes_grow_to_even_ones(tmp_path: Path) -> None:
    path = tmp_path / "odd.mp4"
    write_video(path, [media.picture(5, 97, 61)] * 3, frame_rate=Fraction(25))
    with open_video(path) as reader:
        (batch,) = reader.batches(100)
    assert batch.data.shape[1:3] == (62, 98)
    np.testing.assert_allclose(batch.data[0, -1, -1], media.QUARTERS[3], atol=4)


def test_the_colours_are_declared(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, [media.picture(0)], frame_rate=Fraction(25))
    colour = probe(path).colour
    assert (colour.primaries, colour.transfer, colour.matrix, colour.range) == (
        "bt709",
        "bt709",
        "bt709",
        "tv",
    )


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / "one.mp4", tmp_path / "two.mp4"]
    for path in paths:
        write_video(path, (media.picture(number) for number in range(20)), frame_rate=Fraction(25))
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_failure_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"before")

    def frames() -> Iterator[Picture]:
        yield media.picture(0)
        raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        write_video(path, frames(), frame_rate=Fraction(25))
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_clip_without_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no frame"):
        write_video(tmp_path / "clip.mp4", [], frame_rate=Fraction(25))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_container_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="format"):
        write_video(tmp_path / "clip.nonsense", [media.picture(0)], frame_rate=Fraction(25))
    assert list(tmp_path.iterdir()) == []


def test_senseless_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fixed the size"):
        write_video(tmp_path / "a.mp4", [media.picture(0), media.picture(1, 64, 64)], frame_rate=Fraction(25))
    with pytest.raises(ValueError, match=r"\[H,W,3\] uint8"):
        write_video(tmp_path / "b.mp4", [np.zeros((4, 4), np.uint8)], frame_rate=Fraction(25))
    assert list(tmp_path.iterdir()) == []


def test_senseless_times_are_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", frame_rate=Fraction(25)) as writer:
        writer.write(media.picture(0), seconds=Fraction(1))
        with pytest.raises(ValueError, match="multiple of the time base"):
            writer.write(media.picture(1), seconds=Fraction(31, 30))
        with pytest.raises(ValueError, match="does not follow"):
            writer.write(media.picture(1), seconds=Fraction(1))


def test_the_written_file_is_whole_for_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, [media.picture(number) for number in range(7)], frame_rate=Fraction(25))
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 7
        assert container.streams.video[0].codec_context.name == "h264"
