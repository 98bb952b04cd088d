"""Tiny trees in the layouts of the published datasets; the files are empty, nothing here is opened."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write_tar(path: Path, members: Iterable[str], content: bytes = b"x") -> None:
    with tarfile.open(path, "w") as tar:
        for name in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def write_splits(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, pair in (("train", ["000", "003"]), ("val", ["720", "672"]), ("test", ["953", "974"])):
        (folder / f"{name}.json").write_text(json.dumps([pair]))


def faceforensics(root: Path) -> None:
    originals = [f"{name}.mp4" for name in ("000", "003", "720", "672", "953", "974")]
    fakes = [
        f"{a}_{b}.mp4"
        for x, y in (("000", "003"), ("720", "672"), ("953", "974"))
        for a, b in ((x, y), (y, x))
    ]
    for compression in ("raw", "c23"):
        touch(root / "original_sequences/youtube" / compression / "videos", *originals)
        for method in ("Deepfakes", "FaceShifter"):
            touch(root / "manipulated_sequences" / method / compression / "videos", *fakes)
    touch(root / "manipulated_sequences/Deepfakes/masks/videos", "000_003.mp4")
    write_splits(root / "splits")
    deepfakedetection(root)


def deepfakedetection(root: Path) -> None:
    touch(root / "original_sequences/actors/c23/videos", "01__hugging_happy.mp4", "02__kitchen_pan.mp4")
    touch(
        root / "manipulated_sequences/DeepFakeDetection/c23/videos",
        "01_02__hugging_happy__YVGY8LOK.mp4",
    )


def celebdf(root: Path) -> None:
    touch(root / "Celeb-real", "id0_0000.mp4", "id1_0000.mp4", "id2_0001.mp4")
    touch(root / "YouTube-real", "00000.mp4", "00170.mp4")
    touch(root / "Celeb-synthesis", "id0_id1_0000.mp4", "id2_id3_0001.mp4")
    (root / "List_of_testing_videos.txt").write_text(
        "1 YouTube-real/00170.mp4\n1 Celeb-real/id2_0001.mp4\n0 Celeb-synthesis/id2_id3_0001.mp4\n"
    )


def dfdc(root: Path) -> None:
    part = root / "train/dfdc_train_part_7"
    touch(part, "aaa.mp4", "bbb.mp4")
    table = {
        "aaa.mp4": {"label": "REAL", "split": "train", "original": None},
        "bbb.mp4": {"label": "FAKE", "split": "train", "original": "aaa.mp4"},
    }
    (part / "metadata.json").write_text(json.dumps(table))
    touch(root / "validation", "ccc.mp4")
    (root / "validation/labels.csv").write_text("filename,label\nccc.mp4,1\n")
    touch(root / "test", "ddd.mp4")
    (root / "test/metadata.json").write_text(json.dumps({"ddd.mp4": {"is_fake": 0, "augmentations": {}}}))


def dfdc_preview(root: Path) -> None:
    names = {
        "original_videos/1003254/1003254_A_001.mp4": ("real", "train"),
        "method_A/1003254/1003254_A/1255229_1003254_A_001.mp4": ("fake", "train"),
        "method_B/2040724/2040724_C/1726408_2040724_C_001.mp4": ("fake", "test"),
    }
    touch(root, *names)
    table = {
        name: {"label": label, "set": split, "augmentations": []} for name, (label, split) in names.items()
    }
    (root / "dataset.json").write_text(json.dumps(table))


def wilddeepfake(root: Path) -> None:
    touch(root / "real_train/0/real/3", "2.png", "10.png", "1.png")
    touch(root / "real_train/0/real/4", "7.png")
    touch(root / "fake_train/1/fake/0", "5.png")
    touch(root / "fake_test/2/9", "5.png")
    touch(root / "fake_test", "2.tar.gz")


def df40(root: Path) -> None:
    touch(root / "DF40_train/simswap/frames/001_870", "000.png", "004.png")
    touch(root / "DF40_train/simswap/landmarks/001_870", "000.npy")
    touch(root / "DF40_train/StyleGAN2/001", "seed0188.png", "seed0189.png")
    touch(root / "DF40/DynamicFace/cdf/frames/id0_id1_0003", "000.png")
    touch(root / "DF40/MidJourney/real", "a.png")
    touch(root / "DF40/MidJourney/fake", "b.png")
    touch(root / "DF40/sadtalker/ff", "953_974.mp4")


def d3(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    members = [
        f"elsa_v2__train__{number}.{kind}"
        for number in ("12750", "12751")
        for kind in ("caption.txt", "gen_0.jpg", "gen_1.jpg", "real.jpg", "url.txt")
    ]
    write_tar(root / "elsa_v2-0000.tar", members)
    touch(root / "job-0/0", "7_gen0.png", "7_gen1.png", "7_real.png", "7_prompt.txt")
    touch(root / "augm", "real/1.png", "gen_0/1.png", "gen_1/1.png")
    touch(root / "no_augm", "real/1.png", "gen_0/1.png")


def universalfakedetect(root: Path) -> None:
    touch(root / "train/progan/airplane", "0_real/1.png", "1_fake/1.png")
    touch(root / "val/progan/bird", "0_real/1.png", "1_fake/1.png")
    touch(root / "test/deepfake", "0_real/1.png", "1_fake/1.png")


def utkface(root: Path) -> None:
    touch(root / "part1", "39_0_1_20170116174525125.jpg", "61_1_20170109142408075.jpg")
    touch(root / "part2", "100_1_4_20170110183726390.jpg.chip.jpg")


def manifest(root: Path) -> None:
    touch(root, "a.mp4", "seq/1.png", "seq/2.png")
    (root / "manifest.csv").write_text(
        "path,label,split,method,identity,group,compression\n"
        "a.mp4,real,train,camera,ann,sex=f,\nseq,fake,test,SimSwap,bob|cid,,c40\n"
    )


TREES: dict[str, Callable[[Path], None]] = {
    "celebdf": celebdf,
    "d3": d3,
    "deepfakedetection": deepfakedetection,
    "df40": df40,
    "dfdc": dfdc,
    "dfdc_preview": dfdc_preview,
    "faceforensics": faceforensics,
    "manifest": manifest,
    "universalfakedetect": universalfakedetect,
    "utkface": utkface,
    "wilddeepfake": wilddeepfake,
}
