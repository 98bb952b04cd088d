"""The byte layout of converted weights: safetensors in which the same tensors always give the same bytes.

The digests of converted files are pinned in the registry, so the layout may not depend on the version of a
library: names are sorted, the header is padded with blanks to a multiple of eight, metadata keys are sorted.
The files are ordinary safetensors and are read with the safetensors library.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weights.errors import CorruptWeightsError

Array = NDArray[Any]
# Names of tensors with their shapes; None stands for any size.
TensorShapes = tuple[tuple[str, tuple[int | None, ...]], ...]

# The little-endian types a converted file may hold, with the names safetensors gives them.
DTYPE_NAMES = {"<f4": "F32", "<f8": "F64", "<i8": "I64", "|u1": "U8"}
HEADER_ALIGNMENT_BYTES = 8


def write_safetensors(tensors: Mapping[str, Array], path: Path, *, metadata: Mapping[str, str]) -> None:
    """Write `tensors` to `path` in the fixed layout; raises ValueError for a dtype outside `DTYPE_NAMES`."""
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    contiguous: list[Array] = []
    offset = 0
    for name in sorted(tensors):
        array = np.asarray(tensors[name])
        little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
        if little.dtype.str not in DTYPE_NAMES:
            raise ValueError(f"tensor {name!r} has the dtype {array.dtype}, which the layout does not hold")
        header[name] = {
            "dtype": DTYPE_NAMES[little.dtype.str],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + little.nbytes],
        }
        contiguous.append(little)
        offset += little.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    text += b" " * (-len(text) % HEADER_ALIGNMENT_BYTES)
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)))
        stream.write(text)
        for little in contiguous:
            stream.write(little.tobytes())


def check_whole(path: Path, holds: TensorShapes = ()) -> None:
    """Raise CorruptWeightsError unless `path` is a whole safetensors file that has the tensors `holds`.

    Reads its header only; other tensors beside these are not looked at.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as opened:
            names = opened.keys()
            found = {name: opened.get_slice(name).get_shape() for name in names}
    except SafetensorError as error:
        cause = f"not a whole safetensors file ({error})"
        raise CorruptWeightsError(f"{path}: {cause}", cause=cause) from error
    for name, shape in holds:
        if name not in found:
            cause = f"the file of another network: it has no tensor {name}"
        elif len(found[name]) != len(shape) or any(
            wanted not in (None, size) for wanted, size in zip(shape, found[name], strict=True)
        ):
            cause = f"the file of another network: its {name} is {found[name]}, expected {_shown(shape)}"
        else:
            continue
        raise CorruptWeightsError(f"{path}: {cause}", cause=cause)


def _shown(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join('any' if size is None else str(size) for size in shape)}]"
