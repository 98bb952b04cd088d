"""The views CoDE is trained on: sizes, ranges, and the same ones from the same seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generated_pictures import photo

from forensics.train import code_views
from forensics.train.code_views import (
    LOCAL_AREA,
    TRANSFORMS,
    VIEWS,
    WHOLE_AREA,
    fit,
    random_crop,
    training_views,
    treat,
)

SIDE = 48


def picture(height: int, width: int) -> torch.Tensor:
    square = torch.from_numpy(photo(1, side=max(height, width)))
    return square[:height, :width].permute(2, 0, 1).contiguous()


def coordinates(height: int, width: int) -> torch.Tensor:
    """A picture that tells of every pixel where it was: its row in red, its column in green."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([rows, columns, torch.zeros_like(rows)]).to(torch.uint8)


@pytest.mark.parametrize(("height", "width"), [(100, 90), (48, 48), (30, 70), (33, 200), (400, 50)])
def test_a_picture_of_any_size_gives_four_views_of_one_size(height: int, width: int) -> None:
    for seed in range(15):
        views = training_views(picture(height, width), np.random.default_rng(seed), side=SIDE)
        assert views.shape == (len(VIEWS), 3, SIDE, SIDE)
        assert views.dtype == torch.uint8


def test_the_same_seed_gives_the_same_views_and_another_gives_others() -> None:
    first, again, other = (
        training_views(picture(90, 100), np.random.default_rng(seed), side=SIDE)
        for seed in ((7, 1), (7, 1), (7, 2))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_views_do_not_depend_on_the_random_state_of_the_process() -> None:
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        results.append(
            [training_views(picture(90, 80), np.random.default_rng(n), side=SIDE) for n in range(20)]
        )
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_the_original_is_the_untouched_centre() -> None:
    views = training_views(coordinates(100, 80), np.random.default_rng(0), side=SIDE)
    assert torch.equal(views[0], coordinates(100, 80)[:, 26:74, 16:64])


def test_a_smaller_picture_is_enlarged_and_never_surrounded_with_black() -> None:
    white = torch.full((3, 20, 60), 255, dtype=torch.uint8)
    assert torch.equal(fit(white, SIDE), torch.full((3, SIDE, SIDE), 255, dtype=torch.uint8))


@pytest.mark.parametrize("area", [WHOLE_AREA, LOCAL_AREA])
def test_crops_cover_the_published_share_of_the_picture(area: tuple[float, float]) -> None:
    shares = []
    for seed in range(300):
        crop = random_crop(coordinates(200, 200), area, np.random.default_rng(seed), side=40).int()
        # Nearly the whole span: the outermost samples lie half a step inside.
        spans = [float(crop[axis].max() - crop[axis].min()) + 200 / 40 for axis in (0, 1)]
        shares.append(spans[0] * spans[1] / 200**2)
    # Resampling blurs the span by a few pixels; a box that would not fit is cut.
    assert min(shares) == pytest.approx(area[0], abs=0.04)
    assert max(shares) == pytest.approx(area[1], abs=0.12)


def test_none_one_or_two_transforms_are_applied_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    applied: list[str] = []

    def noted(name: str) -> code_views.Transform:
        def apply(image: torch.Tensor, draw: np.random.Generator) -> torch.Tensor:
            applied.append(name)
            return image

        return apply

    monkeypatch.setattr(code_views, "TRANSFORMS", {name: noted(name) for name in TRANSFORMS})
    counts, seen = [0, 0, 0], set()
    for seed in range(600):
        applied.clear()
        treat(picture(50, 50), np.random.default_rng(seed))
        assert applied == sorted(set(applied), key=list(TRANSFORMS).index)
        counts[len(applied)] += 1
        seen.update(applied)
    assert seen == set(TRANSFORMS)
    assert min(counts) > 150


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name not in {"resize", "scale", "aspect"}])
def test_every_transform_changes_the_picture_and_not_its_type(name: str) -> None:
    before = picture(120, 100)
    results = [TRANSFORMS[name](before, np.random.default_rng(seed)) for seed in range(5)]
    assert all(after.dtype == torch.uint8 and after.shape[0] == 3 for after in results)
    assert any(after.shape != before.shape or not torch.equal(after, before) for after in results)


@pytest.mark.parametrize(
    ("name", "lowest", "highest"), [("resize", (64, 64), (512, 512)), ("scale", (60, 50), (180, 150))]
)
def test_resizing_stays_in_the_published_range(
    name: str, lowest: tuple[int, int], highest: tuple[int, int]
) -> None:
    sizes = [
        tuple(TRANSFORMS[name](picture(120, 100), np.random.default_rng(seed)).shape[1:])
        for seed in range(200)
    ]
    for axis in (0, 1):
        found = [size[axis] for size in sizes]
        assert lowest[axis] <= min(found) < lowest[axis] * 1.2
        assert highest[axis] >= max(found) > highest[axis] * 0.9


def test_a_quarter_turn_moves_pixels_without_changing_one() -> None:
    before = coordinates(40, 60)
    after = TRANSFORMS["rotate"](before, np.random.default_rng(0))
    assert any(torch.equal(after, torch.rot90(before, turns, (1, 2))) for turns in (1, 2, 3))
