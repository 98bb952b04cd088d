"""Matrix products on the CPU by oneDNN, in single precision: the same to rounding, faster where MKL is slow.

torch gives those of `nn.Linear` to MKL, which uses less than half of what an AMD processor can do; every
other precision goes to oneDNN already.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn import functional

Network = TypeVar("Network", bound=nn.Module)


class OneDnnLinear(nn.Linear):
    """`nn.Linear` that multiplies by oneDNN where that can be: see `_by_onednn`."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """[...,K] -> [...,N]."""
        return _product(rows, self.weight, self.bias)


class OneDnnAttention(nn.MultiheadAttention):
    """`nn.MultiheadAttention` that does so for what vision towers ask of it, self-attention of a batch."""

    def forward(self, query: torch.Tensor, *others: Any, **named: Any) -> Any:
        """As in torch: [N,L,W] -> [N,L,W] and the attention's weights, here always None."""
        if not (_by_onednn(query, self.in_proj_weight) and self._is_plain(query, *others, **named)):
            return super().forward(query, *others, **named)
        count, length, _ = query.shape
        packed = _product(query, self.in_proj_weight, self.in_proj_bias)
        heads = packed.view(count, length, 3, self.num_heads, self.head_dim)
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(queries, keys, values)
        return _product(mixed.transpose(1, 2).flatten(2), self.out_proj.weight, self.out_proj.bias), None

    def _is_plain(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        key_padding_mask: torch.Tensor | None = None,
        need_weights: bool = True,
        attn_mask: torch.Tensor | None = None,
        **others: Any,
    ) -> bool:
        batch_of_itself = query is key is value and query.ndim == 3 and self.batch_first
        masked = key_padding_mask is not None or attn_mask is not None
        return batch_of_itself and not (masked or need_weights or self.training)


_FASTER: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: OneDnnLinear,
    nn.MultiheadAttention: OneDnnAttention,
}
_AS_IN_TORCH = {faster: plain for plain, faster in _FASTER.items()}


def with_onednn_products(network: Network) -> Network:
    """The network, its layers made those above; parameters, their names and devices stay as they are."""
    return _with_classes(network, _FASTER)


def without_onednn_products(network: Network) -> Network:
    """The network with torch's own layers again."""
    return _with_classes(network, _AS_IN_TORCH)


def _with_classes(network: Network, replaced: dict[type[nn.Module], type[nn.Module]]) -> Network:
    for module in network.modules():
        # The class alone, so that nobody who holds the module or its parameters is left with another one.
        module.__class__ = replaced.get(type(module), type(module))
    return network


def _by_onednn(rows: torch.Tensor, weight: torch.Tensor) -> bool:
    """Whether oneDNN can multiply them: in single precision on a CPU, and where no gradient is wanted."""
    return (
        rows.dtype == weight.dtype == torch.float32
        and rows.device.type == "cpu"
        and rows.numel() > 0
        and not torch.is_grad_enabled()
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    )


def _product(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    if not _by_onednn(rows, weight):
        return functional.linear(rows, weight, bias)
    # What torch's own compiler puts in the place of a linear layer; it has no public name.
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return product
