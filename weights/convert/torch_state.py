"""A torch.save file that is a plain state dict of tensors: to safetensors, names and numbers unchanged."""

from __future__ import annotations

from pathlib import Path

from weights.convert.layout import Array
from weights.convert.pickles import RefusedPickleError
from weights.convert.torch_checkpoint import read_checkpoint


def convert(source: Path) -> dict[str, Array]:
    """The tensors of the state dict in `source`. Raises RefusedPickleError when it holds anything else."""
    checkpoint = read_checkpoint(source)
    state = checkpoint.content
    if not isinstance(state, dict) or not state or not all(isinstance(name, str) for name in state):
        raise RefusedPickleError("not a state dict of named tensors")
    return {name: checkpoint.array(value) for name, value in state.items()}
