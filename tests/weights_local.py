"""What the weights tests share: a local web server, tiny records and PyPI archives, a ban on sockets."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from weights.registry import Registry
from weights.sources import Converted, Source
from weights.spec import WeightSpec

# How long a stopped server may still look for requests; its default would add half a second to each test.
POLL_SECONDS = 0.01
CONTENT = b"the weights of a very small network\n" * 1000


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def spec(name: str, *sources: Source, **changes: Any) -> WeightSpec:
    """A valid record with the given sources; `changes` replace single fields."""
    converted = any(isinstance(source, Converted) for source in sources)
    fields: dict[str, Any] = {
        "file": f"{name}.safetensors" if converted else f"{name}.bin",
        "sha256": digest(CONTENT),
        "licence": "MIT",
        "commercial_use": True,
        "converter": "torch_state" if converted else None,
        "trained_with": "nothing",
        "paper": "none",
        "size_bytes": None,
        "description": "a test",
    }
    return WeightSpec(name=name, sources=sources, **{**fields, **changes})


def registry(*specs: WeightSpec) -> Registry:
    return Registry(specs)


@dataclass
class LocalServer:
    """A web server on 127.0.0.1: `files` by path, `requests` as they came, and how it misbehaves."""

    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    # Announce the whole file, send this much of it and hang up.
    cut_after_bytes: int | None = None
    status: int = 200
    port: int = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def local_server(**files: bytes) -> Iterator[LocalServer]:
    server = LocalServer(files={f"/{name}": content for name, content in files.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            server.requests.append(f"{self.command} {self.path}")
            content = server.files.get(self.path)
            if content is None or server.status != 200:
                self.send_error(server.status if server.status != 200 else 404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(content[: server.cut_after_bytes])
            if server.cut_after_bytes is not None:
                self.close_connection = True

        def log_message(self, format: str, *arguments: object) -> None:
            """Quiet: the test reads `requests`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def forbid_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every creation of a socket an error of the test."""

    class Forbidden(socket.socket):
        def __init__(self, *arguments: object, **options: object) -> None:
            raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", Forbidden)


def pip_looks_only_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give pip the settings of an air-gapped user: one folder, no index, no configuration file."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


def write_wheel(folder: Path, member: str, content: bytes) -> Path:
    path = folder / "tinyweights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
        archive.writestr("tinyweights-1.0.dist-info/METADATA", "Name: tinyweights\nVersion: 1.0\n")
    return path


def write_sdist(folder: Path, member: str, content: bytes, *, marker: Path) -> Path:
    """A source distribution whose setup.py would leave `marker` behind if anything ran it."""
    path = folder / "tinyweights-1.0.tar.gz"
    setup = f"open({str(marker)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='tinyweights')\n"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in (
            ("setup.py", setup.encode()),
            ("PKG-INFO", b"Name: tinyweights\n"),
            (member, content),
        ):
            info = tarfile.TarInfo(f"tinyweights-1.0/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path
