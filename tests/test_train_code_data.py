"""Where CoDE's training finds its pictures, what it refuses, and that no record lies on both sides."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from generated_pictures import generated, photo, png, write_folder, write_shard

from forensics.code_heads import FAKE, REAL
from forensics.train.code_data import (
    Collection,
    Record,
    collect,
    pair_up,
    pictures_of,
    split,
)
from forensics.train.code_pictures import TrainingDataError


def keys(collection: Collection) -> list[str]:
    return [record.key for record in collection.records]


def names(records: list[Record] | tuple[Record, ...]) -> set[str]:
    return {picture.name for picture in pictures_of(records)}


def test_counterparts_of_one_name_are_one_record(tmp_path: Path) -> None:
    found = collect(write_folder(tmp_path, 3))
    assert keys(found) == ["set/0000", "set/0001", "set/0002"]
    assert all(len(record.real) == len(record.fake) == 1 for record in found.records)
    assert found.records[1].fake[0].name == "fake/set/0001.png"
    assert np.array_equal(found.records[1].real[0].pixels().permute(1, 2, 0).numpy(), photo(1))


def test_a_record_of_a_shard_has_its_photo_and_four_generated_pictures(tmp_path: Path) -> None:
    write_shard(tmp_path / "a-0000.tar", ["d3__train__12", "d3__train__13"])
    found = collect(tmp_path)
    assert keys(found) == ["d3__train__12", "d3__train__13"]
    second = found.records[1]
    assert [p.name.rsplit(".", 2)[1] for p in second.fake] == ["gen_0", "gen_1", "gen_2", "gen_3"]
    assert np.array_equal(second.real[0].pixels().permute(1, 2, 0).numpy(), photo(1))
    expected = generated(photo(1)) // 3
    assert np.array_equal(second.fake[2].pixels().permute(1, 2, 0).numpy(), expected)
    assert collect(tmp_path / "a-0000.tar").digest != ""


def test_loose_files_of_a_d3_record_are_one_record(tmp_path: Path) -> None:
    for name in ("77_real", "77_gen0", "77_gen3"):
        (tmp_path / f"{name}.png").write_bytes(png(photo(len(name) + ord(name[-1]))))
    (tmp_path / "77_prompt.txt").write_text("a texture")
    (record,) = collect(tmp_path).records
    assert (record.key, len(record.real), len(record.fake)) == ("77", 1, 2)


def test_the_digest_tells_of_every_byte_and_not_of_the_place(tmp_path: Path) -> None:
    first = collect(write_folder(tmp_path / "a", 3))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert collect(tmp_path / "b").digest == first.digest
    (tmp_path / "b" / "fake" / "set" / "0001.png").write_bytes(png(photo(99)))
    assert collect(tmp_path / "b").digest != first.digest


def test_unreadable_pictures_are_listed_and_left_out(tmp_path: Path) -> None:
    write_folder(tmp_path, 4)
    whole = (tmp_path / "real" / "set" / "0002.png").read_bytes()
    (tmp_path / "real" / "set" / "0002.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "fake" / "set" / "0003.png").write_text("no picture")
    found = collect(tmp_path)
    assert [line.split(":")[0] for line in found.unreadable] == ["real/set/0002.png", "fake/set/0003.png"]
    assert len(pictures_of(found.records)) == 6
    with pytest.raises(TrainingDataError, match=r"2 of 8 pictures .* allowed are 1 .*--max-unreadable"):
        collect(tmp_path, most_unreadable=1)


def test_progress_tells_of_every_picture(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    collect(write_folder(tmp_path, 2), on_checked=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(("removed", "missing"), [("real", "real"), ("fake", "generated")])
def test_a_missing_class_is_refused(tmp_path: Path, removed: str, missing: str) -> None:
    shutil.rmtree(write_folder(tmp_path, 2) / removed)
    with pytest.raises(TrainingDataError, match=f"no readable {missing} picture"):
        collect(tmp_path)


def test_a_folder_without_anything_and_one_of_another_layout_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="no such folder"):
        collect(tmp_path / "nothing")
    with pytest.raises(TrainingDataError, match="empty"):
        collect(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.png").write_bytes(png(photo(1)))
    with pytest.raises(TrainingDataError, match="expected DIR/real and DIR/fake"):
        collect(tmp_path)


def test_shards_that_are_damaged_packed_or_without_records_are_refused(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "a.tar", ["k1"])
    cut = tmp_path / "cut.tar"
    cut.write_bytes(shard.read_bytes()[:1000])
    with pytest.raises(TrainingDataError, match="tar file"):
        collect(cut)
    packed = tmp_path / "packed.tar"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(shard, "k1.real.png")
    with pytest.raises(TrainingDataError, match="uncompressed"):
        collect(packed)
    other = tmp_path / "other.tar"
    with tarfile.open(other, "w") as archive:
        archive.add(shard, "notes.txt")
    with pytest.raises(TrainingDataError, match="no record"):
        collect(other)


def test_no_record_lies_on_both_sides_and_the_share_is_kept(tmp_path: Path) -> None:
    records = collect(write_folder(tmp_path, 20)).records
    learn, check = split(records, 0.25)
    assert len(check) == 5
    assert {record.key for record in learn}.isdisjoint(record.key for record in check)
    assert names(learn) | names(check) == names(records)


def test_records_that_share_a_picture_stay_together(tmp_path: Path) -> None:
    write_folder(tmp_path, 12)
    # A chain: the photo of 1 again in 2, the generated picture of 2 again in 3.
    for copied, over in (("real/set/0001", "real/set/0002"), ("fake/set/0002", "fake/set/0003")):
        shutil.copy(tmp_path / f"{copied}.png", tmp_path / f"{over}.png")
    records = collect(tmp_path).records
    for share in np.linspace(0.1, 0.8, 8):
        learn, _ = split(records, float(share))
        here = {record.key for record in learn} & {"set/0001", "set/0002", "set/0003"}
        assert len(here) in (0, 3)


def test_the_split_depends_on_the_pictures_and_not_on_their_names(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", 12)
    for path in (tmp_path / "a").rglob("*.png"):
        renamed = tmp_path / "b" / path.relative_to(tmp_path / "a").with_stem(f"x{99 - int(path.stem)}")
        renamed.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, renamed)
    held_out = [
        {picture.sha256 for picture in pictures_of(split(collect(tmp_path / name).records, 0.3)[1])}
        for name in ("a", "b")
    ]
    assert held_out[0] == held_out[1]


def test_too_few_records_for_a_split_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="left to learn from"):
        split(collect(write_folder(tmp_path, 1)).records, 0.1)


def test_a_pass_pairs_every_photo_with_a_counterpart_of_its_own(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.tar", [f"k{number}" for number in range(6)])
    records = collect(tmp_path).records
    passes = [pair_up(records, np.random.default_rng(number)) for number in range(60)]
    for pairs in passes:
        assert [real.record for real, _ in pairs] == [fake.record for _, fake in pairs]
        assert sorted(real.record for real, _ in pairs) == [record.key for record in records]
    drawn = {fake.name for pairs in passes for _, fake in pairs}
    assert drawn == {picture.name for picture in pictures_of(records, FAKE)}


def test_pictures_without_a_counterpart_are_paired_with_each_other(tmp_path: Path) -> None:
    write_folder(tmp_path, 2)
    for number in range(5):
        (tmp_path / "fake" / f"alone{number}.png").write_bytes(png(photo(100 + number)))
    for number in range(2):
        (tmp_path / "real" / f"single{number}.png").write_bytes(png(photo(200 + number)))
    records = collect(tmp_path).records
    pairs = pair_up(records, np.random.default_rng(0))
    assert len(pairs) == 2 + 5
    assert all((real.label, fake.label) == (REAL, FAKE) for real, fake in pairs)
    assert {picture.name for pair in pairs for picture in pair} == names(records)


def test_photos_alone_are_paired_with_generated_pictures_of_others(tmp_path: Path) -> None:
    write_folder(tmp_path, 2)
    (tmp_path / "real" / "single.png").write_bytes(png(photo(200)))
    pairs = pair_up(collect(tmp_path).records, np.random.default_rng(0))
    assert sorted(real.record for real, _ in pairs) == ["set/0000", "set/0001", "single"]
