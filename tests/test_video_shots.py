"""Cuts are found where they are, and flashes, fades, pans and shakes are none; the same by every backend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import media
import numpy as np
import pytest
from media import Picture, scene

from video.backends import BACKENDS
from video.frames import Delivery, FrameBatch, Shot, Timed
from video.reader import open_video
from video.sampling import Sampling
from video.shots import DELAY_FRAMES, LONGEST_FLASH_FRAMES, MIN_CHANGE, small_size, with_shots

needs_decord = pytest.mark.skipif(find_spec("decord") is None, reason="decord has no wheel here")
backends = pytest.mark.parametrize(
    "backend", [pytest.param(name, marks=needs_decord) if name == "decord" else name for name in BACKENDS]
)
WHITE = np.full((media.HEIGHT, media.WIDTH, 3), 255, np.uint8)


def cuts_of(pictures: Sequence[Picture]) -> list[int]:
    """The numbers of the pictures, all small, that begin a shot, without the first."""
    shots: list[Shot] = []
    frames = (Timed(index, Fraction(index), picture) for index, picture in enumerate(pictures))
    numbers = [frame.shot for frame in with_shots(frames, lambda picture: picture, shots)]
    starts = [shot.first_index for shot in shots]
    assert numbers == [sum(start <= index for start in starts) - 1 for index in range(len(pictures))]
    assert starts[:1] == [0][: len(pictures)]
    return starts[1:]


def read(path: Path, sampling: Sampling, backend: str, size: int = 7) -> tuple[list[FrameBatch], Delivery]:
    with open_video(path, sampling=sampling, backend=backend) as reader:
        batches = list(reader.batches(size))
        return batches, reader.delivery


def shot_of(batches: list[FrameBatch]) -> dict[int, int]:
    return {int(i): int(s) for batch in batches for i, s in zip(batch.index, batch.shot, strict=True)}


@backends
@pytest.mark.parametrize("size", [1, 7, 100])
def test_sampled_frames_carry_the_shot_that_cuts_between_samples_begin(
    tmp_path: Path, backend: str, size: int
) -> None:
    path = media.shots(tmp_path / "cut.mp4", scene(0, 21) + scene(1, 12) + scene(2, 20))
    batches, delivery = read(path, Sampling.every(8), backend, size)
    assert shot_of(batches) == {0: 0, 8: 0, 16: 0, 24: 1, 32: 1, 40: 2, 48: 2}
    assert delivery.shots == (Shot(0, 0.0), Shot(21, 0.84), Shot(33, 1.32))


@backends
def test_times_of_cuts_in_a_variable_rate_are_exact(tmp_path: Path, backend: str) -> None:
    pts = [0, 40, 80, 95, 200, 201, 333, 1333, 1366, 1400, 1500, 1700, 1705, 1710, 1999]
    pictures = scene(0, 6) + scene(1, 9)
    path = media.shots(tmp_path / "vfr.mp4", pictures, pts=pts, time_base=Fraction(1, 1000))
    _, delivery = read(path, Sampling.all(), backend)
    assert delivery.shots == (Shot(0, 0.0), Shot(6, 0.333))


@backends
def test_a_window_keeps_the_numbers_of_the_whole_file(tmp_path: Path, backend: str) -> None:
    path = media.shots(tmp_path / "cut.mp4", [image for seed in range(5) for image in scene(seed, 20)])
    batches, delivery = read(path, Sampling.every(10, start_seconds=1, end_seconds=2.4), backend)
    assert shot_of(batches) == {25: 1, 35: 1, 45: 2, 55: 2}
    # Frame 60, the first after the window, is where the fourth shot begins.
    assert [shot.first_index for shot in delivery.shots] == [0, 20, 40, 60]
    assert delivery.decoded == 61 + DELAY_FRAMES


@backends
def test_frames_are_spread_over_the_shots(tmp_path: Path, backend: str) -> None:
    path = media.shots(tmp_path / "cut.mp4", scene(0, 30) + scene(1, 1) + scene(2, 60) + scene(3, 9))
    batches, delivery = read(path, Sampling.spread(8), backend)
    assert shot_of(batches) == {7: 0, 22: 0, 30: 1, 38: 2, 53: 2, 68: 2, 83: 2, 95: 3}
    assert delivery.sampled == 8
    batches, _ = read(path, Sampling.spread(2, start_seconds=1.24), backend)
    assert shot_of(batches) == {61: 2, 95: 3}


@backends
def test_a_clip_without_cuts_is_one_shot(tmp_path: Path, backend: str) -> None:
    batches, delivery = read(media.h264(tmp_path / "clip.mp4"), Sampling.all(), backend)
    assert set(shot_of(batches).values()) == {0}
    assert delivery.shots == (Shot(0, 0.0),)


def test_a_change_of_frame_size_is_no_cut_by_itself(tmp_path: Path) -> None:
    batches, delivery = read(media.size_change(tmp_path / "sizes.ts", 10), Sampling.all(), "pyav")
    assert len(delivery.shots) == 1
    assert set(shot_of(batches).values()) == {0}


def test_a_single_frame_is_a_shot_of_its_own_wherever_it_stands() -> None:
    assert cuts_of(scene(0, 12) + scene(1, 1) + scene(2, 12)) == [12, 13]
    assert cuts_of(scene(0, 1) + scene(1, 12)) == [1]
    assert cuts_of(scene(0, 12) + scene(1, 1)) == [12]


@pytest.mark.parametrize("count", [0, 1, 2, 5, 6])
def test_short_clips_are_one_shot(count: int) -> None:
    assert cuts_of(scene(0, count)) == []


@pytest.mark.parametrize("lengths", [(1, 1), (2, 2), (3, 3, 4), (4, 20)])
def test_cuts_near_the_ends_of_a_clip_are_found(lengths: tuple[int, ...]) -> None:
    pictures = [image for seed, length in enumerate(lengths) for image in scene(seed, length)]
    assert cuts_of(pictures) == np.cumsum(lengths)[:-1].tolist()


@pytest.mark.parametrize("length", range(1, LONGEST_FLASH_FRAMES + 1))
@pytest.mark.parametrize("start", [1, 10, 18])
def test_a_flash_is_no_cut(length: int, start: int) -> None:
    pictures = scene(0, 18 + LONGEST_FLASH_FRAMES + 1)
    pictures[start : start + length] = [WHITE] * length
    assert cuts_of(pictures) == []


def test_a_flash_that_decays_is_no_cut() -> None:
    pictures = scene(0, 30)
    for step, share in enumerate((1.0, 0.7, 0.4, 0.2, 0.1)):
        pictures[10 + step] = np.uint8(share * WHITE + (1 - share) * pictures[10 + step])
    assert cuts_of(pictures) == []


def test_a_flash_at_a_cut_leaves_the_cut() -> None:
    assert cuts_of(scene(0, 12) + [WHITE] * 2 + scene(1, 12)) == [12, 14]


def test_a_cut_shortly_after_a_flash_is_found() -> None:
    pictures = scene(0, 12)
    pictures[6] = WHITE
    assert cuts_of(pictures + scene(1, 12)) == [12]


def test_a_shot_longer_than_a_flash_is_a_shot_with_the_same_picture_around_it() -> None:
    around = scene(0, 30)
    inserted = scene(1, LONGEST_FLASH_FRAMES + 1)
    assert cuts_of(around[:12] + inserted + around[12:]) == [12, 12 + len(inserted)]


def test_fades_and_dissolves_are_no_cuts() -> None:
    before, after = scene(0, 24), scene(1, 24)
    dissolve = [np.uint8((24 - step) / 24 * before[step] + step / 24 * after[step]) for step in range(24)]
    to_black = [np.uint8(image * ((24 - step) / 24)) for step, image in enumerate(before)]
    assert cuts_of(before[:1] * 5 + dissolve + after[-1:] * 5) == []
    assert cuts_of(to_black + to_black[::-1]) == []


def busy(speed: int, count: int) -> list[Picture]:
    """Black and white blocks whose motion changes as much from picture to picture as a cut does."""
    blocks = np.random.default_rng(3).integers(0, 2, (12, 16, 1), dtype=np.uint8) * 255
    image = np.kron(blocks, np.ones((8, 8, 3), np.uint8))
    pictures = [np.roll(image, -speed * number, axis=1) for number in range(count)]
    assert np.abs(pictures[1].astype(int) - pictures[0]).mean() > 3 * MIN_CHANGE
    return pictures


@pytest.mark.parametrize("speed", [5, 8, 20])
def test_a_fast_pan_is_no_cut(speed: int) -> None:
    pan = busy(speed, 12)
    assert cuts_of(pan[:1] * 8 + pan + pan[-1:] * 8) == []


def test_a_shaking_camera_is_no_cut() -> None:
    choose = np.random.default_rng(3)
    (image, _) = busy(8, 2)
    # It comes to rest at the end: one jerk and then a still picture is what a cut looks like.
    reach = [6] * 54 + [5, 4, 3, 2, 1, 0]
    shaken = [np.roll(image, tuple(choose.integers(-most, most + 1, 2)), axis=(0, 1)) for most in reach]
    assert cuts_of(shaken) == []


def test_a_cut_between_moving_shots_is_found() -> None:
    assert cuts_of(scene(0, 20, 4) + scene(1, 20, 4)) == [20]


def test_few_frames_are_held_back() -> None:
    taken = 0

    def frames() -> Iterator[Timed[Picture]]:
        nonlocal taken
        for index, picture in enumerate(scene(0, 40)):
            taken += 1
            yield Timed(index, Fraction(index), picture)

    for given, _ in enumerate(with_shots(frames(), lambda picture: picture, []), 1):
        assert taken - given <= DELAY_FRAMES


def test_small_pictures_keep_the_shape_and_are_never_larger() -> None:
    assert small_size(1920, 1080) == (160, 90)
    assert small_size(1080, 1920) == (90, 160)
    assert small_size(100, 50) == (100, 50)
    assert small_size(8000, 1) == (160, 1)


def test_a_batch_without_shots_is_one_shot_and_senseless_shots_are_refused() -> None:
    data, numbers = np.zeros((2, 4, 4, 3), np.uint8), np.arange(2)
    assert FrameBatch(data, numbers, numbers, Fraction(1)).shot.tolist() == [0, 0]
    for wrong in (np.array([1, 0]), np.array([-1, 0]), np.array([0]), np.array([0.0, 1.0])):
        with pytest.raises(ValueError, match="shot"):
            FrameBatch(data, numbers, numbers, Fraction(1), wrong)
