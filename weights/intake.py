"""Taking weight files into a cache folder: conversion, the check of their digest, the user's own files."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from weights.cache import CacheFolder
from weights.convert.layout import check_whole
from weights.convert.run import run_converter
from weights.errors import CorruptWeightsError, MissingWeightsError
from weights.planning import how_to_forget, right_file
from weights.records import Record, read_record, write_record
from weights.registry import Registry
from weights.results import Pin, WeightFile
from weights.spec import WeightSpec
from weights.streams import sha256_of

LOGGER = logging.getLogger(__name__)


class Intake:
    """The way into one cache folder: no file gets there whose digest is not the one it must have."""

    def __init__(self, registry: Registry, cache: CacheFolder) -> None:
        self._registry = registry
        self._cache = cache

    def import_file(self, name: str, path: Path, *, origin: str | None = None) -> WeightFile:
        """See `Store.import_file`."""
        spec = self._registry.get(name)
        if not path.is_file():
            what = "a folder, where a file must be" if path.is_dir() else "no such file"
            raise MissingWeightsError(f"{path}: {what}; nothing was imported as {name}")
        source = origin or f"imported by the user ({path.name})"
        try:
            if spec.raw_names and not self._is_final(spec, path):
                return self._import_raw(spec, path, source)
            with self._cache.locked(spec), self._cache.part(spec) as part:
                shutil.copyfile(path, part)
                self._check_convertible(spec, part)
                return self.admit(spec, part, source)
        except CorruptWeightsError as error:
            raise CorruptWeightsError(
                f"{path}: cannot be imported as {name} ({error.cause}); the right file: "
                f"{right_file(self._registry, spec)}",
                cause=error.cause,
            ) from error

    def _import_raw(self, spec: WeightSpec, path: Path, source: str) -> WeightFile:
        """Import the raw file of a converted weight; it is kept and pinned only if it could be converted."""
        raw = self._registry.get(spec.raw_names[0])
        with (
            self._cache.locked(spec),
            self._cache.locked(raw),
            self._cache.part(spec) as part,
            self._cache.part(raw) as raw_part,
        ):
            shutil.copyfile(path, raw_part)
            digest = self._checked_digest(raw, raw_part)
            self.convert(spec, raw_part, digest, part)
            converted = self.admit(spec, part, f"converted from {raw.name}, {source}")
            self.admit(raw, raw_part, source)
            return converted

    def _check_convertible(self, raw: WeightSpec, part: Path) -> None:
        """Convert a raw file on trial where no digest is registered: pinned at first use, it would stay."""
        for name in self._registry.names():
            spec = self._registry.get(name)
            if raw.sha256 is not None or raw.name not in spec.raw_names:
                continue
            trial = part.with_name(f"{part.name}.trial")
            try:
                self.convert(spec, part, sha256_of(part), trial)
                check_whole(trial, spec.tensors)
            finally:
                trial.unlink(missing_ok=True)

    def convert(self, spec: WeightSpec, raw: Path, raw_sha256: str, part: Path) -> None:
        """Write the weight `spec` to `part`, converted from `raw`. Raises WeightsError."""
        assert spec.converter is not None, "WeightSpec checks that a Converted source has a converter"
        LOGGER.info("converting %s to %s", raw.name, spec.file)
        run_converter(spec.converter, raw, part, source_sha256=raw_sha256)

    def admit(self, spec: WeightSpec, part: Path, source: str) -> WeightFile:
        """Check the digest of the still unparsed file `part` and move it to its place."""
        found, path = self._checked_digest(spec, part), self._cache.path(spec)
        if spec.sha256 is None and path.suffix == ".safetensors":
            # Half a file or that of another network must not become what this cache expects ever after.
            check_whole(part, spec.tensors)
        # The pin is written before the file: a crash in between leaves a pin that the next fetch must meet.
        write_record(path.parent, Record(found, source))
        os.replace(part, path)
        if not spec.commercial_use:
            LOGGER.warning("%s: its licence forbids commercial use (%s)", spec.name, spec.licence)
        return weight_file(spec, path, found, source)

    def _checked_digest(self, spec: WeightSpec, part: Path) -> str:
        """The digest of `part`; CorruptWeightsError when it is not the registered or the first seen one."""
        found = sha256_of(part)
        record = self.record(spec)
        expected = spec.sha256 or (record.sha256 if record else None)
        if expected is not None and found != expected:
            forget = how_to_forget(self._registry, spec, self._cache)
            pin = "registered" if spec.sha256 else f"seen here at first use ({forget})"
            raise CorruptWeightsError(f"refused: the sha256 is {found}, {pin} is {expected}")
        return found

    def record(self, spec: WeightSpec) -> Record | None:
        """What the cache noted at first use; where a digest is registered nothing depends on it."""
        try:
            return read_record(self._cache.path(spec).parent)
        except CorruptWeightsError as error:
            if spec.sha256 is None:
                raise
            LOGGER.warning("not needed, the sha256 is registered: %s", error)
            return None

    def _is_final(self, spec: WeightSpec, path: Path) -> bool:
        """Whether the user's file is already the converted one, by its digest or else by its name."""
        if spec.sha256 is not None:
            return sha256_of(path) == spec.sha256
        return path.suffix == ".safetensors"


def weight_file(spec: WeightSpec, path: Path, sha256: str, source: str) -> WeightFile:
    """The weight `spec` at `path`, whose digest was just found to be right."""
    pinned: Pin = "sha256" if spec.sha256 is not None else "first use"
    return WeightFile(spec.name, path, sha256, spec.licence, spec.commercial_use, pinned, source)
