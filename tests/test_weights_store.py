"""The store hands out only files with the right bytes, and caches nothing else."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from figures.shared_cache import fetch_together
from weights_local import CONTENT, digest, forbid_sockets, local_server, registry, spec

from weights.cache import default_cache_dir
from weights.convert.layout import write_safetensors
from weights.errors import CorruptWeightsError, MissingWeightsError, UnknownWeightsError, WeightsError
from weights.sources import HuggingFace, Imported, PyPIMember, Starter, Url
from weights.spec import WeightSpec
from weights.store import Store
from weights.streams import sha256_of

NOWHERE = Imported("a page of its authors")


def store_of(folder: Path, *specs: WeightSpec, offline: bool = False) -> Store:
    return Store(folder, offline=offline, registry=registry(*specs))


def files_in(folder: Path) -> set[str]:
    """What lies in the cache besides locks."""
    return {path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_a_fetched_file_is_checked_cached_and_described(tmp_path: Path) -> None:
    with local_server(file=CONTENT) as server:
        store = store_of(tmp_path, spec("tiny", Url(server.url("/file"))))
        seen: list[tuple[int, int | None]] = []
        weight = store.fetch("tiny", progress=lambda done, total: seen.append((done, total)))
        again = store.fetch("tiny")
    assert weight.path.read_bytes() == CONTENT
    assert (weight.sha256, weight.pinned, weight.licence) == (digest(CONTENT), "sha256", "MIT")
    assert again == weight
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(server.requests) == 1


def test_other_bytes_than_registered_are_refused_and_not_cached(tmp_path: Path) -> None:
    with local_server(file=CONTENT + b"!") as server:
        store = store_of(tmp_path, spec("tiny", Url(server.url("/file"))))
        with pytest.raises(CorruptWeightsError, match=f"tiny.*{digest(CONTENT)}") as refused:
            store.fetch("tiny")
    assert "\n" not in str(refused.value)
    assert files_in(tmp_path) == set()


def test_after_a_source_with_other_bytes_the_next_one_is_tried(tmp_path: Path) -> None:
    with local_server(bad=b"other", good=CONTENT) as server:
        store = store_of(tmp_path, spec("tiny", Url(server.url("/bad")), Url(server.url("/good"))))
        assert store.fetch("tiny").source.endswith("/good")


def test_a_download_that_stops_half_way_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with local_server(file=CONTENT) as server:
        server.cut_after_bytes = len(CONTENT) // 2
        store = store_of(tmp_path, spec("tiny", Url(server.url("/file")), sha256=None))
        with pytest.raises(MissingWeightsError, match=r"stopped at|IncompleteRead"):
            store.fetch("tiny")
    assert files_in(tmp_path) == set()


def test_what_a_killed_download_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "tiny.bin.part").write_bytes(b"half")
    (tmp_path / "tiny" / "hub-x.part").mkdir()
    with local_server(file=CONTENT) as server:
        store_of(tmp_path, spec("tiny", Url(server.url("/file")))).fetch("tiny")
    assert files_in(tmp_path) == {"tiny.bin", "record.json"}
    assert not (tmp_path / "tiny" / "hub-x.part").exists()


def test_one_flipped_bit_in_the_cache_is_refused_until_it_is_fetched_again(tmp_path: Path) -> None:
    with local_server(file=CONTENT) as server:
        store = store_of(tmp_path, spec("tiny", Url(server.url("/file"))))
        path = store.fetch("tiny").path
        damaged = bytearray(CONTENT)
        damaged[len(CONTENT) // 2] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(CorruptWeightsError, match=r"tiny\.bin.*weights fetch tiny"):
            store.fetch("tiny")
        with pytest.raises(CorruptWeightsError):
            store.present("tiny")
        assert [result.sound for result in store.verify()] == [False]
        assert store.fetch("tiny", replace_damaged=True).path.read_bytes() == CONTENT
    assert [result.sound for result in store.verify()] == [True]


def test_a_file_without_a_registered_digest_is_held_to_its_first_use(tmp_path: Path) -> None:
    with local_server(file=b"first") as server:
        store = store_of(tmp_path, spec("tiny", Url(server.url("/file")), sha256=None))
        weight = store.fetch("tiny")
        assert (weight.pinned, weight.sha256) == ("first use", digest(b"first"))
        weight.path.unlink()
        server.files["/file"] = b"second"
        with pytest.raises(CorruptWeightsError, match="first use"):
            store.fetch("tiny")
        server.files["/file"] = b"first"
        assert store.fetch("tiny").sha256 == digest(b"first")


def test_a_file_that_nothing_vouches_for_is_not_used(tmp_path: Path) -> None:
    store = store_of(tmp_path, spec("tiny", NOWHERE, sha256=None))
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "tiny.bin").write_bytes(b"dropped here by hand")
    with pytest.raises(CorruptWeightsError, match="nothing tells where this file came from"):
        store.fetch("tiny")


def test_offline_opens_no_socket_and_names_every_source_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_sockets(monkeypatch)
    sources = (
        HuggingFace("someone/something", "0" * 40, "model.safetensors"),
        Url("https://example.org/file"),
        PyPIMember("tinyweights", "1.0", "tinyweights-1.0.tar.gz", "0" * 64, "tinyweights-1.0/file"),
    )
    store = store_of(tmp_path, spec("tiny", *sources), offline=True)
    with pytest.raises(MissingWeightsError) as missing:
        store.fetch("tiny")
    message = str(missing.value)
    assert all(source.describe() in message for source in sources)
    assert "weights fetch tiny" in message
    assert "weights import tiny FILE" in message
    assert store.present("tiny") is None
    assert [step.present for step in store.plan(["tiny"])] == [False]


def test_a_plan_tells_what_is_downloaded_which_for_a_member_is_the_archive(tmp_path: Path) -> None:
    store = store_of(
        tmp_path,
        spec("plain", Url("https://example.org/file"), size_bytes=10),
        spec("member", Url("https://example.org/a.zip", "m", "0" * 64, archive_bytes=900), size_bytes=20),
        spec("unknown", Url("https://example.org/a.zip", "m"), size_bytes=20),
        spec("brought", NOWHERE, size_bytes=30),
    )
    planned = store.plan(["plain", "member", "unknown", "brought"])
    assert [step.download_bytes for step in planned] == [10, 900, None, 0]
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "plain.bin").write_bytes(CONTENT)
    assert store.plan(["plain"])[0].download_bytes == 0


def test_a_damaged_record_matters_only_where_no_digest_is_registered(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    cache = tmp_path / "cache"
    store = store_of(cache, spec("known", NOWHERE), spec("unknown", NOWHERE, sha256=None))
    for name in ("known", "unknown"):
        store.import_file(name, tmp_path / "file")
        (cache / name / "record.json").write_text("{")
    assert store.fetch("known").sha256 == digest(CONTENT)
    assert store.import_file("known", tmp_path / "file").path.is_file()
    (cache / "known" / "known.bin").unlink()
    (cache / "known" / "record.json").write_text("{")
    store.import_file("known", tmp_path / "file")
    with pytest.raises(CorruptWeightsError, match=f"delete {cache / 'unknown'}"):
        store.fetch("unknown")


def test_a_file_that_does_not_change_is_hashed_once_and_a_changed_one_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Path] = []
    monkeypatch.setattr("weights.digests.sha256_of", lambda path: hashed.append(path) or sha256_of(path))
    (tmp_path / "file").write_bytes(CONTENT)
    store = store_of(tmp_path / "cache", spec("tiny", NOWHERE))
    path = store.import_file("tiny", tmp_path / "file").path
    for _ in range(2):
        store.fetch("tiny")
    assert len(hashed) == 2, "so new that its times would not show a second change"
    monkeypatch.setattr("weights.digests.SETTLED_NANOSECONDS", 0)
    for _ in range(3):
        store.fetch("tiny")
    assert len(hashed) == 3
    store.verify()
    assert len(hashed) == 4, "asked to verify, it hashes again"
    facts = path.stat()
    path.write_bytes(bytes(len(CONTENT)))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(CorruptWeightsError, match="damaged or was replaced"):
        store.fetch("tiny")


def test_offline_uses_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with local_server(file=CONTENT) as server:
        tiny = spec("tiny", Url(server.url("/file")))
        store_of(tmp_path, tiny).fetch("tiny")
    forbid_sockets(monkeypatch)
    assert store_of(tmp_path, tiny, offline=True).fetch("tiny").path.is_file()


def test_every_failure_is_collected(tmp_path: Path) -> None:
    with local_server() as server:
        gone = server.url("/gone")
        store = store_of(tmp_path, spec("tiny", NOWHERE, Url(gone), Url("http://127.0.0.1:9/refused")))
        with pytest.raises(MissingWeightsError, match=r"nothing imported yet.*404.*cannot be fetched"):
            store.fetch("tiny")


def test_an_imported_file_is_checked_before_it_is_taken(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right.bin", tmp_path / "wrong.bin"
    right.write_bytes(CONTENT)
    wrong.write_bytes(b"something else")
    store = store_of(tmp_path / "cache", spec("tiny", NOWHERE))
    with pytest.raises(CorruptWeightsError, match=r"wrong\.bin.*tiny.*a page of its authors"):
        store.import_file("tiny", wrong)
    assert store.present("tiny") is None
    assert store.import_file("tiny", right).source == "imported by the user (right.bin)"
    assert store.fetch("tiny").path.read_bytes() == CONTENT
    with pytest.raises(MissingWeightsError, match="no such file"):
        store.import_file("tiny", tmp_path / "absent.bin")
    with pytest.raises(MissingWeightsError, match="a folder, where a file must be"):
        store.import_file("tiny", tmp_path)


def test_eight_processes_share_one_download(tmp_path: Path) -> None:
    shared = fetch_together(tmp_path)
    assert shared.sound, shared


def test_tensors_are_read_from_safetensors_only(tmp_path: Path) -> None:
    good, plain = tmp_path / "good", tmp_path / "plain"
    write_safetensors({"w": np.arange(6, dtype=np.float32).reshape(2, 3)}, good, metadata={"format": "pt"})
    plain.write_bytes(CONTENT)
    store = store_of(
        tmp_path / "cache",
        spec("good", NOWHERE, file="good.safetensors", sha256=None),
        spec("plain", NOWHERE),
        spec("misnamed", NOWHERE, file="misnamed.safetensors"),
    )
    for name, path in (("good", good), ("plain", plain), ("misnamed", plain)):
        store.import_file(name, path)
    assert store.tensors("good")["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(CorruptWeightsError, match=r"misnamed\.safetensors: not a whole safetensors file"):
        store.tensors("misnamed")
    with pytest.raises(WeightsError, match="only safetensors"):
        store.tensors("plain")


@pytest.mark.parametrize("cut", [1, 25, 10**6])
def test_half_a_safetensors_file_is_not_what_the_cache_expects_ever_after(tmp_path: Path, cut: int) -> None:
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    write_safetensors({"w": np.zeros((2, 3), np.float32)}, whole, metadata={})
    half.write_bytes(whole.read_bytes()[:-cut])
    store = store_of(tmp_path / "cache", spec("tiny", NOWHERE, file="tiny.safetensors", sha256=None))
    with pytest.raises(CorruptWeightsError, match=r"half\.safetensors: cannot be imported.*not a whole"):
        store.import_file("tiny", half)
    assert store.import_file("tiny", whole).path.read_bytes() == whole.read_bytes()


def test_all_missing_weights_are_named_at_once_with_every_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_sockets(monkeypatch)
    served = spec("served", Url("https://example.org/file"))
    here = spec("here", NOWHERE)
    store = store_of(tmp_path / "cache", served, here, spec("brought", NOWHERE), offline=True)
    (tmp_path / "file").write_bytes(CONTENT)
    store.import_file("here", tmp_path / "file")
    with pytest.raises(MissingWeightsError) as missing:
        store.fetch_all(["served", "here", "brought"])
    message = str(missing.value)
    assert "2 weights are not here, and no source delivered them: served, brought (" in message
    # What the sources answered, once, without the names that `fetch --plan` lists.
    assert "(not asked while offline; nothing imported yet)" in message
    # What nobody can download is not offered for download.
    assert "`forensics weights fetch served`, or `forensics weights import NAME FILE`" in message
    assert "`forensics weights import BUNDLE`" in message
    with pytest.raises(MissingWeightsError, match=r"^brought: not here.*weights import brought FILE`"):
        store.fetch_all(["here", "brought"])
    assert [weight.name for weight in store.fetch_all(["here"])] == ["here"]


def test_a_starter_is_used_where_it_lies_and_held_to_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped.safetensors"
    monkeypatch.setattr(Starter, "path", lambda self: shipped)
    store = store_of(tmp_path / "cache", spec("starter", Starter("shipped.safetensors")))
    with pytest.raises(MissingWeightsError, match="install the package again"):
        store.fetch("starter")
    shipped.write_bytes(CONTENT)
    assert store.fetch("starter").path == shipped
    shipped.write_bytes(CONTENT + b"!")
    with pytest.raises(CorruptWeightsError, match="registered is"):
        store.fetch("starter")


def test_a_licence_that_forbids_commercial_use_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    store = store_of(tmp_path / "cache", spec("tiny", NOWHERE, licence="CC BY-NC 4.0", commercial_use=False))
    with caplog.at_level(logging.WARNING):
        weight = store.import_file("tiny", file)
    assert "forbids commercial use (CC BY-NC 4.0)" in caplog.text
    assert not weight.commercial_use


@pytest.mark.skipif(os.name != "posix", reason="a file in place of a folder behaves otherwise")
def test_an_unusable_cache_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = store_of(tmp_path / "file", spec("tiny", NOWHERE))
    with pytest.raises(WeightsError, match=r"cannot be written.*--cache-dir or FORENSICS_CACHE"):
        store.fetch("tiny")


def test_the_environment_variable_names_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORENSICS_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path
    assert Store().cache_dir == tmp_path
    monkeypatch.delenv("FORENSICS_CACHE")
    assert default_cache_dir().is_absolute()


def test_unknown_names_are_answered_with_near_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownWeightsError, match="clip-vit-b16-image"):
        Store(tmp_path).fetch("clip-vitb16-image")
