"""Loading safetensors state dicts into networks, refusing those of another network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from face.errors import FaceError
from face.onednn import with_onednn_products

Network = TypeVar("Network", bound=torch.nn.Module)

# So many differing names are spelled out in a message; the rest are counted.
_NAMES_IN_MESSAGE = 3


def load_network(
    build: Callable[[], Network],
    path: Path,
    *,
    title: str,
    device: torch.device,
    left_out: tuple[str, ...] = (),
) -> Network:
    """The network that `build` makes, with the tensors of the safetensors file, ready for inference.

    `left_out` names tensors of the published file that the network has no use for. Raises FaceError, which
    calls the network `title`, unless every other name and shape is exactly the network's own.
    """
    try:
        state = load_file(path, device="cpu")
    except (OSError, SafetensorError) as error:
        raise FaceError(f"{path}: not a readable safetensors file ({error}); {_remedy(title)}") from error
    for name in left_out:
        state.pop(name, None)
    # The numbers come from the file alone: the meta device spares the random initialisation.
    with torch.device("meta"):
        network = build()
    wanted = network.state_dict()
    for name, tensor in wanted.items():
        # A counter of training that older files lack; nothing reads it at inference.
        if name.endswith(".num_batches_tracked"):
            state.setdefault(name, torch.zeros(tensor.shape, dtype=tensor.dtype))
    differing = sorted(wanted.keys() ^ state.keys()) or sorted(
        name for name, tensor in wanted.items() if tensor.shape != state[name].shape
    )
    if differing:
        raise FaceError(f"{path}: not the weights of {title}: {_some(differing)} differ; {_remedy(title)}")
    state = {name: tensor.to(wanted[name].dtype) for name, tensor in state.items()}
    network.load_state_dict(state, strict=True, assign=True)
    return with_onednn_products(network.eval().requires_grad_(False).to(device))


def _remedy(title: str) -> str:
    return f"import the published weights of {title} again"


def _some(names: list[str]) -> str:
    more = len(names) - _NAMES_IN_MESSAGE
    return ", ".join(names[:_NAMES_IN_MESSAGE]) + (f" and {more} more names" if more > 0 else "")
