"""Manifests, splits, the table of uses and the feature cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

from face.types import CropSpec, FaceDetections
from forensics.data.cache import (
    FAKE,
    GENERATED,
    CacheMismatchError,
    CacheSpec,
    FeatureCache,
    load_cache,
    load_caches,
    load_shard,
    record_of,
)
from forensics.data.extract import extract, material_sha256, reembed
from forensics.data.faces import DatasetError, FaceRecord, Label, Split, split_by_identity
from forensics.data.preview import Example, contact_sheet, draw_examples, write_preview
from forensics.data.samples import SampleSettings
from forensics.data.shards import landmarks_in_crop
from forensics.data.sources import training_records
from forensics.data.tools import Tools

BOX = np.array([[181.1, 62.2, 267.7, 172.1]], np.float32)
LANDMARKS = np.array(
    [[(205.0, 101.7), (246.8, 103.7), (224.7, 129.0), (201.7, 139.2), (245.3, 141.9)]], np.float32
)
SPEC = CacheSpec(CropSpec(32, margin_ratio=1.3), "mean colour", "0" * 64, "test", "default", "", 7)


def write_picture(path: Path, *, blank: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros_like(astronaut()) if blank else astronaut()).save(path, quality=95)


def detect(image: np.ndarray) -> FaceDetections:
    """Finds the astronaut in pictures that are not black."""
    if not image.any():
        return FaceDetections.empty()
    return FaceDetections(BOX, LANDMARKS, np.ones(1, np.float32), np.zeros(1, np.int64))


def crop(image: np.ndarray, detection: FaceDetections, spec: CropSpec) -> torch.Tensor:
    left, top, right, bottom = detection.boxes_xyxy[0].astype(int).clip(0)
    patch = torch.from_numpy(np.ascontiguousarray(image[top:bottom, left:right])).permute(2, 0, 1)[None]
    return torch.nn.functional.interpolate(patch.float(), (spec.size, spec.size)).to(torch.uint8)


TOOLS = Tools(
    detect=detect,
    crop=crop,
    encode=lambda crops: crops.float().mean(dim=(2, 3)),
    embed=lambda image, detection: torch.from_numpy(detection.landmarks).flatten(1),
)


def tools() -> Tools:
    return TOOLS


def records(folder: Path, count: int = 6) -> list[FaceRecord]:
    made = []
    for number in range(count):
        path = folder / f"{number}.jpg"
        write_picture(path)
        made.append(FaceRecord(path, Label.REAL, Split.TRAIN, "pictures", f"person{number}", "group=1"))
    return made


def test_the_split_follows_the_identity_and_nothing_else() -> None:
    people = [
        FaceRecord(Path(f"{number}.jpg"), Label.REAL, Split.TRAIN, "m", f"p{number // 2}")
        for number in range(400)
    ]
    split = split_by_identity(people, 3)
    assert [record.split for record in split[::2]] == [record.split for record in split[1::2]]
    assert 0.08 < np.mean([record.split is Split.VAL for record in split]) < 0.22
    assert split_by_identity(people[100:], 3) == split[100:]
    assert split_by_identity(people, 4) != split


def make_material(folder: Path) -> Path:
    for name in ("utkface_7000/25_1_2_1.jpg", "utkface_7000/3_1_2_1.jpg", "youtubefaces_782/Ann_Lee_01.jpg"):
        write_picture(folder / name)
    (folder / "clip.mp4").touch()
    uses = folder / "uses.tsv"
    uses.write_text(
        "file\tlabel\tuse\n"
        "images/utkface_7000.tar\treal\ttrain\n"
        "images/youtubefaces_782.tar\treal\ttrain\n"
        "images/other.tar\treal\tmeasure\n"
        "video/clip.mp4\treal\ttrain\n"
        "video/secret.mp4\tfake\tmeasure\n"
    )
    return uses


def test_only_rows_marked_train_are_listed_and_infants_are_left_out(tmp_path: Path) -> None:
    uses = make_material(tmp_path)
    listed = training_records(uses, tmp_path, tmp_path, seed=7)
    assert [record.path.name for record in listed] == ["clip.mp4", "25_1_2_1.jpg", "Ann_Lee_01.jpg"]
    assert [record.identity for record in listed] == ["clip:clip", "utkface:25_1_2_1.jpg", "ann_lee"]
    assert listed[1].group == "age=20-39;sex=1;race=2"


def test_missing_and_unknown_material_is_named(tmp_path: Path) -> None:
    uses = make_material(tmp_path)
    (tmp_path / "clip.mp4").unlink()
    with pytest.raises(DatasetError, match=r"clip\.mp4: not there"):
        training_records(uses, tmp_path, tmp_path, seed=7)
    uses.write_text("file\tlabel\tuse\nimages/new.tar\treal\ttrain\n")
    with pytest.raises(DatasetError, match=r"new\.tar is marked train but has no reader"):
        training_records(uses, tmp_path, tmp_path, seed=7)


def test_the_cache_holds_a_real_and_a_fake_of_every_face(tmp_path: Path) -> None:
    account = extract(
        records(tmp_path),
        tmp_path / "cache",
        make_tools=tools,
        spec=SPEC,
        settings=SampleSettings(pairs_per_face=2),
    )
    cache = load_cache(tmp_path / "cache", expected={"seed": 7})
    assert account.samples == len(cache) == 24
    assert account.failed == ()
    assert cache.crops.shape == (24, 3, 32, 32)
    assert cache.features == pytest.approx(cache.crops.astype(np.float32).mean(axis=(2, 3)), abs=1e-3)
    for pair in np.unique(cache.pair):
        both = cache.where(cache.pair == pair)
        assert both.label.tolist() == [0, 1]
        assert both.method[0] == "real"
        assert both.method[1] != "real"
        assert both.identity[0] == both.identity[1]
        assert np.array_equal(both.landmarks[0], both.landmarks[1])
        assert np.array_equal(both.embeddings[0], both.embeddings[1])
        assert both.embeddings.shape == (2, 10)
        assert (both.crops[0] != both.crops[1]).any()
    assert set(cache.group) == {"group=1"}


def test_an_interrupted_extraction_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    material = records(tmp_path)
    runs = []
    for name in ("whole", "resumed"):
        out = tmp_path / name
        extract(material, out, make_tools=tools, spec=SPEC, settings=SampleSettings(), records_in_shard=2)
        if name == "resumed":
            (out / "shard_00001.npz").unlink()
            kept = (out / "shard_00000.npz").stat().st_mtime_ns
            extract(
                material,
                out,
                make_tools=tools,
                spec=SPEC,
                settings=SampleSettings(),
                records_in_shard=2,
            )
            assert (out / "shard_00000.npz").stat().st_mtime_ns == kept
        runs.append(load_cache(out, expected={}))
    assert np.array_equal(runs[0].crops, runs[1].crops)
    assert runs[0].pair.tolist() == runs[1].pair.tolist()


def test_landmarks_lie_in_the_crop_where_the_face_is() -> None:
    found = landmarks_in_crop(detect(astronaut()), CropSpec(100, margin_ratio=2.0))
    centre, side = (BOX[0, :2] + BOX[0, 2:]) / 2, 2 * 109.9
    assert found == pytest.approx((LANDMARKS[0] - centre) / side * 100 + 50, abs=0.1)


def test_identities_can_be_computed_anew_by_another_encoder(tmp_path: Path) -> None:
    out = tmp_path / "cache"
    extract(
        records(tmp_path, 3),
        out,
        make_tools=tools,
        spec=SPEC,
        settings=SampleSettings(),
        records_in_shard=2,
    )
    before = load_cache(out, expected={"embedder": "test"})
    reembed(out, lambda crops, landmarks: crops.float().flatten(1)[:, :5], embedder="other")
    after = load_cache(out, expected={"embedder": "other", "tower_sha256": "0" * 64})
    assert np.array_equal(after.embeddings, before.crops.reshape(len(before), -1)[:, :5])
    assert np.array_equal(after.features, before.features)


@pytest.mark.parametrize(("label", "code"), [(Label.FAKE, FAKE), (Label.GENERATED, GENERATED)])
def test_faces_that_are_not_real_stay_alone_and_failures_are_named(
    tmp_path: Path, label: Label, code: int
) -> None:
    material = records(tmp_path, 2)
    material[0] = replace(material[0], label=label, method="gan")
    write_picture(tmp_path / "black.jpg", blank=True)
    (tmp_path / "text.jpg").write_text("no picture")
    material += [replace(material[1], path=tmp_path / name) for name in ("black.jpg", "text.jpg")]
    account = extract(material, tmp_path / "cache", make_tools=tools, spec=SPEC, settings=SampleSettings())
    cache = load_cache(tmp_path / "cache", expected={})
    assert sorted(cache.method)[:1] == ["gan"]
    assert cache.label[cache.method == "gan"].tolist() == [code]
    assert len(cache) == 3
    assert len(account.failed) == 2
    assert any("black.jpg" in sentence for sentence in account.failed)
    assert any("text.jpg" in sentence for sentence in account.failed)


def test_a_cache_of_another_spec_is_refused(tmp_path: Path) -> None:
    material = records(tmp_path, 2)
    out = tmp_path / "cache"
    extract(material, out, make_tools=tools, spec=SPEC, settings=SampleSettings())
    other = replace(SPEC, crop=CropSpec(32, margin_ratio=1.5))
    with pytest.raises(CacheMismatchError, match="crop"):
        extract(material, out, make_tools=tools, spec=other, settings=SampleSettings())
    with pytest.raises(CacheMismatchError, match="tower_sha256"):
        load_cache(out, expected={"tower_sha256": "1" * 64})
    (out / "shard_00000.npz").write_bytes(b"broken")
    with pytest.raises(DatasetError, match="shard_00000"):
        load_shard(out / "shard_00000.npz")


def test_caches_behind_each_other_keep_their_pairs_apart(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for seed, folder in enumerate(folders):
        material = [replace(record, identity=f"{record.identity}.{seed}") for record in records(tmp_path, 3)]
        extract(
            material,
            folder,
            make_tools=tools,
            spec=replace(SPEC, seed=seed),
            settings=SampleSettings(seed=seed),
        )
    one, two = (load_cache(folder, expected={}) for folder in folders)
    both = load_caches(folders, expected={"tower_sha256": SPEC.tower_sha256})
    assert np.array_equal(both.features, np.concatenate([one.features, two.features]))
    assert sorted(np.unique(both.pair, return_counts=True)[1]) == [2] * 6
    assert len(np.unique(record_of(both.pair))) == 6


def test_caches_of_which_one_validates_on_what_the_other_learns_are_refused(tmp_path: Path) -> None:
    for split, suffix in (Split.TRAIN, ""), (Split.VAL, "|another"):
        material = [
            replace(record, split=split, identity=f"{record.identity}{suffix}")
            for record in records(tmp_path, 2)
        ]
        extract(material, tmp_path / split, make_tools=tools, spec=SPEC, settings=SampleSettings())
    with pytest.raises(DatasetError, match=r"2 identities lie in more than one split, 'person0' first"):
        load_caches([tmp_path / "train", tmp_path / "val"], expected={})


def test_a_cache_with_nothing_in_it_is_an_error(tmp_path: Path) -> None:
    write_picture(tmp_path / "black.jpg", blank=True)
    material = [FaceRecord(tmp_path / "black.jpg", Label.REAL, Split.TRAIN, "m", "i")]
    with pytest.raises(DatasetError, match="no record gave a face"):
        extract(material, tmp_path / "cache", make_tools=tools, spec=SPEC, settings=SampleSettings())
    with pytest.raises(DatasetError, match="no shards"):
        load_cache(tmp_path / "cache", expected={})


def test_the_digest_of_the_material_follows_labels_and_order(tmp_path: Path) -> None:
    material = records(tmp_path, 3)
    assert material_sha256(material) == material_sha256(list(material))
    assert material_sha256(material) != material_sha256(material[::-1])
    assert material_sha256(material) != material_sha256(
        [replace(material[0], label=Label.FAKE), *material[1:]]
    )


def test_a_cache_checks_its_columns() -> None:
    text = np.array(["x"])
    with pytest.raises(ValueError, match="label must hold"):
        FeatureCache(
            crops=np.zeros((1, 3, 4, 4), np.uint8),
            features=np.zeros((1, 2), np.float32),
            landmarks=np.zeros((1, 5, 2), np.float32),
            embeddings=np.zeros((1, 2), np.float32),
            label=np.zeros(1, np.int64),  # type: ignore[arg-type]
            pair=np.zeros(1, np.int64),
            split=text,
            source=text,
            method=text,
            identity=text,
            group=text,
        )


def test_the_preview_draws_the_pairs_that_extraction_makes(tmp_path: Path) -> None:
    material = records(tmp_path, 3)
    material[1] = replace(material[1], label=Label.FAKE)
    examples = draw_examples(material, TOOLS, SPEC.crop, settings=SampleSettings())
    assert [example.caption.rpartition(", ")[2] for example in examples] == ["0.jpg", "2.jpg"]
    for example in examples:
        assert example.real.shape == (32, 32, 3)
        assert example.mask.max() > 60
        differs = (example.real != example.fake).any(axis=2)
        pasted = example.mask[..., 0] > 0.7 * example.mask.max()
        assert differs[pasted].mean() > 0.5
    with pytest.raises(DatasetError, match="none is real"):
        draw_examples(material[1:2], TOOLS, SPEC.crop, settings=SampleSettings())


def test_the_preview_shows_real_fake_and_difference(tmp_path: Path) -> None:
    real, fake = np.full((8, 8, 3), 100, np.uint8), np.full((8, 8, 3), 110, np.uint8)
    example = Example(real, fake, np.full((8, 8, 3), 255, np.uint8), "<b>Ann</b>")
    strip = example.strip()
    assert [strip[0, column, 0] for column in (0, 8, 16, 24)] == [100, 110, 255, 158]
    assert contact_sheet([example] * 4, columns=3).shape == (28, 114, 3)
    write_preview([example], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<b>Ann" not in page
    assert "&lt;b&gt;Ann" in page
    write_preview([example], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.getpixel((9, 0)) == (110, 110, 110)
    with pytest.raises(ValueError, match=r"\.png or \.html"):
        write_preview([example], tmp_path / "page.txt")
    with pytest.raises(ValueError, match="no example"):
        contact_sheet([])
