"""The plain manifest as a dataset: whatever it lists, wherever that lies."""

from __future__ import annotations

from pathlib import Path

from forensics.data.dataset import Dataset, ReadOptions, compare
from forensics.data.folders import wrong_layout
from forensics.data.media import PICTURE_SUFFIXES, VIDEO_SUFFIXES
from forensics.data.plain_manifest import SUFFIXES, read_manifest

SUMMARY = "anything else, listed by yourself"
LAYOUT = (
    "a .csv or .jsonl with path,label,split,method,identity,group and perhaps compression (or a folder "
    "with manifest.csv or manifest.jsonl); a path is a file, a folder of frames, or FILE.tar/MEMBER"
)
SPLIT_FILES: tuple[str, ...] = ()

_NAMES = tuple(f"manifest{suffix}" for suffix in SUFFIXES)


def read(root: Path, options: ReadOptions) -> Dataset:
    """What the manifest lists; of a folder with a manifest, what lies in it besides is extra. See
    `forensics.data.dataset.DatasetModule`."""
    if root.is_file():
        return compare(root.parent, read_manifest(root), ())
    manifests = [root / name for name in _NAMES if (root / name).is_file()]
    if len(manifests) != 1:
        raise wrong_layout(root, f"one of {' and '.join(_NAMES)}")
    records = read_manifest(manifests[0])
    listed = {record.path for record in records}
    media = (
        path
        for path in root.rglob("*")
        if path.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES and listed.isdisjoint(path.parents)
    )
    return compare(root, records, media)
