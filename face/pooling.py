"""Maximum pooling in two directions one after the other: what torch gives, several times faster on a CPU."""

from __future__ import annotations

from functools import reduce

import torch
from torch import nn

_STRIDE = 2


class SplitMaxPool(nn.Module):
    """Windows of `size` x `size`, 2 or more, two apart, the last ones reaching over the edge.

    Equal to `nn.MaxPool2d(size, 2, ceil_mode=True)` to the bit: a maximum does not round. torch's own runs
    through every window value by value and keeps where the maximum was.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """[N,C,H,W] -> [N,C,h,w]."""
        return self._along(self._along(pictures, -2), -1)

    def _along(self, pictures: torch.Tensor, dim: int) -> torch.Tensor:
        length = pictures.shape[dim]
        inside = max(0, (length - self.size) // _STRIDE + 1)
        parts = []
        if inside:
            span = (inside - 1) * _STRIDE + 1
            shifted = [_every_other(pictures.narrow(dim, start, span), dim) for start in range(self.size)]
            parts.append(reduce(torch.maximum, shifted))
        # One window may reach over the edge; none begins beyond it.
        start = inside * _STRIDE
        if start < length and start + self.size < length + _STRIDE:
            parts.append(pictures.narrow(dim, start, length - start).amax(dim, keepdim=True))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


def _every_other(pictures: torch.Tensor, dim: int) -> torch.Tensor:
    return pictures[..., ::_STRIDE] if dim == -1 else pictures[..., ::_STRIDE, :]


def with_split_pools(network: nn.Module) -> nn.Module:
    """The network with every pooling that `SplitMaxPool` can do done by it; others stay."""
    for name, child in network.named_children():
        if (
            isinstance(child, nn.MaxPool2d)
            and (child.stride, child.padding, child.dilation) == (_STRIDE, 0, 1)
            and isinstance(child.kernel_size, int)
            and child.kernel_size >= _STRIDE
            and child.ceil_mode
        ):
            setattr(network, name, SplitMaxPool(child.kernel_size))
    return network
