"""Offers changed and hostile weight files: whether any is taken, and whether anything in one runs.

`python -m tests.figures.hostile_weights --count N` flips N single bits in a file of every registered weight,
one at a time, and reads every hostile pickle of the tests with every reader of pickles there is.
"""

from __future__ import annotations

import os
import random
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from test_weights_pickles import HOSTILE, HOSTILE_HEADS, MARKER_VARIABLE
from weights_local import digest, registry

from weights.convert.repdfd import convert as convert_repdfd
from weights.convert.sklearn_heads import convert as convert_head
from weights.convert.torch_state import convert as convert_state
from weights.errors import CorruptWeightsError
from weights.registry import DEFAULT
from weights.sources import Imported
from weights.spec import WeightSpec
from weights.store import Store

FILE_BYTES = 4096
# By what a file is opened as.
READERS: Mapping[str, Callable[[Path], Any]] = {
    "head": convert_head,
    "state": convert_state,
    "repdfd": convert_repdfd,
}


@dataclass(frozen=True)
class Tried:
    """How many files were offered, of which kinds, and how many of them were refused."""

    kinds: Mapping[str, int]
    offered: int
    refused: int
    executed: int = 0


def flip_bits(folder: Path, count: int, *, seed: int = 0) -> Tried:
    """Change one bit of a cached file, `count` times for each weight of the catalogue.

    The files are random bytes under the catalogue's names, with digests of their own, half of them registered
    and half seen at first use: what is refused must be so before anything parses it.
    """
    choose = random.Random(seed)
    kinds: Counter[str] = Counter()
    offered = refused = 0
    for number, name in enumerate(DEFAULT.names()):
        content = choose.randbytes(FILE_BYTES)
        known = number % 2 == 0 or Path(DEFAULT.get(name).file).suffix == ".safetensors"
        spec = _brought(DEFAULT.get(name), digest(content) if known else None)
        source = folder / "source"
        source.write_bytes(content)
        store = Store(folder / "cache", offline=True, registry=registry(spec))
        path = store.import_file(name, source).path
        for _ in range(count):
            path.write_bytes(_flipped(content, choose.randrange(8 * FILE_BYTES)))
            offered += 1
            kinds[path.suffix] += 1
            with suppress(CorruptWeightsError):
                store.fetch(name)
                continue
            refused += 1
        path.write_bytes(content)
        assert store.fetch(name).sha256 == digest(content), "the right bytes must be taken again"
    return Tried(kinds, offered, refused)


def _brought(spec: WeightSpec, sha256: str | None) -> WeightSpec:
    return replace(
        spec, sha256=sha256, sources=(Imported("its authors"),), converter=None, size_bytes=None, tensors=()
    )


def _flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def read_hostile(folder: Path) -> Tried:
    """Give every hostile pickle to every reader, plain and inside an archive."""
    marker = folder / "executed"
    os.environ[MARKER_VARIABLE] = str(marker)
    kinds: Counter[str] = Counter()
    offered = refused = executed = 0
    for name, content in {**HOSTILE, **HOSTILE_HEADS}.items():
        for path in _files(folder, content()):
            for kind, read in READERS.items():
                offered += 1
                kinds[kind] += 1
                with suppress(CorruptWeightsError):
                    read(path)
                    click.echo(f"{name}: taken by {kind}", err=True)
                    continue
                refused += 1
        executed += marker.exists()
        marker.unlink(missing_ok=True)
    return Tried(kinds, offered, refused, executed)


def _files(folder: Path, content: bytes) -> Iterator[Path]:
    plain, archive = folder / "hostile.pkl", folder / "hostile.pth"
    plain.write_bytes(content)
    yield plain
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("archive/data.pkl", content)
    yield archive


@click.command()
@click.option("--count", default=100, show_default=True, help="Bits for each registered weight.")
def main(count: int) -> None:
    """Print what was offered and what became of it."""
    with tempfile.TemporaryDirectory() as name:
        bits = flip_bits(Path(name), count)
        pickles = read_hostile(Path(name))
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(bits.kinds.items()))
    click.echo(f"{bits.offered} files with one bit changed ({kinds}): {bits.refused} refused")
    many = len(HOSTILE) + len(HOSTILE_HEADS)
    click.echo(
        f"{many} hostile pickles, read {pickles.offered} times: {pickles.refused} refused, "
        f"{pickles.executed} executed"
    )


if __name__ == "__main__":
    main()
