"""The folder of a batch: what lies where, and analyses that appear in it whole or not at all.

    out/index.sqlite          the index (with --shard 2/4: index-2-of-4.sqlite)
    out/index.csv, .html      made from the indexes of all shards; index.parquet too where it is asked for
    out/left_out.csv          what lies in the searched folder and is no video
    out/<sha256>/<key>/       one analysis of the video with that digest: report.html, report.json, ...
    out/.partial*/            analyses under way

The key is a digest of settings, weights and versions (`forensics.batch.work.key_of`): an analysis with other
ones lies beside the first, and neither is ever taken for the other.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forensics.batch.shard import Shard
from forensics.errors import OutputError, UsageFault
from forensics.whole_file import is_unfinished
from video.errors import printable

TABLE, PARQUET, PAGE, LEFT_OUT, LOCK = "index.csv", "index.parquet", "index.html", "left_out.csv", ".lock"
_KNOWN = re.compile(
    r"[0-9a-f]{64}"
    r"|index(-[0-9]+-of-[0-9]+)?\.sqlite(-wal|-shm|-journal)?"
    r"|(index\.csv|index\.parquet|index\.html|left_out\.csv)"
    r"|\.partial(-[0-9]+-of-[0-9]+)?"
    r"|\.lock"
)


def index_path(out: Path, shard: Shard) -> Path:
    """The index of a shard; each has one owner, and so one file."""
    return out / f"index{_of(shard)}.sqlite"


def partial_folder(out: Path, shard: Shard) -> Path:
    """Where the analyses of a shard are until they are whole."""
    return out / f".partial{_of(shard)}"


def analysis_name(sha256: str, key: str) -> str:
    """Where an analysis lies in the folder of its batch, with `/`."""
    return f"{sha256}/{key}"


def check_output(out: Path, source: Path) -> None:
    """Raise UsageFault where one lies in the other, OutputError for a folder of something else."""
    inside, searched = out.resolve(), source.resolve()
    if source.is_dir() and inside.is_relative_to(searched):
        raise UsageFault(
            f"{printable(out)}: lies in {printable(source)}, which is searched; name a folder outside it"
        )
    if searched.is_relative_to(inside):
        # A manifest called index.csv would be written over.
        raise UsageFault(
            f"{printable(source)}: lies in {printable(out)}, which is written to; name another output folder"
        )
    try:
        strange = sorted(path.name for path in out.iterdir() if not _is_known(path))
    except FileNotFoundError:
        return
    except OSError as error:
        raise _cannot_be_written(out, error) from error
    if strange:
        raise OutputError(
            f"{printable(out)}: holds {printable(strange[0])}, which is of no batch; name a new folder"
        )


def prepare_output(out: Path, shard: Shard) -> None:
    """Make the folder, and remove what an earlier run of this shard, killed, has left half-made.

    Only the owner of the shard's index may call this. Raises OutputError.
    """
    partial = partial_folder(out, shard)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_be_written(out, error) from error


@contextmanager
def whole_folder(target: Path, *, partial: Path) -> Iterator[Path]:
    """A folder in `partial` that becomes `target` when the block ends well, and vanishes when it fails.

    It is on the disk before it has its name: after a power cut, too, what is there is whole. Where another
    process has finished `target` meanwhile, that one stays. Raises OSError.
    """
    # Processes of several machines may be at the same video, and may have the same number.
    staging = partial / f"{target.parent.name}-{uuid.uuid4().hex}"
    staging.mkdir(parents=True)
    try:
        yield staging
        for path in (*staging.rglob("*"), staging):
            _sync(path)
        target.parent.mkdir(exist_ok=True)
        try:
            staging.rename(target)
        except OSError:
            if not target.is_dir():
                raise
        _sync(target.parent)
        _sync(target.parent.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _is_known(path: Path) -> bool:
    return _KNOWN.fullmatch(path.name) is not None or is_unfinished(path)


def _of(shard: Shard) -> str:
    return "" if shard.count == 1 else f"-{shard.number}-of-{shard.count}"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some file systems have no such thing for folders.
        if not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def _cannot_be_written(out: Path, error: OSError) -> OutputError:
    return OutputError(f"{printable(out)}: cannot be written to ({error.strerror}); name a folder that can")
