"""Self-blended pairs: what differs, where, and how reproducibly. The picture is scikit-image's astronaut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from skimage.data import astronaut

from forensics.data.hull import FIVE_POINTS, JAW, Region, face_outline, five_points, region_mask
from forensics.data.mixture import DEFAULT_MIXTURE, BlendSettings, Family
from forensics.data.paste import Donor
from forensics.data.selfblend import self_blend

# As MTCNN finds them.
BOX = np.array([181.1, 62.2, 267.7, 172.1])
LANDMARKS = np.array([(205.0, 101.7), (246.8, 103.7), (224.7, 129.0), (201.7, 139.2), (245.3, 141.9)])
OPAQUE = replace(DEFAULT_MIXTURE, opacities=(1.0,))


def only(family: Family, settings: BlendSettings = OPAQUE) -> BlendSettings:
    return replace(settings, family_weights=((family, 1.0),))


def donor() -> Donor:
    """The mirrored astronaut stands in for another person."""
    mirrored = LANDMARKS[[1, 0, 2, 4, 3]].copy()
    mirrored[:, 0] = 512 - mirrored[:, 0]
    return Donor(np.ascontiguousarray(astronaut()[:, ::-1]), mirrored)


@pytest.mark.parametrize("family", list(Family))
def test_only_the_masked_part_of_the_pair_differs(family: Family) -> None:
    for seed in range(4):
        pair = self_blend(
            astronaut(), LANDMARKS, BOX, np.random.default_rng(seed), settings=only(family), donor=donor()
        )
        differs = (pair.fake != pair.real).any(axis=2)
        assert pair.family is family
        assert differs.any()
        assert not differs[pair.mask == 0].any()
        # The mask lies on the face: nothing further than half a box side from the box is touched.
        rows, columns = np.nonzero(pair.mask > 0.01)
        assert rows.min() > 0
        assert rows.max() < BOX[3] + 55
        assert columns.min() > BOX[0] - 55
        assert columns.max() < BOX[2] + 55


def test_the_mask_is_soft_and_reaches_the_drawn_opacity() -> None:
    for seed in range(8):
        pair = self_blend(astronaut(), LANDMARKS, BOX, np.random.default_rng(seed), settings=OPAQUE)
        assert pair.mask.dtype == np.float32
        assert pair.mask.min() == 0
        assert pair.mask.max() == pytest.approx(1)
        edge = (pair.mask > 0.05) & (pair.mask < 0.95)
        assert edge.sum() > 0.1 * (pair.mask > 0.05).sum()
        assert np.abs(np.diff(pair.mask, axis=1)).max() < 0.5
    faint = replace(DEFAULT_MIXTURE, opacities=(0.25,))
    pair = self_blend(astronaut(), LANDMARKS, BOX, np.random.default_rng(0), settings=faint)
    assert pair.mask.max() == pytest.approx(0.25)


def test_equal_seeds_agree_and_different_seeds_do_not() -> None:
    first, again, other = (
        self_blend(astronaut(), LANDMARKS, BOX, np.random.default_rng(seed), donor=donor())
        for seed in (5, 5, 6)
    )
    assert np.array_equal(first.fake, again.fake)
    assert np.array_equal(first.real, again.real)
    assert not np.array_equal(first.mask, other.mask)
    assert not np.array_equal(first.fake, other.fake)


def test_the_jitter_strikes_the_surroundings_as_often_as_the_face() -> None:
    always = replace(only(Family.SELF), target_share=1.0)
    never = replace(only(Family.SELF), target_share=0.0)
    jittered = self_blend(astronaut(), LANDMARKS, BOX, np.random.default_rng(1), settings=always)
    untouched = self_blend(astronaut(), LANDMARKS, BOX, np.random.default_rng(1), settings=never)
    assert (jittered.real != astronaut()).any()
    assert np.array_equal(untouched.real, astronaut())


def test_a_cross_identity_blend_shows_the_donor_and_a_swap_loses_detail() -> None:
    black = Donor(np.zeros((512, 512, 3), np.uint8), LANDMARKS)
    plain = replace(only(Family.CROSS), cross_colour_strength=(0.0, 0.0), cross_swap_share=0.0)
    pair = self_blend(astronaut(), LANDMARKS, BOX, np.random.default_rng(2), settings=plain, donor=black)
    assert pair.fake[pair.mask > 0.99].max() < 10
    coarse = replace(
        only(Family.SWAP), swap_resolution=(0.1, 0.1), region_weights=((Region.BROWS_TO_CHIN, 1.0),)
    )
    pair = self_blend(astronaut(), LANDMARKS, BOX, np.random.default_rng(2), settings=coarse)

    def detail(image: np.ndarray) -> float:
        steps = np.abs(np.diff(image.astype(np.float64).mean(axis=2), axis=1))
        return float(steps[:, :][pair.mask[:, 1:] > 0.99].mean())

    assert detail(pair.fake) < 0.6 * detail(pair.real)


@pytest.mark.parametrize("family", list(Family))
def test_a_black_and_white_photograph_stays_so(family: Family) -> None:
    grey = np.repeat(astronaut().mean(axis=2).astype(np.uint8)[..., None], 3, axis=2)
    for share in (0.0, 1.0):
        settings = replace(only(family), target_share=share)
        pair = self_blend(grey, LANDMARKS, BOX, np.random.default_rng(3), settings=settings, donor=donor())
        assert np.ptp(pair.fake, axis=2).max() <= 1
        assert np.ptp(pair.real, axis=2).max() <= 1


def test_the_colours_shift_moderately() -> None:
    shifts = []
    for seed in range(12):
        pair = self_blend(astronaut(), LANDMARKS, BOX, np.random.default_rng(seed), settings=OPAQUE)
        inside = pair.mask > 0.9
        shifts.append(np.abs(pair.fake[inside].mean(axis=0) - pair.real[inside].mean(axis=0)).max())
    assert 3 < np.median(shifts) < 40
    assert max(shifts) < 80


def test_without_a_donor_no_cross_identity_blend_is_drawn() -> None:
    families = {
        self_blend(astronaut(), LANDMARKS, BOX, np.random.default_rng(seed)).family for seed in range(12)
    }
    assert families == {Family.SELF, Family.SWAP}
    with pytest.raises(ValueError, match="donor"):
        self_blend(astronaut(), LANDMARKS, BOX, np.random.default_rng(0), settings=only(Family.CROSS))


def test_the_outline_encloses_the_landmarks_and_turns_with_them() -> None:
    outline = face_outline(LANDMARKS)
    assert outline.shape == (27, 2)
    assert outline[8, 1] > LANDMARKS[:, 1].max()
    mask = region_mask(LANDMARKS, Region.FACE, (512, 512))
    assert all(mask[round(y), round(x)] == 1 for x, y in LANDMARKS)
    turn = np.array([(0.0, -1.0), (1.0, 0.0)])
    turned = face_outline(LANDMARKS @ turn.T)
    assert turned == pytest.approx(outline @ turn.T)


def test_the_outline_of_a_turned_head_moves_against_the_nose() -> None:
    frontal = face_outline(FIVE_POINTS)
    assert frontal[0, 0] == pytest.approx(-frontal[16, 0])
    looking_right = FIVE_POINTS.copy()
    looking_right[2, 0] += 0.3
    assert face_outline(looking_right)[JAW, 0].mean() < frontal[JAW, 0].mean() - 0.2


def test_dense_landmarks_are_taken_as_they_are() -> None:
    dense = np.random.default_rng(0).uniform(0, 100, (81, 2))
    assert np.array_equal(face_outline(dense), dense[:27])
    assert five_points(dense)[[0, 2, 4]] == pytest.approx(
        np.stack([dense[36:42].mean(axis=0), dense[30], dense[54]])
    )
    assert np.array_equal(five_points(LANDMARKS), LANDMARKS)
    with pytest.raises(ValueError, match="landmarks"):
        face_outline(dense[:10])


def test_unusable_input_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="uint8"):
        self_blend(astronaut().astype(np.float32), LANDMARKS, BOX, rng)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="empty"):
        self_blend(astronaut(), LANDMARKS, BOX[[2, 1, 0, 1]], rng)
    with pytest.raises(ValueError, match="opacities"):
        BlendSettings(opacities=(0.0, 1.0))
    with pytest.raises(ValueError, match="weights"):
        BlendSettings(family_weights=((Family.SELF, 0.0),))
