"""Matrix products by oneDNN: the numbers of torch's own layers, and theirs to the bit where they must be."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from face.onednn import with_onednn_products, without_onednn_products

WIDTH = 32


def block() -> nn.Module:
    """What vision towers are made of: attention within a batch, then a perceptron."""
    torch.manual_seed(3)

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
            self.widen, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH, bias=False)
            # It starts at zero, where a lost one would not be seen.
            nn.init.normal_(self.attention.in_proj_bias)
            nn.init.normal_(self.attention.out_proj.bias)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
            narrowed: torch.Tensor = self.narrow(torch.relu(self.widen(tokens + mixed)))
            return narrowed

    return Block().eval()


def tokens(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 7, WIDTH, generator=torch.Generator().manual_seed(4))


def calls_of_onednn(network: nn.Module, rows: torch.Tensor) -> int:
    with torch.profiler.profile() as profile:
        network(rows)
    return sum(event.name == "mkldnn::_linear_pointwise" for event in profile.events() or ())


@torch.inference_mode()
def test_numbers_are_those_of_torch_to_rounding() -> None:
    expected = block()(tokens())
    found = with_onednn_products(block())(tokens())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch was built without oneDNN")
@torch.inference_mode()
def test_every_product_is_made_by_onednn_until_the_layers_are_given_back() -> None:
    network = with_onednn_products(block())
    assert calls_of_onednn(network, tokens()) == 4
    assert calls_of_onednn(without_onednn_products(network), tokens()) == 0
    assert {type(module) for module in network.modules()} >= {nn.Linear, nn.MultiheadAttention}


@torch.inference_mode()
def test_half_precision_and_empty_batches_are_left_to_torch() -> None:
    network = with_onednn_products(block())
    assert network(tokens(0)).shape == (0, 7, WIDTH)
    expected = block().bfloat16()(tokens().bfloat16())
    assert torch.equal(network.bfloat16()(tokens().bfloat16()), expected)


def test_gradients_are_those_of_torch() -> None:
    rows, plain_rows = tokens().requires_grad_(), tokens().requires_grad_()
    with_onednn_products(block())(rows).square().sum().backward()
    block()(plain_rows).square().sum().backward()
    assert rows.grad is not None
    assert plain_rows.grad is not None
    assert torch.equal(rows.grad, plain_rows.grad)


@torch.inference_mode()
def test_masks_and_wanted_weights_are_left_to_torch() -> None:
    plain = nn.MultiheadAttention(WIDTH, 4, batch_first=True).eval()
    rows, mask = tokens(), torch.full((7, 7), float("-inf")).triu(1)
    expected, weights = plain(rows, rows, rows, attn_mask=mask)
    found, found_weights = with_onednn_products(plain)(rows, rows, rows, attn_mask=mask)
    assert torch.equal(found, expected)
    assert torch.equal(found_weights, weights)


def test_parameters_keep_their_names() -> None:
    assert list(with_onednn_products(block()).state_dict()) == list(block().state_dict())
