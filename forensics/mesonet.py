"""MesoNet (Afchar et al., WIFS 2018): its two networks, as Keras computes them, and its published sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from weights.errors import CorruptWeightsError

INPUT_PIXELS = 256
# The side of each stage's max pooling: 256 pixels become 8.
POOLS = (2, 2, 2, 4)
FLAT_VALUES, HIDDEN_VALUES = 16 * 8 * 8, 16
# Keras' default, a hundred times torch's.
NORM_EPSILON = 1e-3
LEAK = 0.1


class MesoNet(nn.Module, ABC):
    """Four stages of convolution, normalisation and pooling, then two dense layers.

    [N,3,256,256] RGB in 0..1 -> [N] published logits: before the sigmoid, higher = more REAL. Source:
    `classifiers.py` of github DariusAf/MesoNet. The saved Meso4 files list no leaky ReLU after the first
    dense layer, the published code that loads them has one: this follows the code.
    """

    def __init__(self, convolutions: Iterable[nn.Conv2d], widths: tuple[int, ...]) -> None:
        super().__init__()
        self.conv = nn.ModuleList(convolutions)
        self.norm = nn.ModuleList(nn.BatchNorm2d(width, eps=NORM_EPSILON) for width in widths)
        self.dense = nn.ModuleList([nn.Linear(FLAT_VALUES, HIDDEN_VALUES), nn.Linear(HIDDEN_VALUES, 1)])

    @abstractmethod
    def convolved(self, stage: int, x: torch.Tensor) -> torch.Tensor:
        """The convolutions of a stage, counted from 0, with their ReLUs."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        x = pictures
        for stage, (norm, pool) in enumerate(zip(self.norm, POOLS, strict=True)):
            x = functional.max_pool2d(norm(self.convolved(stage, x)), pool)
        # Keras flattens with the channels last, and the dense layer's weights are in that order.
        flat = x.permute(0, 2, 3, 1).flatten(1)
        hidden = functional.leaky_relu(self.dense[0](flat), LEAK)
        logits: torch.Tensor = self.dense[1](hidden)
        return logits.squeeze(1)


class Meso4(MesoNet):
    """One convolution in each stage."""

    def __init__(self) -> None:
        sizes = ((3, 8, 3), (8, 8, 5), (8, 16, 5), (16, 16, 5))
        super().__init__((_conv(*size) for size in sizes), (8, 8, 16, 16))

    def convolved(self, stage: int, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.conv[stage](x))


class MesoInception4(MesoNet):
    """An inception layer in each of the first two stages: a plain branch and three, two of them dilated."""

    _LAYERS = 7

    def __init__(self) -> None:
        super().__init__(
            (*_inception(3, 1, 4, 4, 2), *_inception(11, 2, 4, 4, 2), _conv(12, 16, 5), _conv(16, 16, 5)),
            (11, 12, 16, 16),
        )

    def convolved(self, stage: int, x: torch.Tensor) -> torch.Tensor:
        if stage >= 2:
            return functional.relu(self.conv[2 * self._LAYERS + stage - 2](x))
        plain, *rest = self.conv[stage * self._LAYERS : (stage + 1) * self._LAYERS]
        branches = [functional.relu(plain(x))]
        for narrow, wide in zip(rest[::2], rest[1::2], strict=True):
            branches.append(functional.relu(wide(functional.relu(narrow(x)))))
        return torch.cat(branches, dim=1)


def _conv(inputs: int, outputs: int, side: int, *, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, side, padding="same", dilation=dilation)


def _inception(inputs: int, a: int, b: int, c: int, d: int) -> list[nn.Conv2d]:
    """The convolutions of an inception layer in the published order."""
    layers = [_conv(inputs, a, 1)]
    for width, dilation in ((b, 1), (c, 2), (d, 3)):
        layers += [_conv(inputs, width, 1), _conv(width, width, 3, dilation=dilation)]
    return layers


Network = type[Meso4] | type[MesoInception4]


@dataclass(frozen=True)
class PublishedSet:
    """One of the published sets of weights: its network, and the kind of fake it learnt."""

    network: Network
    fakes: str


# By their names in the weights registry.
PUBLISHED_SETS = {
    "meso4-df": PublishedSet(Meso4, "deepfake videos from the web"),
    "meso4-f2f": PublishedSet(Meso4, "Face2Face"),
    "mesoinception-df": PublishedSet(MesoInception4, "deepfake videos from the web"),
    "mesoinception-f2f": PublishedSet(MesoInception4, "Face2Face"),
}


def build_mesonet(network: Network, state: Mapping[str, torch.Tensor]) -> MesoNet:
    """A frozen network with `state` loaded strictly, in evaluation mode.

    Raises CorruptWeightsError when it is that of another network.
    """
    model = network()
    try:
        model.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        cause = " ".join(str(error).split())
        raise CorruptWeightsError(f"not the weights of {network.__name__}: {cause}") from error
    return model.eval().requires_grad_(False)
