"""Turns face records into a feature cache, in one process or several; a killed extraction goes on."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import torch

from forensics.data.cache import CacheSpec, load_shard, read_spec, save_shard, shard_paths, write_spec
from forensics.data.faces import DatasetError, FaceRecord
from forensics.data.samples import SampleSettings
from forensics.data.shards import Work
from forensics.data.tools import Tools
from forensics.progress import Progress, no_progress

log = logging.getLogger(__name__)

# Enough faces for a varied choice of donors; a kill loses at most one shard's work of each process.
RECORDS_IN_SHARD = 256
_LOOK_EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class Account:
    """What became of the records: `failed` are sentences naming a file and why it gave no face, `unreadable`
    how many of them could not be read."""

    samples: int
    failed: tuple[str, ...]
    unreadable: int


def material_sha256(records: Sequence[FaceRecord]) -> str:
    """Digest of which files are listed and how they are labelled and split; contents are not read."""
    digest = hashlib.sha256()
    for record in records:
        values = [record.path.name, record.label.value, record.split.value, record.method, record.identity]
        # The same videos at another compression have the same names.
        values += [record.compression] if record.compression else []
        digest.update("\t".join(values).encode() + b"\n")
    return digest.hexdigest()


def extract(
    records: Sequence[FaceRecord],
    out: Path,
    *,
    make_tools: Callable[[], Tools],
    spec: CacheSpec,
    settings: SampleSettings,
    records_in_shard: int = RECORDS_IN_SHARD,
    jobs: int = 1,
    max_unreadable: int | None = None,
    progress: Progress = no_progress,
) -> Account:
    """Write the cache of `records` into the folder `out`; shards that are there already are kept.

    Equal arguments give equal shards, by however many `jobs`: processes that call `make_tools`, which can
    then be pickled, once each and share the processor's threads. (The threads decide the last bits of
    features.) Records that fail are logged and returned, those of earlier runs too. `progress` counts shards.
    Raises `CacheMismatchError` if `out` holds a cache of another spec, `DatasetError` if no record gave a
    face or more than `max_unreadable` cannot be read, OutputError where `out` cannot be written.
    """
    write_spec(out, spec)
    work = Work(tuple(records), out, spec.crop, settings, records_in_shard, spec.masks, max_unreadable)
    work.refuse_too_many_unreadable()
    if jobs == 1:
        for shard in range(work.shards):
            work.make([shard], make_tools)
            progress(shard + 1, work.shards)
    else:
        _make_in_processes(work, make_tools, min(jobs, work.shards), progress)
    accounts = work.accounts()
    failures = [failure for account in accounts for failure in account.failures]
    for failure in failures:
        log.warning("%s", failure.sentence)
    samples = sum(account.samples for account in accounts)
    if samples == 0:
        raise DatasetError(f"{out}: no record gave a face")
    sentences = tuple(failure.sentence for failure in failures)
    return Account(samples, sentences, sum(failure.unreadable for failure in failures))


def _make_in_processes(work: Work, make_tools: Callable[[], Tools], jobs: int, progress: Progress) -> None:
    """Each process makes every `jobs`-th shard. The first fault of any is raised when all have ended."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    # A forked process would inherit the threads' locks of torch, and no GPU.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting: set[Future[None]] = {
            pool.submit(_make_share, work, range(first, work.shards, jobs), make_tools, threads)
            for first in range(jobs)
        }
        while waiting:
            done, waiting = wait(waiting, timeout=_LOOK_EVERY_SECONDS)
            for each in done:
                each.result()
            progress(len(work.accounts()), work.shards)


def _make_share(work: Work, shards: Sequence[int], make_tools: Callable[[], Tools], threads: int) -> None:
    torch.set_num_threads(threads)
    work.make(shards, make_tools)


def reembed(
    folder: Path, embed: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], *, embedder: str
) -> None:
    """Compute the identities of a cache anew from its crops [N,3,S,S] uint8 and the landmarks [N,5,2] in
    them: enough for trying other encoders, a little softer than `extract`, which sees the full picture.

    The cache names the new `embedder` only when the last shard is done: a killed run is run again.
    """
    spec = read_spec(folder)
    write_spec(folder, replace(spec, embedder=""), overwrite=True)
    for path in shard_paths(folder):
        shard = load_shard(path)
        embeddings = embed(torch.from_numpy(shard.crops), torch.from_numpy(shard.landmarks))
        save_shard(replace(shard, embeddings=embeddings.float().cpu().numpy()), path)
    write_spec(folder, replace(spec, embedder=embedder), overwrite=True)
