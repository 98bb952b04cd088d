"""The pictures CoDE learns from: found in a folder or in WebDataset shards, checked, split by record.

A record is one real photo and what was generated from it; the split never divides one. Shards are read with
the standard library's tarfile: training needs each picture by its place, which the webdataset package, a
reader of streams, does not give.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from forensics.code_heads import FAKE, REAL
from forensics.errors import ExitCode, ForensicsError
from video.stills import FORMATS

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
CLASS_FOLDERS = {"real": REAL, "fake": FAKE}
# D3 names the members of a record so: KEY.real.jpg and KEY.gen_0.png in a shard, KEY_real.jpg and
# KEY_gen0.jpg in a folder.
_D3_MEMBER = re.compile(r"(?P<key>.+)[._](?P<kind>real|gen_?\d+)")
_LAYOUTS = (
    "expected DIR/real and DIR/fake with pictures below, or D3 records as .tar shards (KEY.real.jpg, "
    "KEY.gen_0.jpg) or as files (KEY_real.jpg, KEY_gen0.jpg)"
)
DEFAULT_MOST_UNREADABLE = 10
_MOST_NAMED = 5

# Called with the pictures checked so far, of how many.
OnChecked = Callable[[int, int], None]


class TrainingDataError(ForensicsError):
    """The pictures to learn from are missing, damaged or not laid out as they must be."""

    exit_code = ExitCode.INPUT


@dataclass(frozen=True)
class Picture:
    """One encoded picture: a whole file, or `size_bytes` from `offset_bytes` on in a tar shard.

    `label` is 0 for real and 1 for fake; `sha256` is that of the encoded bytes, empty until checked.
    """

    path: Path
    name: str
    label: int
    record: str
    offset_bytes: int = 0
    size_bytes: int = -1
    sha256: str = ""

    def encoded(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.offset_bytes)
            return file.read(self.size_bytes)

    def pixels(self) -> torch.Tensor:
        """[3,H,W] uint8 RGB. Raises TrainingDataError when it cannot be decoded."""
        return _decoded(self, self.encoded())


@dataclass(frozen=True)
class Record:
    """The pictures of one photo: usually one real and its generated counterparts, either may be missing."""

    key: str
    real: tuple[Picture, ...]
    fake: tuple[Picture, ...]


@dataclass(frozen=True)
class Collection:
    """All readable pictures of a source by record, the names of the unreadable, and a digest of all bytes."""

    records: tuple[Record, ...]
    unreadable: tuple[str, ...]
    digest: str

    def __post_init__(self) -> None:
        for label, kind in ((REAL, "real"), (FAKE, "generated")):
            if not pictures_of(self.records, label):
                raise TrainingDataError(f"no readable {kind} picture is there to learn from; {_LAYOUTS}")


def pictures_of(records: Iterable[Record], label: int | None = None) -> list[Picture]:
    """The pictures of `records`, all or those of one label."""
    pictures = [picture for record in records for picture in (*record.real, *record.fake)]
    return [picture for picture in pictures if label is None or picture.label == label]


def collect(
    source: Path,
    *,
    most_unreadable: int = DEFAULT_MOST_UNREADABLE,
    on_checked: OnChecked = lambda done, total: None,
) -> Collection:
    """Find the pictures of `source` and decode each once.

    Raises TrainingDataError for another layout, a missing class, a damaged shard, and when more than
    `most_unreadable` pictures cannot be decoded.
    """
    found = sorted(find_pictures(source), key=lambda picture: (picture.record, picture.label, picture.name))
    readable, unreadable = [], []
    with ThreadPoolExecutor() as pool:
        for done, (picture, fault) in enumerate(pool.map(_checked, found), start=1):
            if fault is None:
                readable.append(picture)
            else:
                unreadable.append(f"{picture.name}: {fault}")
            on_checked(done, len(found))
    if len(unreadable) > most_unreadable:
        named = "; ".join(unreadable[:_MOST_NAMED])
        raise TrainingDataError(
            f"{source}: {len(unreadable)} of {len(found)} pictures cannot be read, allowed are "
            f"{most_unreadable} ({named}{'; ...' if len(unreadable) > _MOST_NAMED else ''}); "
            "remove or replace them, or raise --max-unreadable"
        )
    lines = (f"{picture.record} {picture.name} {picture.label} {picture.sha256}" for picture in readable)
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    try:
        return Collection(_records(readable), tuple(unreadable), digest)
    except TrainingDataError as error:
        raise TrainingDataError(f"{source}: {error}") from error


def find_pictures(source: Path) -> list[Picture]:
    """What the names in `source` promise; nothing is decoded. Raises TrainingDataError for other layouts."""
    if source.is_file():
        return _shard_pictures(source, source.parent)
    if not source.is_dir():
        raise TrainingDataError(f"{source}: no such folder or shard; {_LAYOUTS}")
    files = sorted(path for path in source.rglob("*") if path.is_file())
    if not files:
        raise TrainingDataError(f"{source}: the folder is empty; {_LAYOUTS}")
    if shards := [path for path in files if path.suffix == ".tar"]:
        return [picture for shard in shards for picture in _shard_pictures(shard, source)]
    images = [path for path in files if path.suffix.lower() in SUFFIXES]
    folders = [name for name in CLASS_FOLDERS if (source / name).is_dir()]
    found = [_in_class_folder(path, source) for path in images] if folders else []
    if not folders:
        found = [_loose_member(path, source) for path in images]
    pictures = [picture for picture in found if picture is not None]
    if not pictures:
        raise TrainingDataError(f"{source}: no picture lies where one is looked for; {_LAYOUTS}")
    return pictures


def split(records: Sequence[Record], validation_share: float) -> tuple[list[Record], list[Record]]:
    """Records to learn from and to validate on, chosen by the hashes of their pictures.

    Records that share a picture, byte by byte, stay on one side. Raises TrainingDataError when a side
    lacks a class.
    """
    groups: dict[int, list[Record]] = {}
    for group, record in zip(_linked(records), records, strict=True):
        groups.setdefault(group, []).append(record)
    hashes = {group: min(p.sha256 for p in pictures_of(members)) for group, members in groups.items()}
    ranked = sorted(groups, key=lambda group: hashes[group])
    held_out = max(1, round(validation_share * len(ranked)))
    sides = [
        sorted((record for group in part for record in groups[group]), key=lambda record: record.key)
        for part in (ranked[held_out:], ranked[:held_out])
    ]
    for side, records_there in zip(("learn from", "validate on"), sides, strict=True):
        for label, kind in ((REAL, "real"), (FAKE, "generated")):
            if not pictures_of(records_there, label):
                raise TrainingDataError(
                    f"of {len(ranked)} independent records none with a {kind} picture is left to {side}; "
                    "bring more pictures or change --validation-share"
                )
    return sides[0], sides[1]


def pair_up(records: Sequence[Record], draw: np.random.Generator) -> list[tuple[Picture, Picture]]:
    """One pass over `records` as (real, fake) pairs, of one record wherever it has both.

    A record with several generated pictures gives one of them, drawn anew each pass. Pictures without a
    counterpart are paired with each other, the rarer class repeating.
    """

    def one_of(pictures: Sequence[Picture]) -> Picture:
        return pictures[int(draw.integers(len(pictures)))]

    both = [record for record in records if record.real and record.fake]
    pairs = [(one_of(record.real), one_of(record.fake)) for record in both]
    alone = [record for record in records if not (record.real and record.fake)]
    reals, fakes = pictures_of(alone, REAL), pictures_of(alone, FAKE)
    count = max(len(reals), len(fakes))

    def shuffled(pool: Sequence[Picture]) -> list[Picture]:
        order = draw.permutation(len(pool))
        return [pool[order[place % len(pool)]] for place in range(count)]

    if count:
        real_column = shuffled(reals or pictures_of(both, REAL))
        fake_column = shuffled(fakes or pictures_of(both, FAKE))
        pairs += zip(real_column, fake_column, strict=True)
    return pairs


def _checked(picture: Picture) -> tuple[Picture, str | None]:
    """The picture with its digest, or why it cannot be read."""
    try:
        encoded = picture.encoded()
        _decoded(picture, encoded)
    except (OSError, TrainingDataError) as error:
        return picture, str(error).removeprefix(f"{picture.name}: ")
    return replace(picture, sha256=hashlib.sha256(encoded).hexdigest()), None


def _decoded(picture: Picture, encoded: bytes) -> torch.Tensor:
    with warnings.catch_warnings():
        # Between Pillow's two limits a picture is only large; beyond the second it raises.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
                rgb = np.array(image.convert("RGB"))
        except UnidentifiedImageError as error:
            raise TrainingDataError(f"{picture.name}: is no {', '.join(FORMATS)}") from error
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise TrainingDataError(f"{picture.name}: does not decode ({error})") from error
    return torch.from_numpy(rgb).permute(2, 0, 1).contiguous()


def _records(pictures: Sequence[Picture]) -> tuple[Record, ...]:
    """Records from pictures in the order of their record."""
    records = []
    for key, members in groupby(pictures, key=lambda picture: picture.record):
        together = list(members)
        real, fake = (tuple(p for p in together if p.label == label) for label in (REAL, FAKE))
        records.append(Record(key, real, fake))
    return tuple(records)


def _linked(records: Sequence[Record]) -> list[int]:
    """For each record the number of its group; records with a picture of the same bytes share one."""
    places = [(row, p.sha256) for row, record in enumerate(records) for p in pictures_of([record])]
    rows = [row for row, _ in places]
    numbers = {sha256: len(records) + place for place, (_, sha256) in enumerate(places)}
    nodes = len(records) + len(places)
    columns = [numbers[sha256] for _, sha256 in places]
    links = coo_array((np.ones(len(places)), (rows, columns)), (nodes, nodes))
    groups: list[int] = connected_components(links, directed=False)[1][: len(records)].tolist()
    return groups


def _in_class_folder(path: Path, source: Path) -> Picture | None:
    """A picture below real/ or fake/; its record is what both folders call it."""
    within = path.relative_to(source)
    label = CLASS_FOLDERS.get(within.parts[0])
    if label is None:
        return None
    stem = within.relative_to(within.parts[0]).with_suffix("").as_posix()
    member = _D3_MEMBER.fullmatch(stem)
    return Picture(path, within.as_posix(), label, member["key"] if member else stem)


def _loose_member(path: Path, source: Path) -> Picture | None:
    member = _D3_MEMBER.fullmatch(path.relative_to(source).with_suffix("").as_posix())
    if member is None:
        return None
    return Picture(path, path.relative_to(source).as_posix(), _label(member), member["key"])


def _shard_pictures(shard: Path, source: Path) -> list[Picture]:
    """The pictures of D3 records in one uncompressed tar file."""
    pictures = []
    within = shard.relative_to(source).as_posix()
    try:
        with tarfile.open(shard, "r:") as archive:
            for entry in archive:
                member = _D3_MEMBER.fullmatch(Path(entry.name).with_suffix("").as_posix())
                if not entry.isreg() or member is None or Path(entry.name).suffix.lower() not in SUFFIXES:
                    continue
                # Without the shard's name: a record that lies in two shards is one record.
                pictures.append(
                    Picture(
                        path=shard,
                        name=f"{within}/{entry.name}",
                        label=_label(member),
                        record=member["key"],
                        offset_bytes=entry.offset_data,
                        size_bytes=entry.size,
                    )
                )
    except (tarfile.TarError, OSError) as error:
        raise TrainingDataError(
            f"{shard}: no complete, uncompressed tar file ({error}); make or copy it again"
        ) from error
    if not pictures:
        raise TrainingDataError(f"{shard}: the shard holds no record; {_LAYOUTS}")
    return pictures


def _label(member: re.Match[str]) -> int:
    return REAL if member["kind"] == "real" else FAKE
