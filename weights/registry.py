"""The weights by name: lookup in the catalogue, with near names when a name is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from weights.catalogue import CATALOGUE
from weights.errors import UnknownWeightsError
from weights.spec import WeightSpec

__all__ = ["DEFAULT", "Registry", "WeightSpec", "get", "names"]


class Registry:
    """A set of weight records; ValueError for a name taken twice or a raw weight not registered before."""

    def __init__(self, specs: Iterable[WeightSpec]) -> None:
        self._specs: dict[str, WeightSpec] = {}
        for spec in specs:
            if spec.name in self._specs:
                raise ValueError(f"the weight {spec.name} is registered twice")
            unknown = [raw for raw in spec.raw_names if raw not in self._specs]
            if unknown:
                raise ValueError(f"{spec.name}: its raw weight {unknown[0]} must be registered before it")
            self._specs[spec.name] = spec

    def get(self, name: str) -> WeightSpec:
        """The record of `name`. Raises UnknownWeightsError, which lists the nearest names."""
        if name in self._specs:
            return self._specs[name]
        near = difflib.get_close_matches(name, self._specs, n=3, cutoff=0.4)
        hint = f"near names: {', '.join(near)}" if near else "`forensics weights list` shows all"
        raise UnknownWeightsError(f"no weight is named {name!r}; {hint}")

    def names(self) -> tuple[str, ...]:
        return tuple(self._specs)


DEFAULT = Registry(CATALOGUE)


def get(name: str) -> WeightSpec:
    """The record of `name` in the project's catalogue. Raises UnknownWeightsError."""
    return DEFAULT.get(name)


def names() -> tuple[str, ...]:
    """The names of all weights, raw ones before what is converted from them."""
    return DEFAULT.names()
