"""DF40 (Yan et al., NeurIPS 2024): forty methods in a folder each, named as the folders are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from forensics.data.dataset import Dataset, ReadOptions, compare
from forensics.data.faces import DatasetError, FaceRecord, Label, Split, joined
from forensics.data.folders import entries, wrong_layout
from forensics.data.media import PICTURE_SUFFIXES, VIDEO_SUFFIXES, pictures_in

SUMMARY = "forty methods; the real counterparts of most are those of FaceForensics++ and Celeb-DF"
LAYOUT = (
    "DF40_train/METHOD and DF40/METHOD (or DF40_test/METHOD, or such a folder itself), in each "
    "[ff|cdf/][real|fake/]frames/000_003/*.png, or pictures or videos of any depth"
)
SPLIT_FILES: tuple[str, ...] = ()

_SPLITS = {"DF40_train": Split.TRAIN, "DF40": Split.TEST, "DF40_test": Split.TEST}
# Without digits of versions and signs: StyleGAN2, stylegan3, sd2.1, SiT-XL/2 ...
_GENERATORS = re.compile(
    r"stylegan|vqgan|ddim|ddpm|rddm|pixart|dit|sit|sd[\W_]*2|mid[-_]?jou|whichfaceisreal|whichisreal",
    re.IGNORECASE,
)
# These edit the one picture they are given; like the generators they have no sequences.
_EDITORS = re.compile(r"collabdiff|e4e|stargan|styleclip", re.IGNORECASE)
# The others; where only a method's folder tells the dataset, one of these must be there.
_KNOWN = re.compile(
    rf"{_GENERATORS.pattern}|{_EDITORS.pattern}|blendface|danet|deepfacelab|e4s|face_?vid2vid|facedancer|faceswap|"
    "fomm|fsgan|heygen|hyperreenact|inswap|lia$|mcnet|mobileswap|mraa|one_?shot|pirender|sadtalker|simswap|tpsm|"
    "uniface|wav2lip",
    re.IGNORECASE,
)
# Beside the frames of the same name.
_AUXILIARY = frozenset(["landmarks", "masks"])
_PAIR = {
    "ff": re.compile(r"(\d{3})(?:_(\d{3}))?"),
    "cdf": re.compile(r"(id\d+)(?:_(id\d+))?_\d+"),
}
_PEOPLE = {"ff": "ff", "cdf": "celebdf"}


def read(root: Path, options: ReadOptions) -> Dataset:
    """A folder of frames is one record, pictures of generators and editors are one each; see
    `forensics.data.dataset.DatasetModule`. Sequences of FaceForensics++ and Celeb-DF keep the identities that
    those have here, so that they can be listed together."""
    parts = [root / name for name in _SPLITS if (root / name).is_dir()]
    records: list[FaceRecord] = []
    present: list[Path] = []
    if not parts and not any(_KNOWN.match(path.name) for path in entries(root)):
        raise wrong_layout(root, LAYOUT)
    for part in parts or [root]:
        split = _SPLITS.get(part.name, Split.TRAIN if "train" in part.name.lower() else Split.TEST)
        for method in entries(part):
            found = list(_material(method)) if method.is_dir() else []
            present.extend(found or [method])
            records.extend(_record(path, method, split) for path in found if _is_material(path))
    return compare(root, records, present)


def _material(method: Path) -> Iterator[Path]:
    single = (_GENERATORS.match(method.name) or _EDITORS.match(method.name)) is not None
    level = [method]
    while level:
        below = []
        for folder in level:
            children = [path for path in entries(folder) if path.name not in _AUXILIARY]
            below += [path for path in children if path.is_dir()]
            files = [path for path in children if not path.is_dir()]
            if pictures_in(folder) and not single:
                yield folder
                files = [path for path in files if path.suffix.lower() not in PICTURE_SUFFIXES]
            yield from files
        level = below


def _is_material(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES


def _record(path: Path, method: Path, split: Split) -> FaceRecord:
    inside = path.relative_to(method).parts
    claims = {part.lower() for part in inside[:-1] if part.lower() in ("real", "fake")}
    if len(claims) == 2:
        raise DatasetError(f"{path}: lies in a folder named real and in one named fake")
    generated = _GENERATORS.match(method.name) is not None
    label = Label.REAL if claims == {"real"} else Label.GENERATED if generated else Label.FAKE
    domain = next((part for part in inside[:-1] if part in _PAIR), "ff" if "frames" in inside else "")
    pair = _PAIR[domain].fullmatch(path.stem) if domain else None
    people = [f"{_PEOPLE[domain]}:{name}" for name in pair.groups() if name] if pair else []
    own = f"df40:{method.name}/{'/'.join(inside)}"
    return FaceRecord(
        path, label, split, method.name, joined(*people) or own, f"domain={domain}" if domain else ""
    )
