"""MesoNet's published Keras weights: from HDF5 to named float32 tensors in torch's layout, nothing executed.

Source of the format: `classifiers.py` and `weights/` of github DariusAf/MesoNet (Afchar et al., WIFS 2018),
saved by Keras 2.1.5. Keras calls a layer's group after its kind and a number in order of creation, which is
the order of the code, and starts anywhere: `conv2d_5` may be the first convolution.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import h5py
import numpy as np

from weights.convert.layout import Array
from weights.errors import CorruptWeightsError

Shape = tuple[int, ...]

ARRAY_PATTERN = re.compile(
    r"(?P<kind>conv2d|batch_normalization|dense)_(?P<number>\d{1,6})"
    r"/(?P=kind)_(?P=number)/(?P<array>kernel|bias|gamma|beta|moving_mean|moving_variance):0"
)
KINDS = {"conv2d": "conv", "batch_normalization": "norm", "dense": "dense"}
ARRAYS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def _inception(inputs: int, widths: tuple[int, int, int, int]) -> tuple[Shape, ...]:
    """Keras kernels [height,width,in,out] of an inception layer, in the order of the code."""
    a, b, c, d = widths
    rest = (kernel for width in (b, c, d) for kernel in ((1, 1, inputs, width), (3, 3, width, width)))
    return ((1, 1, inputs, a), *rest)


def _shapes(kernels: tuple[Shape, ...], norms: tuple[int, ...]) -> dict[str, Shape]:
    """The shapes in the file of a whole network of 256 px input, by the names of `convert`."""
    kernels_of = {"conv": kernels, "dense": ((1024, 16), (16, 1))}
    shapes: dict[str, Shape] = {}
    for kind, those in kernels_of.items():
        for number, kernel in enumerate(those):
            shapes |= {f"{kind}.{number}.weight": kernel, f"{kind}.{number}.bias": kernel[-1:]}
    for number, width in enumerate(norms):
        names = ("weight", "bias", "running_mean", "running_var")
        shapes |= dict.fromkeys((f"norm.{number}.{name}" for name in names), (width,))
    return shapes


# Meso4 and MesoInception4, by their number of convolutions.
NETWORKS = {
    4: _shapes(((3, 3, 3, 8), (5, 5, 8, 8), (5, 5, 8, 16), (5, 5, 16, 16)), (8, 8, 16, 16)),
    16: _shapes(
        (*_inception(3, (1, 4, 4, 2)), *_inception(11, (2, 4, 4, 2)), (5, 5, 12, 16), (5, 5, 16, 16)),
        (11, 12, 16, 16),
    ),
}


def convert(source: Path) -> dict[str, Array]:
    """The tensors of Meso4 or MesoInception4, which of the two shows in the number of convolutions.

    `conv.K.weight` [out,in,height,width], `dense.K.weight` [out,in], `norm.K.weight`, `running_mean` and
    `running_var` [channels], and every `bias`; K counts from 0 in the order of the published code. All are
    float32. The first dense layer keeps the published order of its inputs, channels last. Raises
    CorruptWeightsError for a file that is not HDF5 or holds anything else than one of the two networks.
    """
    try:
        with h5py.File(source, "r") as file:
            return _network(source, _found(source, file))
    # What h5py raises for files and records that are damaged.
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise _refused(source, f"not a readable HDF5 file ({_first_line(error)})") from error


def _found(source: Path, file: h5py.File) -> dict[str, h5py.Dataset]:
    """The arrays of the file by the names of `convert`; links out of it are not followed."""
    found: dict[tuple[str, int, str], h5py.Dataset] = {}

    def visit(path: str, item: h5py.Group | h5py.Dataset) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        match = ARRAY_PATTERN.fullmatch(path)
        if match is None:
            raise _refused(source, f"an unexpected array {path!r}")
        # Anything but plain bytes inside this file could name other files, or filters that are loaded to run.
        if item.chunks is not None or item.external or item.is_virtual or item.dtype.str != "<f4":
            raise _refused(source, f"{path} is not an array of float32 stored plainly in the file")
        found[match["kind"], int(match["number"]), match["array"]] = item

    file.visititems(visit)
    order = {kind: sorted({number for each, number, _ in found if each == kind}) for kind in KINDS}
    return {
        f"{KINDS[kind]}.{order[kind].index(number)}.{ARRAYS[array]}": item
        for (kind, number, array), item in found.items()
    }


def _network(source: Path, found: dict[str, h5py.Dataset]) -> dict[str, Array]:
    layers = Counter(name.partition(".")[0] for name in found if name.endswith(".weight"))
    expected = NETWORKS.get(layers["conv"])
    if expected is None:
        raise _refused(source, f"{layers['conv']} convolutions, where Meso4 has 4 and MesoInception4 has 16")
    if missing := sorted(expected.keys() - found.keys()):
        raise _refused(source, f"no {', '.join(missing)}")
    if extra := sorted(found.keys() - expected.keys()):
        raise _refused(source, f"arrays too many: {', '.join(extra)}")
    for name, shape in expected.items():
        if found[name].shape != shape:
            raise _refused(source, f"{name} is {list(found[name].shape)}, expected {list(shape)}")
    arrays = {name: np.asarray(item[()]) for name, item in found.items()}
    if broken := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
        raise _refused(source, f"{broken[0]} holds values that are not finite")
    return {name: _in_torch(array) for name, array in arrays.items()}


def _in_torch(array: Array) -> Array:
    """Keras keeps kernels as [height,width,in,out] and [in,out], torch outputs first."""
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def _refused(source: Path, reason: str) -> CorruptWeightsError:
    cause = f"not MesoNet's Keras weights: {reason}"
    return CorruptWeightsError(f"{source}: {cause}", cause=cause)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
