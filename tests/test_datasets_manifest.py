"""The plain manifest: read and written, refused by file and line, the same items as the dataset it lists."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from dataset_trees import TREES, touch

from forensics.data.dataset import read_dataset, refuse_faults
from forensics.data.faces import DatasetError, FaceRecord, Label, Split
from forensics.data.plain_manifest import read_manifest, write_manifest
from forensics.errors import OutputError

HEADER = "path,label,split,method,identity,group\n"


def test_a_manifest_is_read_from_csv_and_from_jsonl_alike(tmp_path: Path) -> None:
    row = {
        "path": "a.jpg",
        "label": "fake",
        "split": "val",
        "method": "SimSwap",
        "identity": "ann",
        "group": "g",
    }
    (tmp_path / "m.csv").write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    (tmp_path / "m.jsonl").write_text(json.dumps(row) + "\n\n")
    expected = FaceRecord(tmp_path / "a.jpg", Label.FAKE, Split.VAL, "SimSwap", "ann", "g")
    assert read_manifest(tmp_path / "m.csv") == [expected]
    assert read_manifest(tmp_path / "m.jsonl") == [expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label,split,method,identity\na.jpg,real,train,m,i\n", "line 2: no group"),
        (HEADER + "a.jpg,genuine,train,m,i,g\n", "line 2: 'genuine'"),
        (HEADER + "a.jpg,real,later,m,i,g\n", "line 2: 'later'"),
        (HEADER + "b.jpg,real,train,m,i,g\n", r"1 files do not exist: b\.jpg"),
        (HEADER + "a.jpg,real,train,m,i,g\na.jpg,real,val,m,i,g\n", "1 identities .* more than one split: i"),
        (HEADER + "a.jpg,real,train,m,i|j,g\nc.jpg,real,val,m,j,g\n", "more than one split: j"),
        (
            HEADER + "a.jpg,real,train,m,i,g\na.jpg,fake,train,m,i,g\n",
            r"3: a\.jpg is fake here, real above",
        ),
        (HEADER + "x/1_fake/a.jpg,real,train,m,i,g\n", "is labelled real, its folder says '1_fake'"),
        (HEADER + "fake/Real/a.jpg,fake,train,m,i,g\n", "is labelled fake, its folder says 'real'"),
        (HEADER, "lists nothing"),
    ],
)
def test_a_faulty_manifest_is_refused_by_name_and_line(tmp_path: Path, text: str, message: str) -> None:
    touch(tmp_path, "a.jpg", "c.jpg")
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        refuse_faults(read_dataset("manifest", tmp_path / "m.csv"))


def test_faults_are_told_together_and_can_be_allowed(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "c.jpg")
    (tmp_path / "m.csv").write_text(
        HEADER + "a.jpg,real,train,m,i,g\nc.jpg,real,val,m,i,g\nd.jpg,fake,val,m,k,g\n"
    )
    dataset = read_dataset("manifest", tmp_path / "m.csv")
    with pytest.raises(DatasetError) as refusal:
        refuse_faults(dataset, both_classes=True)
    for fault in (
        "d.jpg",
        "more than one split: i",
        "train holds no fake record",
        "val holds no fake record",
    ):
        assert fault in str(refusal.value)
    refuse_faults(dataset, allow_missing=True, allow_leaks=True)
    with pytest.raises(DatasetError, match=r"d\.jpg"):
        refuse_faults(dataset, allow_leaks=True)
    with pytest.raises(DatasetError, match="more than one split"):
        refuse_faults(dataset, allow_missing=True)


def test_a_folder_of_frames_and_a_file_elsewhere_may_be_listed(tmp_path: Path) -> None:
    touch(tmp_path, "m/frames/1.png", "m/empty/readme.txt", "elsewhere/a.mp4")
    rows = ["frames", "empty", str(tmp_path / "elsewhere/a.mp4"), "../elsewhere/a.mp4"]
    (tmp_path / "m/m.csv").write_text(HEADER + "".join(f"{row},real,train,m,,g\n" for row in rows))
    dataset = read_dataset("manifest", tmp_path / "m/m.csv")
    assert dataset.missing_names == ("empty",)
    assert len(dataset.records) == 3
    assert {record.identity for record in dataset.records} == set(rows) - {"empty"}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("place", ["beside", "below"])
def test_a_manifest_lists_the_items_of_every_dataset_again(
    name: str, suffix: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TREES[name](tmp_path / "data")
    touch(tmp_path, "lists/x")
    # A dataset that was named from where one stands is found from elsewhere too.
    monkeypatch.chdir(tmp_path)
    dataset = read_dataset(name, Path("data"))
    listed = (tmp_path / "lists" if place == "beside" else tmp_path / "data") / f"items{suffix}"
    write_manifest(dataset.records, listed)
    monkeypatch.chdir("/")
    again = read_dataset("manifest", listed)
    absolute = [
        replace(record, path=Path(os.path.abspath(tmp_path / record.path))) for record in dataset.records
    ]
    assert list(again.records) == absolute
    assert again.missing == ()
    text = listed.read_text()
    assert (str(tmp_path) in text) == (place == "beside")


def test_odd_names_survive_the_manifest(tmp_path: Path) -> None:
    odd = 'a,"b"\u2028\u000bc.mp4'
    touch(tmp_path, odd)
    record = FaceRecord(tmp_path / odd, Label.REAL, Split.TEST, "m", "i", "age=1;x")
    for suffix in (".csv", ".jsonl"):
        write_manifest([record], tmp_path / f"m{suffix}")
        assert list(read_dataset("manifest", tmp_path / f"m{suffix}").records) == [record]


def test_a_manifest_is_csv_or_jsonl_and_its_folder_is_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"m\.txt"):
        write_manifest([], tmp_path / "m.txt")
    with pytest.raises(OutputError, match=r"no/m\.csv: cannot be written"):
        write_manifest([], tmp_path / "no" / "m.csv")
    (tmp_path / "m.txt").touch()
    with pytest.raises(DatasetError, match=r"ends in \.csv or \.jsonl"):
        read_manifest(tmp_path / "m.txt")
