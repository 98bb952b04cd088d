"""Lets several processes fetch one weight into one empty cache at once: how often it is downloaded.

`python -m tests.figures.shared_cache --count N` repeats it with a new cache each time.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import click
from weights_local import CONTENT, digest, local_server, registry, spec

from weights.sources import Url
from weights.store import Store

PROCESSES = 8


@dataclass(frozen=True)
class Shared:
    """What the server was asked, what each process got, and what lies in the cache afterwards."""

    requests: tuple[str, ...]
    sha256: tuple[str, ...]
    files: frozenset[str]

    @property
    def sound(self) -> bool:
        """One download, the right bytes for everybody, and nothing left beside them."""
        right = set(self.sha256) == {digest(CONTENT)} and len(self.sha256) == PROCESSES
        return right and self.requests == ("GET /file",) and self.files == {"tiny.bin", "record.json"}


def fetch_together(cache: Path) -> Shared:
    """Eight processes that ask for the same weight at the same moment."""
    spawn = multiprocessing.get_context("spawn")
    with local_server(file=CONTENT) as server, spawn.Manager() as manager, spawn.Pool(PROCESSES) as pool:
        arguments = [(cache, server.url("/file"), manager.Barrier(PROCESSES))] * PROCESSES
        sha256 = pool.starmap(_fetch, arguments, chunksize=1)
    files = frozenset(path.name for path in cache.rglob("*") if path.is_file() and path.name != ".lock")
    return Shared(tuple(server.requests), tuple(sha256), files)


def _fetch(cache: Path, url: str, barrier: Barrier) -> str:
    store = Store(cache, registry=registry(spec("tiny", Url(url))))
    barrier.wait()
    weight = store.fetch("tiny")
    return digest(weight.path.read_bytes())


@click.command()
@click.option("--count", default=10, show_default=True, help="Caches filled one after the other.")
def main(count: int) -> None:
    """Print how many caches were filled by one download and hold the right bytes."""
    sound = 0
    for _ in range(count):
        with tempfile.TemporaryDirectory() as name:
            sound += fetch_together(Path(name)).sound
    click.echo(f"{PROCESSES} processes, one empty cache: one download and no damage in {sound} of {count}")


if __name__ == "__main__":
    main()
