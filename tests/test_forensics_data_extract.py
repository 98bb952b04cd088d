"""Extraction in several processes, its limits and accounts, what a full disk leaves, the masks it keeps."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_forensics_data_faces import SPEC, TOOLS, records, tools, write_picture

from face.types import FaceDetections
from forensics.data import cache
from forensics.data.cache import REAL, load_cache, load_caches, shard_path, shard_paths
from forensics.data.extract import Account, extract
from forensics.data.faces import DatasetError, FaceRecord, Label
from forensics.data.paste import Image
from forensics.data.samples import SampleSettings
from forensics.errors import OutputError


def extracted(
    material: list[FaceRecord],
    out: Path,
    *,
    jobs: int = 1,
    max_unreadable: int | None = None,
    pairs: int = 1,
    masks: bool = False,
) -> Account:
    return extract(
        material,
        out,
        make_tools=tools,
        spec=replace(SPEC, masks=masks),
        settings=SampleSettings(pairs_per_face=pairs),
        records_in_shard=2,
        jobs=jobs,
        max_unreadable=max_unreadable,
    )


def with_unreadable(material: list[FaceRecord], folder: Path, *names: str) -> list[FaceRecord]:
    for name in names:
        (folder / name).write_text("no picture")
    return material + [replace(material[0], path=folder / name) for name in names]


@pytest.mark.slow
def test_several_processes_make_the_shards_of_one(tmp_path: Path) -> None:
    material = with_unreadable(records(tmp_path, 5), tmp_path, "broken.jpg")
    accounts = [extracted(material, tmp_path / str(jobs), jobs=jobs) for jobs in (1, 2)]
    assert accounts[0] == accounts[1]
    one, two = (load_cache(tmp_path / jobs, expected={}) for jobs in ("1", "2"))
    for name in ("crops", "features", "embeddings", "label", "pair", "method", "identity"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_too_many_unreadable_records_end_it_and_a_higher_limit_goes_on(tmp_path: Path) -> None:
    material = with_unreadable(records(tmp_path, 4), tmp_path, "a.jpg", "b.jpg")
    out = tmp_path / "cache"
    with pytest.raises(DatasetError, match=r"2 records .* --max-unreadable allows 1: .*a\.jpg"):
        extracted(material, out, max_unreadable=1)
    kept = {path: path.stat().st_mtime_ns for path in shard_paths(out)}
    account = extracted(material, out, max_unreadable=2)
    assert (account.samples, account.unreadable, len(account.failed)) == (8, 2, 2)
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())


def test_records_that_show_no_face_are_not_unreadable(tmp_path: Path) -> None:
    material = records(tmp_path, 2)
    write_picture(tmp_path / "black.jpg", blank=True)
    account = extracted([*material, replace(material[0], path=tmp_path / "black.jpg")], tmp_path / "cache")
    assert (account.unreadable, len(account.failed)) == (0, 1)


def test_a_resumed_extraction_repeats_what_failed_before(tmp_path: Path) -> None:
    material = with_unreadable(records(tmp_path, 3), tmp_path, "a.jpg")
    first = extracted(material, tmp_path / "cache", max_unreadable=1)
    assert extracted(material, tmp_path / "cache", max_unreadable=1) == first
    with pytest.raises(DatasetError, match="allows 0"):
        extracted(material, tmp_path / "cache", max_unreadable=0)


def test_an_account_without_its_shard_is_made_again(tmp_path: Path) -> None:
    """As a kill between the two leaves it."""
    out = tmp_path / "cache"
    whole = extracted(records(tmp_path, 4), out)
    shard_path(out, 1).unlink()
    assert extracted(records(tmp_path, 4), out) == whole
    assert len(load_cache(out, expected={})) == whole.samples


def test_shards_of_caches_without_accounts_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "cache"
    whole = extracted(records(tmp_path, 4), out)
    for path in out.glob("shard_*.json"):
        path.unlink()
    before = shard_path(out, 0).stat().st_mtime_ns
    assert extracted(records(tmp_path, 4), out).samples == whole.samples
    assert shard_path(out, 0).stat().st_mtime_ns == before


def test_a_full_disk_is_one_line_and_leaves_no_broken_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "cache"
    whole = cache.np.savez
    written = []

    def savez(file: object, **columns: object) -> None:
        if written:
            file.write(b"half a shard")  # type: ignore[attr-defined]
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(file)
        whole(file, **columns)

    monkeypatch.setattr(cache.np, "savez", savez)
    with pytest.raises(OutputError, match=r"shard_00001\.npz: cannot be written \(No space left.*make room"):
        extracted(records(tmp_path, 4), out)
    assert shard_paths(out) == [shard_path(out, 0)]
    assert not list(out.glob("*.partial"))
    monkeypatch.setattr(cache.np, "savez", whole)
    assert extracted(records(tmp_path, 4), out).samples == 8


def test_a_cache_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be made a folder"):
        extracted(records(tmp_path, 1), tmp_path / "file" / "cache")


def test_without_pairs_real_faces_stay_alone_beside_the_dataset_s_fakes(tmp_path: Path) -> None:
    material = records(tmp_path, 4)
    material[1] = replace(material[1], label=Label.FAKE, method="FaceSwap")
    extracted(material, tmp_path / "cache", pairs=0)
    faces = load_cache(tmp_path / "cache", expected={})
    assert sorted(faces.method) == ["FaceSwap", "real", "real", "real"]
    assert len(np.unique(faces.pair)) == 4
    assert (faces.method[faces.label == REAL] == "real").all()


def test_masks_say_where_the_members_of_a_pair_differ(tmp_path: Path) -> None:
    extracted(records(tmp_path, 4), tmp_path / "cache", masks=True)
    faces = load_cache(tmp_path / "cache", expected={"masks": True})
    assert faces.mask.shape == (8, 32, 32)
    assert not faces.mask[faces.label == REAL].any()
    for pair in np.unique(faces.pair):
        both = faces.where(faces.pair == pair)
        mask = both.mask[1]
        assert mask.max() > 40
        gap = np.abs(both.crops[1].astype(int) - both.crops[0]).max(axis=0)
        assert gap[mask > 0.7 * mask.max()].mean() > gap[mask == 0].mean()


def test_caches_with_and_without_masks_go_together_without(tmp_path: Path) -> None:
    for masks in (True, False):
        material = [replace(one, identity=f"{one.identity}.{masks}") for one in records(tmp_path, 2)]
        extracted(material, tmp_path / str(masks), masks=masks)
    both = load_caches([tmp_path / "True", tmp_path / "False"], expected={})
    assert both.mask.shape == (8, 0, 0)


def test_a_shard_made_before_masks_were_kept_is_read(tmp_path: Path) -> None:
    extracted(records(tmp_path, 2), tmp_path / "cache")
    path = shard_path(tmp_path / "cache", 0)
    with np.load(path) as columns:
        older = {name: columns[name] for name in columns if name != "mask"}
    np.savez(path, **older)
    spec = tmp_path / "cache" / cache.SPEC_FILE
    told = json.loads(spec.read_text())
    spec.write_text(json.dumps({name: told[name] for name in told if name not in ("masks", "landmarks")}))
    faces = load_cache(tmp_path / "cache", expected={"masks": False, "landmarks": "five"})
    assert faces.mask.shape == (4, 0, 0)


def test_blends_follow_dense_landmarks_where_they_are_found(tmp_path: Path) -> None:
    """The same draws on an outline that is half as wide: the masks shrink."""
    narrow = np.column_stack([np.linspace(215, 235, 68), np.r_[np.linspace(90, 160, 17), np.full(51, 90.0)]])

    def dense(image: Image, detection: FaceDetections) -> np.ndarray:
        return narrow

    spec = replace(SPEC, masks=True)
    shares = []
    for number, found in enumerate((None, dense)):
        out = tmp_path / str(number)
        extract(
            records(tmp_path, 3),
            out,
            make_tools=lambda found=found: replace(TOOLS, landmarks=found),  # type: ignore[misc]
            spec=spec,
            settings=SampleSettings(),
        )
        shares.append((load_cache(out, expected={}).mask > 20).mean())
    assert shares[1] < 0.6 * shares[0]
