"""A bundle carries the cache to a machine without a network, and nothing in it is taken on trust."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from weights_local import CONTENT, digest, forbid_sockets, registry, spec

from weights.bundle import read_bundle, write_bundle
from weights.errors import CorruptWeightsError, MissingWeightsError, UnknownWeightsError, WeightsError
from weights.sources import Imported, Starter
from weights.store import Store

NOWHERE = Imported("its authors")
PINNED, UNPINNED = spec("pinned", NOWHERE), spec("unpinned", NOWHERE, sha256=None)


def store_in(folder: Path) -> Store:
    return Store(folder, offline=True, registry=registry(PINNED, UNPINNED))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    source = store_in(tmp_path / "source")
    for name, content in (("pinned", CONTENT), ("unpinned", b"unpinned")):
        (tmp_path / name).write_bytes(content)
        source.import_file(name, tmp_path / name)
    write_bundle(source, tmp_path / "weights.tar")
    return tmp_path / "weights.tar"


def rewritten(bundle: Path, **changes: bytes) -> Path:
    """The bundle with single members replaced."""
    with tarfile.open(bundle) as archive:
        members = {
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive.getmembers()
        }
    path = bundle.with_name("rewritten.tar")
    with tarfile.open(path, "w") as archive:
        for name, content in {**members, **changes}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def manifest(bundle: Path) -> dict[str, Any]:
    with tarfile.open(bundle) as archive:
        stream = archive.extractfile("manifest.json")
        assert stream is not None
        return dict(json.load(stream))


def test_a_bundle_takes_every_cached_weight_to_a_machine_without_a_network(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_sockets(monkeypatch)
    target = store_in(tmp_path / "target")
    imported = read_bundle(target, bundle)
    assert [(weight.name, weight.pinned) for weight in imported] == [
        ("pinned", "sha256"),
        ("unpinned", "first use"),
    ]
    assert target.fetch("pinned").path.read_bytes() == CONTENT
    assert "bundle weights.tar, there: imported by the user" in target.fetch("unpinned").source


def test_the_same_cache_gives_the_same_bundle(bundle: Path, tmp_path: Path) -> None:
    write_bundle(store_in(tmp_path / "source"), tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == bundle.read_bytes()


def test_single_weights_can_be_exported(bundle: Path, tmp_path: Path) -> None:
    source = store_in(tmp_path / "source")
    write_bundle(source, tmp_path / "one.tar", names=["pinned"])
    assert [entry["name"] for entry in manifest(tmp_path / "one.tar")["weights"]] == ["pinned"]
    with pytest.raises(MissingWeightsError, match="nothing to export"):
        write_bundle(store_in(tmp_path / "empty"), tmp_path / "none.tar")
    assert not (tmp_path / "none.tar").exists()


def test_a_member_with_other_bytes_than_the_manifest_says_is_refused(bundle: Path, tmp_path: Path) -> None:
    target = store_in(tmp_path / "target")
    with pytest.raises(CorruptWeightsError, match="manifest says"):
        read_bundle(target, rewritten(bundle, unpinned=b"unpinneD"))
    assert target.present("unpinned") is None


def test_a_manifest_that_agrees_with_other_bytes_does_not_help(bundle: Path, tmp_path: Path) -> None:
    content = manifest(bundle)
    content["weights"][0] |= {"sha256": digest(b"other"), "size_bytes": 5}
    forged = rewritten(bundle, **{"manifest.json": json.dumps(content).encode(), "pinned": b"other"})
    with pytest.raises(CorruptWeightsError, match=rf"^{forged}: its pinned cannot .*registered is"):
        read_bundle(store_in(tmp_path / "target"), forged)


def test_a_weight_this_version_does_not_know_is_refused(bundle: Path, tmp_path: Path) -> None:
    content = manifest(bundle)
    content["weights"][0]["name"] = "../../escape"
    forged = rewritten(bundle, **{"manifest.json": json.dumps(content).encode()})
    with pytest.raises(UnknownWeightsError, match="escape"):
        read_bundle(store_in(tmp_path / "target"), forged)


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b'{"format": "x", "weights": []}', b'{"format": "forensics weights bundle 1"}'],
)
def test_a_damaged_manifest_is_refused(text: bytes, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(CorruptWeightsError, match="manifest is damaged"):
        read_bundle(store_in(tmp_path / "target"), rewritten(bundle, **{"manifest.json": text}))


def test_a_manifest_without_weights_or_with_impossible_sizes_is_refused(bundle: Path, tmp_path: Path) -> None:
    content = manifest(bundle)
    for changed, said in (
        ([], "names no weights"),
        ([{**content["weights"][0], "size_bytes": -1}], "less than no bytes"),
        ([{**content["weights"][0], "size_bytes": 1}], "pinned sends more than"),
    ):
        text = json.dumps({**content, "weights": changed}).encode()
        forged = rewritten(bundle, **{"manifest.json": text})
        with pytest.raises(CorruptWeightsError, match=rf"^{forged}: .*{said}"):
            read_bundle(store_in(tmp_path / "target"), forged)


def test_files_of_the_package_are_neither_exported_nor_imported(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped.safetensors"
    shipped.write_bytes(CONTENT)
    monkeypatch.setattr(Starter, "path", lambda self: shipped)
    starter = spec("starter", Starter("shipped.safetensors"))
    target = Store(tmp_path / "target", offline=True, registry=registry(starter, PINNED, UNPINNED))
    content = manifest(bundle)
    # As versions before this one wrote it, with a starter that was another one then.
    older = {**content["weights"][0], "name": "starter", "sha256": digest(b"older"), "size_bytes": 5}
    text = json.dumps({**content, "weights": [older, *content["weights"]]}).encode()
    forged = rewritten(bundle, **{"manifest.json": text, "starter": b"older"})
    assert [weight.name for weight in read_bundle(target, forged)] == ["pinned", "unpinned"]
    exported = write_bundle(target, tmp_path / "again.tar")
    assert [weight.name for weight in exported] == ["pinned", "unpinned"]


def test_a_file_that_is_no_bundle_or_half_of_one_is_refused(bundle: Path, tmp_path: Path) -> None:
    target = store_in(tmp_path / "target")
    (tmp_path / "text.tar").write_text("no bundle")
    half = tmp_path / "half.tar"
    half.write_bytes(bundle.read_bytes()[:3000])
    for path in (tmp_path / "text.tar", half):
        with pytest.raises(CorruptWeightsError, match=path.name):
            read_bundle(target, path)
    with pytest.raises(MissingWeightsError, match="no such file"):
        read_bundle(target, tmp_path / "absent.tar")
    with pytest.raises(MissingWeightsError, match="a folder, where a bundle"):
        read_bundle(target, tmp_path)


def test_an_unwritable_place_is_named(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be written"):
        write_bundle(store_in(tmp_path / "source"), tmp_path / "absent" / "weights.tar")
