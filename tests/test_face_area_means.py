"""Means of areas from sums: those of torch to the bit, of whole frames and of windows in them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from face.area_means import AreaMeans

CPU = torch.device("cpu")
FRAMES = np.random.default_rng(2).integers(0, 256, (2, 90, 161, 3)).astype(np.uint8)
AS_TORCH = torch.from_numpy(FRAMES).permute(0, 3, 1, 2).float()


@pytest.mark.parametrize("size", [(90, 161), (83, 150), (31, 52), (2, 1), (90, 7), (100, 200)])
def test_frames_are_shrunk_as_torch_does_it(size: tuple[int, int]) -> None:
    found = AreaMeans(FRAMES, CPU).shrunk(*size)
    assert torch.equal(found, interpolate(AS_TORCH, size, mode="area"))


def test_sums_of_large_bright_frames_stay_exact() -> None:
    bright = np.full((1, 1500, 2500, 3), 255, np.uint8)
    assert (AreaMeans(bright, CPU).shrunk(7, 11) == 255).all()


def test_windows_are_cut_out_and_resized_as_torch_does_it() -> None:
    windows = [(0, 0, 161, 90), (3, 5, 4, 6), (40, 10, 110, 80), (100, 60, 161, 90), (7, 8, 20, 90)]
    frame = torch.tensor([0, 1, 1, 0, 1])
    found = AreaMeans(FRAMES, CPU).crops(frame, torch.tensor(windows), 24)
    for crop, number, (left, top, right, bottom) in zip(found, frame, windows, strict=True):
        expected = interpolate(AS_TORCH[number, :, top:bottom, left:right][None], (24, 24), mode="area")
        assert torch.equal(crop, expected[0])


def test_no_windows_give_no_crops() -> None:
    none = AreaMeans(FRAMES, CPU).crops(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4).long(), 24)
    assert none.shape == (0, 3, 24, 24)
