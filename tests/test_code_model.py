"""CoDE's ViT: the published file loads strictly and gives the published embedding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from code_weights import pictures, transformers_state
from torch import nn

from forensics.code_model import LAYER_NORM_EPS, build_vit, embed
from forensics.frame_crops import CropLayout, crop_corners
from weights.errors import CorruptWeightsError

GOLDEN = Path(__file__).with_name("code_golden.npy")
State = dict[str, torch.Tensor]


def test_the_embedding_is_that_of_transformers_on_torchvisions_crop() -> None:
    """Made by make_code_golden.py; float32 sums in another order may differ in the last bits."""
    frames = pictures(2, 301, 227)
    ((top, left),) = crop_corners(301, 227, side=224, layout=CropLayout.CENTRE)
    found = embed(build_vit(transformers_state()), frames[:, top : top + 224, left : left + 224])
    np.testing.assert_allclose(found.numpy(), np.load(GOLDEN), atol=2e-5)


def test_every_layer_norm_has_the_epsilon_of_transformers() -> None:
    norms = [part for part in build_vit(transformers_state()).modules() if isinstance(part, nn.LayerNorm)]
    assert len(norms) == 25
    assert {norm.eps for norm in norms} == {LAYER_NORM_EPS} == {1e-12}


def test_the_pooler_makes_no_difference_and_may_be_absent() -> None:
    state = transformers_state()
    crops = pictures(1, 224, 224)
    with_pooler = embed(build_vit(state), crops)
    del state["pooler.dense.weight"], state["pooler.dense.bias"]
    assert torch.equal(embed(build_vit(state), crops), with_pooler)


def _without(name: str) -> Callable[[State], State]:
    return lambda state: {key: tensor for key, tensor in state.items() if key != name}


def _with(name: str, tensor: torch.Tensor) -> Callable[[State], State]:
    return lambda state: {**state, name: tensor}


DAMAGES: dict[str, tuple[Callable[[State], State], str]] = {
    "a missing token": (_without("embeddings.cls_token"), "embeddings.cls_token is missing"),
    "a missing query": (
        _without("encoder.layer.7.attention.attention.query.bias"),
        "encoder.layer.7.attention.attention.query.bias is missing",
    ),
    "a missing norm": (_without("layernorm.weight"), "layernorm.weight is missing"),
    "a layer too many": (
        _with("encoder.layer.12.output.dense.bias", torch.zeros(192)),
        "encoder.layer.12.output.dense.bias does not belong",
    ),
    "a classifier": (_with("classifier.weight", torch.zeros(2, 192)), "classifier.weight does not belong"),
    "another pooler": (_with("pooler.extra", torch.zeros(1)), "pooler.extra does not belong"),
    "another size": (_with("embeddings.position_embeddings", torch.zeros(1, 50, 192)), "pos_embed"),
    "a NaN": (_with("layernorm.bias", torch.full((192,), torch.nan)), "not finite"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_another_file_is_refused_by_what_is_wrong_with_it(damage: str) -> None:
    change, words = DAMAGES[damage]
    with pytest.raises(CorruptWeightsError) as refused:
        build_vit(change(transformers_state()))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_weights_are_frozen() -> None:
    vit = build_vit(transformers_state())
    assert not vit.training
    assert not any(parameter.requires_grad for parameter in vit.parameters())


def test_pictures_of_another_size_or_order_are_refused() -> None:
    vit = build_vit(transformers_state())
    for shape in ((1, 225, 224, 3), (1, 3, 224, 224)):
        with pytest.raises(ValueError, match="crops must be"):
            embed(vit, torch.zeros(shape, dtype=torch.uint8))
