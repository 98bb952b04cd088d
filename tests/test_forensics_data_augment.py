"""Augmentations and pairs: the two members of a pair are treated exactly alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from face.types import FaceDetections
from forensics.data.augment import WORLD, Augmentation, AugmentSettings, Resize, draw_augmentation
from forensics.data.compress import Image, h264_still, hevc_still, jpeg
from forensics.data.mixture import BlendSettings
from forensics.data.pair import (
    DEFAULT_PAIR,
    TREATMENTS,
    PairSettings,
    TrainingPair,
    training_pair,
    treated_single,
)

FACE = np.ascontiguousarray(astronaut()[20:221, 130:321])
# Of the version before HEVC and resizing were added.
AFTER_THE_DRAW_OF_SEED_11 = 0.2753088157611293
STEPS = {
    "flip": True,
    "scale": 0.5,
    "blur_pixels": 1.5,
    "gain": 1.2,
    "lift_levels": -20.0,
    "gamma": 0.8,
    "noise_levels": 5.0,
    "grey": True,
    "jpeg_quality": 40,
    "h264_crf": 35,
    "hevc_crf": 35,
    "resizes": (Resize(0.5, cv2.INTER_LINEAR, cv2.INTER_CUBIC),),
}


def detection() -> FaceDetections:
    return FaceDetections(
        np.array([[181.1, 62.2, 267.7, 172.1]], np.float32),
        np.array(
            [[(205.0, 101.7), (246.8, 103.7), (224.7, 129.0), (201.7, 139.2), (245.3, 141.9)]], np.float32
        ),
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
    )


def make_pair(seed: int, settings: PairSettings = DEFAULT_PAIR) -> TrainingPair:
    return training_pair(astronaut(), detection(), np.random.default_rng(seed), settings)


@pytest.mark.parametrize("step", STEPS)
def test_each_step_changes_the_picture_and_is_repeatable(step: str) -> None:
    treatment = Augmentation(**{step: STEPS[step]})  # type: ignore[arg-type]
    once, twice = treatment.apply(FACE), treatment.apply(FACE.copy())
    assert np.array_equal(once, twice)
    assert once.dtype == np.uint8
    assert once.shape != FACE.shape or (once != FACE).any()


def test_no_step_leaves_the_picture_as_it_is() -> None:
    assert np.array_equal(Augmentation().apply(FACE), FACE)


def test_light_follows_the_stated_formula() -> None:
    treated = Augmentation(gain=1.1, lift_levels=10, gamma=0.9).apply(FACE)
    expected = 255 * (np.clip(FACE * 1.1 + 10, 0, 255) / 255) ** 0.9
    assert np.abs(treated - expected).max() <= 0.51


@pytest.mark.parametrize("still", [h264_still, hevc_still])
@pytest.mark.parametrize("size", [(120, 100), (121, 99)])
def test_video_codecs_keep_place_and_size_and_lose_more_at_a_higher_crf(
    size: tuple[int, int], still: Callable[..., Image]
) -> None:
    image = np.ascontiguousarray(astronaut()[40 : 40 + size[0], 170 : 170 + size[1]])
    errors = []
    for crf in (18, 30, 42):
        decoded = still(image, crf=crf)
        assert decoded.shape == image.shape
        errors.append(np.abs(decoded.astype(int) - image).mean())
    assert errors[0] < errors[1] < errors[2]
    # A picture left out of place by the drift would be this far off at once.
    assert errors[0] < 0.5 * np.abs(np.roll(image, 2, axis=1).astype(int) - image).mean()


def test_jpeg_keeps_the_order_of_the_channels() -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    assert jpeg(red, quality=90).mean(axis=(0, 1)) == pytest.approx([200, 0, 0], abs=6)


def test_points_move_with_the_picture() -> None:
    image = np.zeros((100, 80, 3), np.uint8)
    image[20:24, 60:64] = 255
    for treatment in (Augmentation(flip=True), Augmentation(scale=0.5), Augmentation(flip=True, scale=0.5)):
        rows, columns = np.nonzero(treatment.apply(image)[..., 0] > 128)
        centre = [columns.mean() + 0.5, rows.mean() + 0.5]
        assert treatment.move_points(np.array([[62.0, 22.0]]), image)[0] == pytest.approx(centre)
        mask = treatment.move_mask(image[..., 0] / np.float32(255))
        assert np.array_equal(mask > 0.5, treatment.apply(image)[..., 0] > 128)


def test_what_is_drawn_stays_within_the_settings() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_augmentation(200, rng) for _ in range(300)]
    assert all(0.48 <= each.scale <= 1 for each in drawn)
    assert min(each.scale for each in drawn) < 0.9
    assert {each.flip for each in drawn} == {True, False}
    assert {each.h264_crf for each in drawn} == {None, *range(18, 31)}
    qualities = [each.jpeg_quality for each in drawn if each.jpeg_quality is not None]
    assert min(qualities) >= 60
    assert max(qualities) <= 100
    assert all(draw_augmentation(50, rng).scale == 1 for _ in range(20))
    with pytest.raises(ValueError, match="shares"):
        AugmentSettings(flip_share=1.5)


def test_a_pair_without_a_blend_is_twice_the_same_picture() -> None:
    """Opacity next to nothing: what is left of a difference could only come from the augmentation."""
    faint = replace(DEFAULT_PAIR, blend=BlendSettings(opacities=(1e-6,)))
    for seed in range(12):
        pair = make_pair(seed, faint)
        assert np.array_equal(pair.real, pair.fake)


def test_pairs_are_repeatable_and_differ_from_seed_to_seed() -> None:
    first, again, other = make_pair(1), make_pair(1), make_pair(2)
    assert np.array_equal(first.fake, again.fake)
    assert np.array_equal(first.detection.boxes_xyxy, again.detection.boxes_xyxy)
    assert first.fake.shape != other.fake.shape or (first.fake != other.fake).any()
    assert (first.real != first.fake).any()


def test_the_box_stays_on_the_face_and_eyes_stay_left_and_right() -> None:
    settings = replace(DEFAULT_PAIR, box_scale_ratio=0.0, box_shift_ratio=0.0)
    for seed in range(12):
        found = make_pair(seed, settings).detection
        left, top, right, bottom = found.boxes_xyxy[0]
        points = found.landmarks[0]
        assert ((points > (left, top)) & (points < (right, bottom))).all()
        assert points[0, 0] < points[1, 0]
        assert points[3, 0] < points[4, 0]
        assert (right - left) / (bottom - top) == pytest.approx(86.6 / 109.9, rel=0.02)


def test_a_tight_picture_goes_on_with_its_mirror_image_or_with_nothing() -> None:
    tight = np.ascontiguousarray(astronaut()[62:172, 181:268])
    found = detection()
    at_origin = replace(
        found,
        boxes_xyxy=found.boxes_xyxy - np.array([181, 62, 181, 62], np.float32),
        landmarks=found.landmarks - np.array([181, 62], np.float32),
    )
    still = AugmentSettings(**{name: 0.0 for name in vars(AugmentSettings()) if name.endswith("_share")})
    pairs = {}
    for share in (0.0, 1.0):
        settings = PairSettings(
            augment=still, blend=BlendSettings(opacities=(1e-6,), target_share=0.0), reflect_share=share
        )
        pairs[share] = training_pair(tight, at_origin, np.random.default_rng(0), settings)
    assert np.array_equal(pairs[0.0].real, tight)
    height, width = pairs[1.0].real.shape[:2]
    assert (height, width) >= (219, 219)
    offsets = pairs[1.0].detection.landmarks[0] - pairs[0.0].detection.landmarks[0]
    left, top = offsets[0].round().astype(int)
    assert np.array_equal(pairs[1.0].real[top : top + 110, left : left + 87], tight)
    assert np.array_equal(pairs[1.0].real[top - 5, left : left + 87], tight[5])


def test_a_pair_is_made_of_exactly_one_face() -> None:
    with pytest.raises(ValueError, match="one face"):
        training_pair(astronaut(), FaceDetections.empty(), np.random.default_rng(0))


def test_the_two_codecs_differ_at_the_same_crf() -> None:
    assert (h264_still(FACE, crf=32) != hevc_still(FACE, crf=32)).any()


def test_a_chain_of_resizing_loses_detail_and_keeps_the_size() -> None:
    once = Resize(0.5, cv2.INTER_AREA, cv2.INTER_LINEAR)
    detail = [
        np.abs(np.diff(Augmentation(resizes=(once,) * count).apply(FACE).astype(int), axis=1)).mean()
        for count in range(3)
    ]
    assert detail[0] > detail[1] > detail[2]
    assert Augmentation(resizes=(once,)).apply(FACE).shape == FACE.shape


def test_what_the_world_does_is_drawn_by_its_settings_and_by_no_others() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_augmentation(200, rng, settings=WORLD) for _ in range(300)]
    assert {len(each.resizes) for each in drawn} == {0, 1, 2}
    assert any(each.hevc_crf and each.h264_crf for each in drawn)
    assert all(20 <= each.hevc_crf <= 32 for each in drawn if each.hevc_crf is not None)
    assert all(0.5 <= resize.ratio <= 0.95 for each in drawn for resize in each.resizes)
    mild = [draw_augmentation(200, rng) for _ in range(100)]
    assert all(each.hevc_crf is None and not each.resizes for each in mild)


def test_older_settings_draw_what_they_drew() -> None:
    """What is drawn after the treatment (the wandering box) follows from the same row of random numbers."""
    rng = np.random.default_rng(11)
    draw_augmentation(150, rng)
    assert rng.random() == pytest.approx(AFTER_THE_DRAW_OF_SEED_11)


def test_without_augmentation_a_face_stays_as_it_is_found() -> None:
    image, found = treated_single(astronaut(), detection(), np.random.default_rng(0), TREATMENTS["none"])
    start = (detection().landmarks[0] - found.landmarks[0])[0].round().astype(int)
    assert np.array_equal(image, astronaut()[start[1] :, start[0] :][: image.shape[0], : image.shape[1]])
    assert np.ptp(found.boxes_xyxy[0, [0, 2]]) == pytest.approx(86.6, abs=0.01)
