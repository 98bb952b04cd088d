"""Reading one member out of a zip, wheel or tar archive without unpacking anything else."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from pathlib import Path

from weights.errors import SourceError
from weights.streams import chunks_of, save

# A member's name is looked up in the archive and never becomes a path: the caller chooses where it is
# written, so "../" and absolute names inside an archive can reach nothing.


def extract_member(archive: Path, member: str, target: Path, *, limit_bytes: int) -> None:
    """Write the member named `member` of `archive` to `target`.

    Raises SourceError when the archive is damaged, has no such regular file, or the file is larger than
    `limit_bytes`, whatever size the archive declares for it.
    """
    try:
        if zipfile.is_zipfile(archive):
            _from_zip(archive, member, target, limit_bytes)
        else:
            _from_tar(archive, member, target, limit_bytes)
    except KeyError as error:
        raise SourceError(f"the archive has no member {member}") from error
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError) as error:
        raise SourceError(f"the archive is damaged: {error}") from error


def _from_zip(archive: Path, member: str, target: Path, limit_bytes: int) -> None:
    with zipfile.ZipFile(archive) as opened:
        info = opened.getinfo(member)
        if info.is_dir() or info.flag_bits & 0x1:
            raise SourceError(f"the member {member} is a folder or encrypted")
        with opened.open(info) as stream:
            save(chunks_of(stream), target, limit_bytes=limit_bytes, total_bytes=info.file_size)


def _from_tar(archive: Path, member: str, target: Path, limit_bytes: int) -> None:
    with tarfile.open(archive) as opened:
        info = opened.getmember(member)
        stream = opened.extractfile(info) if info.isreg() else None
        if stream is None:
            raise SourceError(f"the member {member} is not a regular file")
        with stream:
            save(chunks_of(stream), target, limit_bytes=limit_bytes, total_bytes=info.size)
