"""Each published dataset is read from a tree of its own layout: labels, splits, methods, identities."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from dataset_trees import TREES, deepfakedetection, touch, write_splits, write_tar

from forensics.data.dataset import Dataset, ReadOptions, dataset_names, read_dataset
from forensics.data.faces import DatasetError, FaceRecord
from forensics.data.media import files_of, in_archive, pictures_in
from forensics.errors import UsageFault


def made(name: str, root: Path) -> Dataset:
    TREES[name](root)
    return read_dataset(name, root)


def by_path(dataset: Dataset) -> Mapping[str, FaceRecord]:
    return {record.path.relative_to(dataset.root).as_posix(): record for record in dataset.records}


def told(record: FaceRecord) -> tuple[str, ...]:
    return (record.label, record.split, record.method, record.identity, record.group, record.compression)


# One record or more of each dataset, and how many there are in all.
EXPECTED = {
    "faceforensics": (
        39,
        {
            "original_sequences/youtube/raw/videos/000.mp4": ("real", "train", "youtube", "ff:000", "", "c0"),
            "manipulated_sequences/FaceShifter/c23/videos/672_720.mp4": (
                "fake", "val", "FaceShifter", "ff:672|ff:720", "", "c23",
            ),
            "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__hugging_happy__YVGY8LOK.mp4": (
                "fake", "test", "DeepFakeDetection", "dfd:01|dfd:02", "", "c23",
            ),
        },
    ),
    "deepfakedetection": (
        3,
        {
            "original_sequences/actors/c23/videos/02__kitchen_pan.mp4": (
                "real", "test", "actors", "dfd:02", "", "c23",
            ),
        },
    ),
    "celebdf": (
        7,
        {
            "Celeb-synthesis/id0_id1_0000.mp4": (
                "fake", "train", "Celeb-synthesis", "celebdf:id0|celebdf:id1", "", "",
            ),
            "Celeb-real/id2_0001.mp4": ("real", "test", "Celeb-real", "celebdf:id2", "", ""),
            "YouTube-real/00170.mp4": ("real", "test", "YouTube-real", "celebdf:00170", "", ""),
        },
    ),
    "dfdc": (
        4,
        {
            "train/dfdc_train_part_7/bbb.mp4": ("fake", "train", "dfdc", "dfdc:aaa", "", ""),
            "train/dfdc_train_part_7/aaa.mp4": ("real", "train", "dfdc", "dfdc:aaa", "", ""),
            "validation/ccc.mp4": ("fake", "val", "dfdc", "dfdc:ccc", "", ""),
            "test/ddd.mp4": ("real", "test", "dfdc", "dfdc:ddd", "", ""),
        },
    ),
    "dfdc_preview": (
        3,
        {
            "method_A/1003254/1003254_A/1255229_1003254_A_001.mp4": (
                "fake", "train", "method_A", "dfdc_preview:1255229|dfdc_preview:1003254", "", "",
            ),
            "original_videos/1003254/1003254_A_001.mp4": (
                "real", "train", "original_videos", "dfdc_preview:1003254", "", "",
            ),
        },
    ),
    "wilddeepfake": (
        4,
        {
            "real_train/0/real/3": ("real", "train", "internet", "wilddeepfake:real_train/0", "", ""),
            "fake_test/2/9": ("fake", "test", "internet", "wilddeepfake:fake_test/2", "", ""),
        },
    ),
    "df40": (
        7,
        {
            "DF40_train/simswap/frames/001_870": (
                "fake", "train", "simswap", "ff:001|ff:870", "domain=ff", "",
            ),
            "DF40_train/StyleGAN2/001/seed0188.png": (
                "generated", "train", "StyleGAN2", "df40:StyleGAN2/001/seed0188.png", "", "",
            ),
            "DF40/DynamicFace/cdf/frames/id0_id1_0003": (
                "fake", "test", "DynamicFace", "celebdf:id0|celebdf:id1", "domain=cdf", "",
            ),
            "DF40/MidJourney/real/a.png": (
                "real", "test", "MidJourney", "df40:MidJourney/real/a.png", "", "",
            ),
            "DF40/MidJourney/fake/b.png": (
                "generated", "test", "MidJourney", "df40:MidJourney/fake/b.png", "", "",
            ),
            "DF40/sadtalker/ff/953_974.mp4": ("fake", "test", "sadtalker", "ff:953|ff:974", "domain=ff", ""),
        },
    ),
    "d3": (
        14,
        {
            "job-0/0/7_gen0.png": ("generated", "train", "gen_0", "d3:7", "", ""),
            "elsa_v2-0000.tar/elsa_v2__train__12750.real.jpg": ("real", "train", "real", "d3:12750", "", ""),
            "elsa_v2-0000.tar/elsa_v2__train__12751.gen_1.jpg": (
                "generated", "train", "gen_1", "d3:12751", "", "",
            ),
            "augm/gen_0/1.png": ("generated", "test", "gen_0", "d3:1", "transforms=augm", ""),
        },
    ),
    "universalfakedetect": (
        6,
        {
            "train/progan/airplane/1_fake/1.png": (
                "generated", "train", "progan", "progan:train/progan/airplane/1_fake/1.png",
                "class=airplane", "",
            ),
            "test/deepfake/1_fake/1.png": (
                "fake", "test", "deepfake", "deepfake:test/deepfake/1_fake/1.png", "", "",
            ),
        },
    ),
    "utkface": (
        3,
        {
            "part1/39_0_1_20170116174525125.jpg": (
                "real", "test", "utkface", "utkface:39_0_1_20170116174525125.jpg",
                "age=20-39;sex=0;race=1", "",
            ),
            "part1/61_1_20170109142408075.jpg": (
                "real", "test", "utkface", "utkface:61_1_20170109142408075.jpg",
                "age=60-79;sex=1;race=unknown", "",
            ),
        },
    ),
    "manifest": (
        2,
        {
            "a.mp4": ("real", "train", "camera", "ann", "sex=f", ""),
            "seq": ("fake", "test", "SimSwap", "bob|cid", "", "c40"),
        },
    ),
}  # fmt: skip


def test_every_known_dataset_is_tested_here() -> None:
    assert dataset_names() == tuple(sorted(EXPECTED)) == tuple(sorted(TREES))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_whole_dataset_is_read_as_it_is_distributed(name: str, tmp_path: Path) -> None:
    number, expected = EXPECTED[name]
    dataset = made(name, tmp_path)
    found = by_path(dataset)
    assert {path: told(found[path]) for path in expected} == expected
    assert len(dataset.records) == number
    assert dataset.missing == ()
    assert dataset.extra == ()
    assert dataset.leaking == ()


@pytest.mark.parametrize("name", EXPECTED)
def test_another_layout_is_refused_by_what_was_expected_and_what_was_found(name: str, tmp_path: Path) -> None:
    touch(tmp_path, "holiday/beach.txt")
    with pytest.raises(DatasetError) as refusal:
        read_dataset(name, tmp_path)
    message = str(refusal.value)
    assert "\n" not in message
    assert message.startswith(f"{tmp_path}: expected ")
    assert message.endswith("found holiday")
    with pytest.raises(DatasetError, match="does not exist"):
        read_dataset(name, tmp_path / "nowhere")


# What is deleted and what is added, and how both are named; a link into nowhere is missing too.
FAULTS = {
    "faceforensics": (
        "manipulated_sequences/FaceShifter/raw/videos/974_953.mp4",
        "original_sequences/youtube/c23/videos/tmp4djl",
    ),
    "celebdf": ("Celeb-synthesis/id2_id3_0001.mp4", "Celeb-real/notes.txt"),
    "dfdc": ("train/dfdc_train_part_7/bbb.mp4", "train/dfdc_train_part_7/zzz.mp4"),
    "dfdc_preview": ("method_B/2040724/2040724_C/1726408_2040724_C_001.mp4", "method_A/1003254/x.mp4"),
    "manifest": ("a.mp4", "b.mp4"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("dangling", [False, True])
def test_missing_and_extra_files_are_named(name: str, dangling: bool, tmp_path: Path) -> None:
    gone, added = FAULTS[name]
    whole = made(name, tmp_path)
    (tmp_path / gone).unlink()
    if dangling:
        (tmp_path / gone).symlink_to(tmp_path / "nowhere.mp4")
    touch(tmp_path, added)
    dataset = read_dataset(name, tmp_path)
    assert dataset.missing_names == (gone,)
    assert dataset.extra == (added,)
    assert dataset.missing == tuple(record for record in whole.records if record.path == tmp_path / gone)
    assert len(dataset.records) == len(whole.records) - 1


def test_extra_files_of_datasets_without_lists_are_named(tmp_path: Path) -> None:
    for name, added in (
        ("deepfakedetection", "original_sequences/actors/c23/videos/odd.mp4"),
        ("wilddeepfake", "real_test/0"),
        ("df40", "DF40/simswap.zip"),
        ("d3", "augm/gen_0/notes.txt"),
        ("d3", "job-0/0/holiday.png"),
        ("universalfakedetect", "test/deepfake/0_real/Thumbs.db"),
    ):
        root = tmp_path / added / name
        TREES[name](root)
        touch(root, added)
        assert read_dataset(name, root).extra == (added,)


def test_an_archive_that_was_not_unpacked_is_missing(tmp_path: Path) -> None:
    TREES["wilddeepfake"](tmp_path)
    touch(tmp_path, "real_test/5.tar.gz")
    (missing,) = read_dataset("wilddeepfake", tmp_path).missing
    assert missing.path == tmp_path / "real_test/5"
    assert told(missing)[:2] == ("real", "test")


def test_a_picture_that_a_sample_of_a_shard_lacks_is_missing(tmp_path: Path) -> None:
    write_tar(
        tmp_path / "s.tar", ["elsa__test__1.real.png", "elsa__test__1.gen_0.png", "elsa__test__2.gen_0.png"]
    )
    dataset = read_dataset("d3", tmp_path)
    assert dataset.missing_names == ("s.tar/elsa__test__2.real",)
    assert {record.split for record in dataset.records} == {"test"}


def test_frames_are_read_where_videos_were_not_fetched(tmp_path: Path) -> None:
    write_splits(tmp_path)
    names = ("000", "003", "720", "672", "953")
    touch(tmp_path / "original_sequences/youtube/c40/images", *(f"{name}/0000.png" for name in names))
    dataset = read_dataset("faceforensics", tmp_path)
    assert [record.path.name for record in dataset.records] == sorted(names)
    assert dataset.missing_names == ("original_sequences/youtube/c40/images/974",)


def test_split_files_may_lie_elsewhere_and_are_asked_for(tmp_path: Path) -> None:
    touch(tmp_path / "data/original_sequences/youtube/c23/videos", "000.mp4")
    write_splits(tmp_path / "lists")
    with pytest.raises(DatasetError, match=r"no train\.json, val\.json, test\.json there; .* --splits"):
        read_dataset("faceforensics", tmp_path / "data")
    dataset = read_dataset("faceforensics", tmp_path / "data", ReadOptions(splits=tmp_path / "lists"))
    assert len(dataset.records) == 1
    deepfakedetection(tmp_path / "data")
    with pytest.raises(UsageFault, match="has no split files"):
        read_dataset("deepfakedetection", tmp_path / "data", ReadOptions(splits=tmp_path / "lists"))


@pytest.mark.parametrize("text", ["{", "[1, 2]", '[["000"]]', '[["000", "../x"]]', '{"a": 1}'])
def test_a_broken_split_file_is_named(text: str, tmp_path: Path) -> None:
    TREES["faceforensics"](tmp_path)
    (tmp_path / "splits/val.json").write_text(text)
    with pytest.raises(DatasetError, match=r"val\.json: "):
        read_dataset("faceforensics", tmp_path)


def test_an_original_in_two_splits_leaks(tmp_path: Path) -> None:
    TREES["faceforensics"](tmp_path)
    (tmp_path / "splits/val.json").write_text(json.dumps([["000", "720"]]))
    assert read_dataset("faceforensics", tmp_path).leaking == ("ff:000",)


def test_a_person_leaks_who_is_only_one_of_two_in_a_swap(tmp_path: Path) -> None:
    TREES["celebdf"](tmp_path)
    touch(tmp_path, "Celeb-synthesis/id0_id3_0007.mp4")
    assert read_dataset("celebdf", tmp_path).leaking == ("celebdf:id3",)


def test_labels_that_contradict_folders_are_refused(tmp_path: Path) -> None:
    def rewrite(name: str, file: str, old: str, new: str) -> Path:
        root = tmp_path / name
        TREES[name](root)
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, new))
        return root

    with pytest.raises(DatasetError, match=r"line 3: Celeb-syn.* is listed as real, its folder says fake"):
        read_dataset("celebdf", rewrite("celebdf", "List_of_testing_videos.txt", "0 Celeb", "1 Celeb"))
    with pytest.raises(DatasetError, match=r"original_videos/.* is labelled fake"):
        read_dataset("dfdc_preview", rewrite("dfdc_preview", "dataset.json", '"real"', '"fake"'))
    with pytest.raises(DatasetError, match=r"bbb\.mp4 is labelled REAL but is made from aaa"):
        read_dataset("dfdc", rewrite("dfdc", "train/dfdc_train_part_7/metadata.json", "FAKE", "REAL"))
    TREES["wilddeepfake"](tmp_path / "wild")
    touch(tmp_path / "wild", "real_test/0/fake/1/1.png")
    with pytest.raises(DatasetError, match="lies in a folder 'fake' of real_test"):
        read_dataset("wilddeepfake", tmp_path / "wild")


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("dfdc", "test/metadata.json", '{"../../x.mp4": {"is_fake": 0}}'),
        ("dfdc_preview", "dataset.json", '{"/etc/passwd": {"label": "fake", "set": "train"}}'),
        ("celebdf", "List_of_testing_videos.txt", "1 Celeb-real/../../x.mp4"),
    ],
)
def test_lists_never_lead_out_of_the_dataset(name: str, file: str, text: str, tmp_path: Path) -> None:
    TREES[name](tmp_path)
    (tmp_path / file).write_text(text)
    with pytest.raises(DatasetError):
        read_dataset(name, tmp_path)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"a.mp4": 1}', '{"a.mp4": {"label": "maybe", "split": "train"}}']
)
def test_a_broken_table_is_named(text: str, tmp_path: Path) -> None:
    TREES["dfdc"](tmp_path)
    (tmp_path / "test/metadata.json").write_text(text)
    with pytest.raises(DatasetError, match=r"metadata\.json: "):
        read_dataset("dfdc", tmp_path)


def test_a_linked_dataset_is_read_like_one_that_lies_there(tmp_path: Path) -> None:
    TREES["celebdf"](tmp_path / "store")
    (tmp_path / "mine").symlink_to(tmp_path / "store")
    linked = read_dataset("celebdf", tmp_path / "mine")
    assert by_path(linked).keys() == by_path(read_dataset("celebdf", tmp_path / "store")).keys()
    TREES["universalfakedetect"](tmp_path / "ufd")
    (tmp_path / "ufd/test/loop").symlink_to(tmp_path / "ufd")
    assert len(read_dataset("universalfakedetect", tmp_path / "ufd").records) == 6


def test_a_part_of_a_dataset_can_be_chosen(tmp_path: Path) -> None:
    dataset = made("faceforensics", tmp_path)
    (tmp_path / "original_sequences/youtube/c23/videos/000.mp4").unlink()
    dataset = read_dataset("faceforensics", tmp_path)
    assert dataset.only(compression="raw").missing == ()
    assert dataset.only(compression="raw") == dataset.only(compression="c0")
    assert len(dataset.only(compression="c23").missing) == 1
    with pytest.raises(DatasetError, match=r"holds no c40; it holds test c0, test c23, train c0"):
        dataset.only(compression="c40")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageFault, match="did you mean 'celebdf'"):
        read_dataset("CelebDF2", Path())


def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    TREES["wilddeepfake"](tmp_path)
    folder = tmp_path / "real_train/0/real/3"
    assert [path.name for path in pictures_in(folder)] == ["1.png", "2.png", "10.png"]
    assert [path.name for path in files_of(folder, every=2)] == ["1.png", "10.png"]


def test_a_member_of_a_tar_is_read_without_unpacking(tmp_path: Path) -> None:
    write_tar(tmp_path / "s.tar", ["./a/b.png"], b"bytes of a picture")
    path = tmp_path / "s.tar/a/b.png"
    assert in_archive(path) == (tmp_path / "s.tar", "a/b.png")
    for file in files_of(path):
        assert file.name == "b.png"
        assert file.read_bytes() == b"bytes of a picture"
    assert not file.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["s.tar"]
