"""The exceptions of the `face` package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


class FaceError(Exception):
    """A face component could not do its work. The message says what to do about it in one line."""


def check_paths(user: str, weights: Sequence[str], model_paths: Mapping[str, Path]) -> None:
    """Raise FaceError unless `model_paths` gives an existing file for each of the `weights` of `user`."""
    for weight in weights:
        if weight not in model_paths:
            raise FaceError(f"{user} needs the weight {weight}: forensics weights fetch {weight}")
        if not model_paths[weight].is_file():
            raise FaceError(f"{model_paths[weight]}: no such file; forensics weights fetch {weight}")
