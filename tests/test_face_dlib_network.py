"""dlib's network without its weights: the reading of its file and the layers, against plain formulas."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from face.dlib_network import AFFINE, CONVOLUTION, OUTPUT, DlibNetwork, read_network

Values = npt.NDArray[np.float32]
# Inputs, outputs and side of each convolution, by the published layers.
SHAPES = [(3, 32, 7)]
for before, width, repeats in ((32, 32, 3), (32, 64, 4), (64, 128, 3), (128, 256, 3), (256, 256, 1)):
    for repeat in range(repeats):
        SHAPES += [(width if repeat else before, width, 3), (width, width, 3)]


def integer(value: int) -> bytes:
    digits = abs(value).to_bytes(8, "little").rstrip(b"\0") or b"\0"
    return bytes([len(digits) | (0x80 if value < 0 else 0)]) + digits


def record(name: bytes, values: Values, *, before: tuple[int, ...] = ()) -> bytes:
    numbers = (*before, 2, len(values), 1, 1, 1)
    # What follows a layer's parameters is skipped, whatever it is.
    return name + b"".join(map(integer, numbers)) + values.astype("<f4").tobytes() + b"\x01\x00 of training"


def parameters(seed: int = 0) -> list[tuple[Values, Values, Values, Values]]:
    rng = np.random.default_rng(seed)
    made = []
    for inputs, outputs, side in SHAPES:
        filters = rng.normal(0, (2 / (inputs * side * side)) ** 0.5, (outputs, inputs, side, side))
        rest = (rng.normal(0, 0.1, outputs), rng.uniform(0.5, 1, outputs), rng.normal(0, 0.1, outputs))
        made.append(tuple(each.astype(np.float32) for each in (filters, *rest)))
    return made  # type: ignore[return-value]


def file_of(layers: list[tuple[Values, Values, Values, Values]], last: Values) -> bytes:
    parts = [b"\x01\x0dloss_metric_2\x03\x0a\xd7\xa3"]
    for filters, bias, gamma, beta in layers:
        parts.append(record(CONVOLUTION, np.concatenate([filters.ravel(), bias])))
        parts.append(record(AFFINE, np.concatenate([gamma, beta])))
    parts.append(record(OUTPUT, last.ravel(), before=(128, 256)))
    return b"".join(parts)


def last_layer() -> Values:
    return np.random.default_rng(9).normal(size=(256, 128)).astype(np.float32)


def test_every_layer_is_convolved_scaled_and_shifted_as_written() -> None:
    layers, last = parameters(), last_layer()
    network = read_network(file_of(layers, last))
    crops = torch.randint(0, 256, (2, 3, 150, 150), generator=torch.Generator().manual_seed(1)).float()
    expected = plainly(crops, layers, last)
    torch.testing.assert_close(network(crops), expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def plainly(
    crops: torch.Tensor, layers: list[tuple[Values, Values, Values, Values]], last: Values
) -> torch.Tensor:
    """The published layers one by one: convolution, then affine, then what came in."""

    def layer(number: int, hidden: torch.Tensor, stride: int, padding: int) -> torch.Tensor:
        filters, bias, gamma, beta = (torch.from_numpy(each) for each in layers[number])
        found = torch.conv2d(hidden, filters, bias, stride, padding)
        return found * gamma[:, None, None] + beta[:, None, None]

    mean = torch.tensor([122.782, 117.001, 104.298])[:, None, None]
    hidden = torch.max_pool2d(layer(0, (crops - mean) / 256, 2, 0).relu(), 3, 2)
    number = 1
    for level, repeats in enumerate((3, 4, 3, 3, 1)):
        for repeat in range(repeats):
            halves = level > 0 and repeat == 0
            found = layer(number, hidden, *((2, 0) if halves else (1, 1))).relu()
            found = layer(number + 1, found, 1, 1)
            number += 2
            kept = torch.nn.functional.avg_pool2d(hidden, 2) if halves else hidden
            sides = [max(sizes) for sizes in zip(kept.shape, found.shape, strict=True)]
            hidden = torch.zeros(sides)
            for part in (kept, found):
                hidden[:, : part.shape[1], : part.shape[2], : part.shape[3]] += part
            hidden = hidden.relu()
    return hidden.mean(dim=(2, 3)) @ torch.from_numpy(last)


def test_parameters_that_look_like_the_name_of_a_layer_are_skipped() -> None:
    layers, last = parameters(), last_layer()
    name = np.frombuffer(CONVOLUTION + b"\0", "<f4")
    layers[0][0].ravel()[10 : 10 + len(name)] = name
    network = read_network(file_of(layers, last))
    assert network.output.weight.shape == (128, 256)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no further layer con_4"),
        (b"not a network", "no further layer con_4"),
        (CONVOLUTION, "ends within a number"),
        (record(CONVOLUTION, np.zeros(9, np.float32)), "9 parameters"),
        (file_of(parameters(), last_layer())[:-600], "ends within a layer fc_2"),
        (file_of(parameters()[:5], last_layer()), "no further layer con_4"),
        (CONVOLUTION + b"".join(map(integer, (2, -1, 1, 1, 1))), "ends within a layer con_4"),
    ],
)
def test_what_is_no_such_file_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_network(content)


def test_it_has_29_layers() -> None:
    """28 and the first, as its author counts them, beside the last matrix."""
    convolutions = [each for each in DlibNetwork().modules() if isinstance(each, torch.nn.Conv2d)]
    assert len(convolutions) == len(SHAPES) == 29
