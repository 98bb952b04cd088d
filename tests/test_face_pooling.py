"""The quick maximum pooling: equal to torch's in every bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from face.pooling import SplitMaxPool, with_split_pools


@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("height", [3, 4, 5, 7, 8, 22, 23])
@pytest.mark.parametrize("width", [5, 6])
def test_it_gives_what_torch_gives(size: int, height: int, width: int) -> None:
    pictures = torch.randn(3, 2, height, width, generator=torch.Generator().manual_seed(height))
    expected = nn.MaxPool2d(size, 2, ceil_mode=True)(pictures)
    assert torch.equal(SplitMaxPool(size)(pictures), expected)


def test_what_is_not_a_number_stays_so() -> None:
    pictures = torch.zeros(1, 1, 4, 4)
    pictures[0, 0, 1, 2] = torch.nan
    expected = nn.MaxPool2d(2, 2, ceil_mode=True)(pictures)
    torch.testing.assert_close(SplitMaxPool(2)(pictures), expected, rtol=0, atol=0, equal_nan=True)


def test_only_the_pools_it_equals_are_replaced() -> None:
    pools = [
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.MaxPool2d(3, 2),
        nn.MaxPool2d(3, 1, ceil_mode=True),
        nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
        nn.MaxPool2d((3, 2), 2, ceil_mode=True),
    ]
    replaced = with_split_pools(nn.Sequential(*pools))
    assert [isinstance(each, SplitMaxPool) for each in replaced.children()] == [True, *[False] * 4]
