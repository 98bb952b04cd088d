"""The store of weight files: fetch, check, read. Nothing is parsed before its digest is right."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weights.cache import CacheFolder, default_cache_dir
from weights.convert.layout import check_whole
from weights.digests import DigestMemory
from weights.errors import CorruptWeightsError, MissingWeightsError, SourceError, WeightsError
from weights.intake import Intake, weight_file
from weights.planning import is_fetchable, plan, remedy, told_once
from weights.registry import DEFAULT, Registry
from weights.results import Pin, PlannedFetch, Verification, WeightFile
from weights.sources import UNKNOWN_SIZE_LIMIT_BYTES, Converted, Source, Starter
from weights.spec import WeightSpec
from weights.streams import Progress, no_progress

if TYPE_CHECKING:
    import torch

LOGGER = logging.getLogger(__name__)


class Store:
    """The weight files of one cache folder: `cache_dir`, else FORENSICS_CACHE, else the user's cache folder.

    With `offline` no socket is opened, whatever the sources are.
    """

    def __init__(
        self, cache_dir: Path | None = None, *, offline: bool = False, registry: Registry = DEFAULT
    ) -> None:
        self.cache_dir = cache_dir if cache_dir is not None else default_cache_dir()
        self._cache = CacheFolder(self.cache_dir)
        self.offline = offline
        self.registry = registry
        self._intake = Intake(registry, self._cache)
        self._digests = DigestMemory()

    def fetch(
        self, name: str, *, progress: Progress = no_progress, replace_damaged: bool = False
    ) -> WeightFile:
        """The weight file `name`, from the cache or else from the first of its sources that delivers it.

        Safe to call from many processes at once: one of them downloads. A damaged cached file is refused,
        unless `replace_damaged`, which fetches it again. Raises UnknownWeightsError, MissingWeightsError
        (with what every source answered), CorruptWeightsError.
        """
        spec = self.registry.get(name)
        if (found := self._usable(spec, replace_damaged)) is not None:
            return found
        with self._cache.locked(spec):
            if (found := self._usable(spec, replace_damaged)) is not None:
                return found
            return self._fetch_from_sources(spec, progress, replace_damaged)

    def fetch_all(self, names: Sequence[str], *, progress: Progress = no_progress) -> tuple[WeightFile, ...]:
        """The weight files `names`, in that order, as `fetch` gives them.

        Goes on to the others where one is missing, and then raises one MissingWeightsError for all of them.
        """
        files: list[WeightFile] = []
        missing: dict[str, MissingWeightsError] = {}
        for name in names:
            try:
                files.append(self.fetch(name, progress=progress))
            except MissingWeightsError as error:
                missing[name] = error
        if len(missing) == 1:
            raise next(iter(missing.values()))
        if missing:
            answers = tuple(answer for error in missing.values() for answer in error.answers)
            raise MissingWeightsError(
                f"{len(missing)} weights are not here, and no source delivered them: {', '.join(missing)} "
                f"({told_once(answers)}); {remedy(self.registry, tuple(missing))}",
                cause=told_once(answers),
                answers=answers,
            )
        return tuple(files)

    def tensors(self, name: str) -> dict[str, torch.Tensor]:
        """The tensors of the safetensors weight `name`, on the CPU, after its digest was checked."""
        from safetensors.torch import load_file

        weight = self.fetch(name)
        if weight.path.suffix != ".safetensors":
            raise WeightsError(f"{weight.path}: only safetensors files hold tensors that are read directly")
        try:
            check_whole(weight.path)
        except CorruptWeightsError as error:
            raise CorruptWeightsError(
                f"{weight.path}: {error.cause}; `forensics weights import {name} FILE` with the right file"
            ) from error
        return load_file(weight.path)

    def present(self, name: str) -> WeightFile | None:
        """The weight file `name` if it is here, its digest checked again; opens no socket.

        Raises CorruptWeightsError when it is here but not what it must be.
        """
        spec = self.registry.get(name)
        for source in spec.sources:
            if isinstance(source, Starter) and source.path().is_file():
                return self._starter(spec, source)
        path = self._cache.path(spec)
        if not path.is_file():
            return None
        found, record = self._digests.sha256_of(path), self._intake.record(spec)
        expected = spec.sha256 or (record.sha256 if record else None)
        if expected is None:
            raise CorruptWeightsError(
                f"{path}: nothing tells where this file came from; "
                f"`forensics weights fetch {name}` replaces it"
            )
        if found != expected:
            again = (
                f"`forensics weights fetch {name}` gets it again"
                if is_fetchable(self.registry, name) or spec.raw_names
                else f"`forensics weights import {name} FILE` takes it in again"
            )
            raise CorruptWeightsError(
                f"{path}: has the sha256 {found}, expected {expected}; it is damaged or was replaced: {again}"
            )
        return weight_file(spec, path, found, record.source if record else "found in the cache")

    def import_file(self, name: str, path: Path, *, origin: str | None = None) -> WeightFile:
        """Take the user's file at `path` into the cache as `name`, converting it first where `name` needs it.

        `origin` replaces "imported by the user" as the source that reports name. Raises CorruptWeightsError
        when it is another file than the registered one.
        """
        return self._intake.import_file(name, path, origin=origin)

    def verify(self) -> list[Verification]:
        """Hash every weight file that is here and compare, whatever was found before."""
        self._digests = DigestMemory()
        results = []
        for name in self.registry.names():
            try:
                weight = self.present(name)
            except CorruptWeightsError as error:
                path = self._cache.path(self.registry.get(name))
                results.append(Verification(name, path, False, str(error)))
                continue
            if weight is not None:
                detail = f"sha256 {weight.sha256}, pinned by {_PIN_WORDS[weight.pinned]}"
                results.append(Verification(name, weight.path, True, detail))
        return results

    def plan(self, names: Sequence[str]) -> list[PlannedFetch]:
        """What fetching `names` would need, raw weights before those converted from them; fetches nothing."""
        return plan(self.registry, names, is_present=self._is_present)

    def fetchable(self) -> list[str]:
        """The weights that are here or need no file from the user, in the order of the registry."""
        names = self.registry.names()
        return [
            name
            for name in names
            if self._is_present(self.registry.get(name)) or is_fetchable(self.registry, name)
        ]

    def _is_present(self, spec: WeightSpec) -> bool:
        """Whether the file lies where it should, without hashing it."""
        starters = (source.path() for source in spec.sources if isinstance(source, Starter))
        return self._cache.path(spec).is_file() or any(path.is_file() for path in starters)

    def _usable(self, spec: WeightSpec, replace_damaged: bool) -> WeightFile | None:
        try:
            return self.present(spec.name)
        except CorruptWeightsError as error:
            if not replace_damaged:
                raise
            LOGGER.warning("fetching again: %s", error)
            return None

    def _fetch_from_sources(self, spec: WeightSpec, progress: Progress, replace_damaged: bool) -> WeightFile:
        """Try the sources in order, under the lock."""
        failures: list[WeightsError] = []
        told: list[str] = []
        answers: list[str] = []
        for source in spec.sources:
            with self._cache.part(spec) as part:
                try:
                    if isinstance(source, Converted):
                        raw = self.fetch(source.weights, progress=progress, replace_damaged=replace_damaged)
                        self._intake.convert(spec, raw.path, raw.sha256, part)
                    else:
                        self._deliver(spec, source, part, progress)
                    return self._intake.admit(spec, part, source.describe())
                except WeightsError as error:
                    LOGGER.debug("%s: %s: %s", spec.name, source.describe(), error)
                    failures.append(error)
                    told.append(f"{source.describe()}: {error.cause}")
                    answers += error.answers
        refused = any(isinstance(failure, CorruptWeightsError) for failure in failures)
        cause = "; ".join(told)
        raise (CorruptWeightsError if refused else MissingWeightsError)(
            f"{spec.name}: not here, and no source delivered {spec.file} ({cause}); "
            f"{remedy(self.registry, [spec.name])}",
            cause=cause,
            answers=answers,
        )

    def _deliver(self, spec: WeightSpec, source: Source, part: Path, progress: Progress) -> None:
        if source.needs_network and self.offline:
            raise SourceError("not asked while offline")
        LOGGER.info("fetching %s from %s (licence %s)", spec.name, source.describe(), spec.licence)
        limit = spec.size_bytes if spec.size_bytes is not None else UNKNOWN_SIZE_LIMIT_BYTES
        source.deliver(part, limit_bytes=limit, progress=progress)

    def _starter(self, spec: WeightSpec, source: Starter) -> WeightFile:
        found = self._digests.sha256_of(source.path())
        if found != spec.sha256:
            raise CorruptWeightsError(
                f"{source.path()}: has the sha256 {found}, registered is {spec.sha256}; "
                "install the package again"
            )
        return weight_file(spec, source.path(), found, source.describe())


_PIN_WORDS: dict[Pin, str] = {"sha256": "the registry", "first use": "this cache's first use"}
