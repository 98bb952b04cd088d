"""The cache that training reads: crops, features and identities of many faces, with the spec they follow."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from face.types import Alignment, CropSpec
from forensics.backbones import STARTER
from forensics.data.faces import IDENTITY_SEPARATOR, DatasetError, Split
from forensics.whole_file import GO_ON, make_folder, whole_file

SPEC_FILE = "spec.json"
# The labels in a cache.
REAL, FAKE, GENERATED = range(3)
# The pairs of a record are numbered from its own number times this.
PAIRS_IN_RECORD = 16_000_000


class CacheMismatchError(DatasetError):
    """A cache was made with other settings than are asked for now."""


@dataclass(frozen=True)
class CacheSpec:
    """What the contents of a cache depend on. Two caches may be mixed only if their specs are equal.

    `preprocess` describes how a crop becomes the tower's input; `tower_sha256` is that of the tower's weight
    file and `embedder` the identity encoder's name, both empty where the cache holds none; `pairs` describes
    the blends and augmentations, `material_sha256` the list of records; `backbone` names the tower,
    `landmarks` what the blends follow (five or dense), and `masks` says whether theirs are kept.
    """

    crop: CropSpec
    preprocess: str
    tower_sha256: str
    embedder: str
    pairs: str
    material_sha256: str
    seed: int
    # Caches made before there was a choice name none: theirs is the starter's.
    backbone: str = STARTER.name
    landmarks: str = "five"
    masks: bool = False


def no_masks() -> npt.NDArray[np.uint8]:
    """What a cache that keeps no masks holds of them; it takes the length of the cache."""
    return np.zeros((0, 0, 0), np.uint8)


@dataclass(frozen=True)
class FeatureCache:
    """N faces. Members of a pair share `pair`; a face without a counterpart has a number of its own.

    `crops` [N,3,S,S] uint8 RGB; `features` [N,D] float32, the tower's raw output (normalise before
    comparing); `landmarks` [N,5,2] float32, in crop pixels, from which other identities can be computed
    later; `embeddings` [N,E] float32, raw; D and E are 0 where none were computed. `label` [N] int8: `REAL`,
    `FAKE` or `GENERATED`; `pair` [N] int64. The rest are [N] texts: `split` (train or val), `source` of the
    real picture, `method` (`real`, or how the fake was made), `identity`, `group`. `mask` [N,M,M] uint8 is
    how much of each pixel is pasted, 255 being all of it: of pairs only, 0 for every face without a
    counterpart, whatever it is; M is S, or 0 where masks were not kept.
    """

    crops: npt.NDArray[np.uint8]
    features: npt.NDArray[np.float32]
    landmarks: npt.NDArray[np.float32]
    embeddings: npt.NDArray[np.float32]
    label: npt.NDArray[np.int8]
    pair: npt.NDArray[np.int64]
    split: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    method: npt.NDArray[np.str_]
    identity: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]
    mask: npt.NDArray[np.uint8] = field(default_factory=no_masks)

    def __post_init__(self) -> None:
        count = len(self.label)
        if not self.mask.size:
            object.__setattr__(self, "mask", np.zeros((count, 0, 0), np.uint8))
        kinds = {"crops": "u1", "mask": "u1", "label": "i1", "pair": "i8"}
        kinds |= dict.fromkeys(("features", "landmarks", "embeddings"), "f4")
        for column in fields(self):
            values = getattr(self, column.name)
            kind = np.dtype(kinds[column.name]) if column.name in kinds else None
            if len(values) != count or (values.dtype.kind != "U" if kind is None else values.dtype != kind):
                raise ValueError(f"{column.name} must hold {count} of {kind or 'text'}, not {values.dtype}")
        if self.crops.ndim != 4 or self.crops.shape[1] != 3 or self.crops.shape[2] != self.crops.shape[3]:
            raise ValueError(f"crops must be [N,3,S,S], not {list(self.crops.shape)}")

    def __len__(self) -> int:
        return len(self.label)

    def where(self, chosen: npt.NDArray[np.bool_]) -> FeatureCache:
        """The faces for which the mask [N] is true, in their order."""
        return FeatureCache(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    @staticmethod
    def join(parts: Sequence[FeatureCache]) -> FeatureCache:
        """One cache of all parts in their order. Raises ValueError for no parts or unequal sizes."""
        columns = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(FeatureCache)
        }
        return FeatureCache(**columns)


def shard_path(folder: Path, number: int) -> Path:
    """Where shard `number` of a cache lies."""
    return folder / f"shard_{number:05d}.npz"


def shard_paths(folder: Path) -> list[Path]:
    """The shards that are there, in order."""
    return sorted(folder.glob("shard_*.npz"))


def save_shard(cache: FeatureCache, path: Path) -> None:
    """Write one shard so that it is there whole or not at all; raises OutputError as `write_whole` does."""
    columns = {field.name: getattr(cache, field.name) for field in fields(cache)}
    write_whole(path, lambda file: np.savez(file, **columns))


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file that is there whole or not at all; OutputError where the disk is full or the
    folder cannot be written."""
    with whole_file(path, remedy=GO_ON) as partial, partial.open("wb") as file:
        write(file)


def load_shard(path: Path) -> FeatureCache:
    """Read one shard, also of those made before masks were kept; raises `DatasetError` if it is none."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            there = {field.name for field in fields(FeatureCache)} - {"mask"} | ({"mask"} & set(arrays))
            return FeatureCache(**{name: arrays[name] for name in there})
    except (OSError, KeyError, ValueError) as error:
        raise DatasetError(f"{path}: not a shard of a feature cache: {error}; delete it") from error


def write_spec(folder: Path, spec: CacheSpec, *, overwrite: bool = False) -> None:
    """Mark an empty folder as a cache of `spec`, or check that it is one already (or make it one).

    Raises `CacheMismatchError` if the folder holds a cache of another spec.
    """
    make_folder(folder)
    if (folder / SPEC_FILE).exists() and not overwrite:
        values = {field.name: getattr(spec, field.name) for field in fields(spec)}
        # First the names that a person chose: what else differs may only follow from them.
        check_spec(folder, {"backbone": spec.backbone, "embedder": spec.embedder} | values)
        return
    if shard_paths(folder) and not overwrite:
        raise CacheMismatchError(f"{folder}: holds shards but no {SPEC_FILE}: choose an empty folder")
    text = json.dumps(asdict(spec), indent=1, sort_keys=True)
    write_whole(folder / SPEC_FILE, lambda file: file.write(text.encode()))


def read_spec(folder: Path) -> CacheSpec:
    """What a cache was made with; raises `CacheMismatchError` where that is not told."""
    try:
        entries = json.loads((folder / SPEC_FILE).read_text(encoding="utf-8"))
        crop = entries.pop("crop")
        alignment = Alignment(crop.pop("alignment"))
        return CacheSpec(crop=CropSpec(**crop, alignment=alignment), **entries)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CacheMismatchError(f"{folder}: no readable {SPEC_FILE}: {error}") from error


def check_spec(folder: Path, expected: Mapping[str, object]) -> None:
    """Raise `CacheMismatchError` where a field of the cache's `CacheSpec` is not as `expected`."""
    found = read_spec(folder)
    for name, value in expected.items():
        if getattr(found, name) != value:
            made = f"{folder}: made with {name} = {getattr(found, name)!r}, not {value!r}"
            raise CacheMismatchError(f"{made}; extract one with that into another folder")


def load_cache(folder: Path, *, expected: Mapping[str, object]) -> FeatureCache:
    """All shards of a cache in order, once those fields of its `CacheSpec` that `expected` names are equal.

    Raises `CacheMismatchError` where they are not, and `DatasetError` for an empty cache.
    """
    check_spec(folder, expected)
    shards = shard_paths(folder)
    if not shards:
        raise DatasetError(f"{folder}: the cache has no shards: extract it first")
    return FeatureCache.join([load_shard(path) for path in shards])


def load_caches(folders: Sequence[Path], *, expected: Mapping[str, object]) -> FeatureCache:
    """The caches (at least one) behind each other, each as `load_cache` gives it, their pairs told apart;
    with masks if all keep them.

    Raises as that does, and `DatasetError` where an identity lies in more than one split.
    """
    parts = [load_cache(folder, expected=expected) for folder in folders]
    if len({part.mask.shape[1:] for part in parts}) > 1:
        # Some keep none: nothing can be said of all.
        parts = [replace(part, mask=no_masks()) for part in parts]
    first = 0
    for number, part in enumerate(parts):
        parts[number] = replace(part, pair=part.pair + first)
        first += (int(record_of(part.pair).max()) + 1) * PAIRS_IN_RECORD
    cache = FeatureCache.join(parts)
    learnt = cache.split == Split.TRAIN
    leaking = _people(cache.identity[learnt]) & _people(cache.identity[~learnt])
    if leaking:
        raise DatasetError(
            f"{', '.join(map(str, folders))}: {len(leaking)} identities lie in more than one split, "
            f"{min(leaking)!r} first; extract them with one split"
        )
    return cache


def record_of(pair: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """[N] the numbers of the records (videos or pictures) that the pairs [N] come from."""
    return pair // PAIRS_IN_RECORD


def _people(identity: npt.NDArray[np.str_]) -> set[str]:
    return {name for text in np.unique(identity) for name in str(text).split(IDENTITY_SEPARATOR)}
