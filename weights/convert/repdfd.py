"""The official RepDFD checkpoint: its border and its pseudo-word map; the optimiser's state is dropped.

Source of the format: the released `Deepfakes_best.pth` of github KQL11/RepDFD (Lin et al., AAAI 2025).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from weights.convert.layout import Array
from weights.convert.pickles import RefusedPickleError
from weights.convert.torch_checkpoint import read_checkpoint

# Where the checkpoint keeps the two tensors that scoring needs.
BORDER = ("perturb_dict", "delta")
WORD_MAP = ("face_random_proj_dict", "weight")
DELTA_SHAPE = (3, 224, 224)


def convert(source: Path) -> dict[str, Array]:
    """`delta` [3,224,224] and `map` [width, embedding] ([768,512] for ViT-L/14 and TransFace), both float32.

    Both are taken as they are: the released border is 0 inside the centred 156 px square and has 77,520
    values outside it. Raises RefusedPickleError for a checkpoint of another form or shape.
    """
    checkpoint = read_checkpoint(source)
    delta = checkpoint.array(_entry(checkpoint.content, *BORDER))
    word_map = checkpoint.array(_entry(checkpoint.content, *WORD_MAP))
    if delta.dtype != np.float32 or delta.shape != DELTA_SHAPE:
        raise RefusedPickleError(f"a border {delta.dtype} {delta.shape}, expected float32 [3,224,224]")
    if word_map.dtype != np.float32 or word_map.ndim != 2:
        raise RefusedPickleError(
            f"a map {word_map.dtype} {word_map.shape}, expected float32 [width, embedding]"
        )
    return {"delta": delta, "map": word_map}


def _entry(content: Any, group: str, name: str) -> Any:
    found = content.get(group) if isinstance(content, dict) else None
    if not isinstance(found, dict) or name not in found:
        raise RefusedPickleError(f"not a RepDFD checkpoint: no {group}[{name!r}]")
    return found[name]
