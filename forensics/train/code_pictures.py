"""Pictures to train on, found by name in a folder or in WebDataset shards, and decoded one by one.

Shards are read with the standard library's tarfile: training needs each picture by its place, which the
webdataset package, a reader of streams, does not give.
"""

from __future__ import annotations

import io
import re
import tarfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from forensics.code_heads import FAKE, REAL
from forensics.data.media import PICTURE_SUFFIXES
from forensics.datasets.d3 import MEMBER as D3_MEMBER
from forensics.errors import ExitCode, ForensicsError
from video.stills import FORMATS

CLASS_FOLDERS = {"real": REAL, "fake": FAKE}
LAYOUTS = (
    "expected DIR/real and DIR/fake with pictures below, or D3 records as .tar shards (KEY.real.jpg, "
    "KEY.gen_0.jpg) or as files (KEY_real.jpg, KEY_gen0.jpg)"
)


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
        return decoded(self.encoded(), self.name)


def find_pictures(source: Path) -> list[Picture]:
    """What the names in `source` promise; nothing is decoded. Raises TrainingDataError for other layouts."""
    if source.is_file():
        return _shard_pictures(source, source.parent)
    if not source.is_dir():
        raise TrainingDataError(f"{source}: no such folder or shard; {LAYOUTS}")
    files = sorted(path for path in source.rglob("*") if path.is_file())
    if not files:
        raise TrainingDataError(f"{source}: the folder is empty; {LAYOUTS}")
    if shards := [path for path in files if path.suffix == ".tar"]:
        return [picture for shard in shards for picture in _shard_pictures(shard, source)]
    images = [path for path in files if path.suffix.lower() in PICTURE_SUFFIXES]
    folders = [name for name in CLASS_FOLDERS if (source / name).is_dir()]
    found = [_in_class_folder(path, source) for path in images] if folders else []
    if not folders:
        found = [_loose_member(path, source) for path in images]
    pictures = [picture for picture in found if picture is not None]
    if not pictures:
        raise TrainingDataError(f"{source}: no picture lies where one is looked for; {LAYOUTS}")
    return pictures


def decoded(encoded: bytes, name: str) -> torch.Tensor:
    """[3,H,W] uint8 RGB. Raises TrainingDataError with `name` when it cannot be decoded."""
    with warnings.catch_warnings():
        # Between Pillow's two limits a picture is only large; beyond the second it raises.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
                rgb = np.array(image.convert("RGB"))
        except UnidentifiedImageError as error:
            raise TrainingDataError(f"{name}: is no {', '.join(FORMATS)}") from error
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise TrainingDataError(f"{name}: does not decode ({error})") from error
    return torch.from_numpy(rgb).permute(2, 0, 1).contiguous()


def _in_class_folder(path: Path, source: Path) -> Picture | None:
    """A picture below real/ or fake/; its record is what both folders call it."""
    within = path.relative_to(source)
    label = CLASS_FOLDERS.get(within.parts[0])
    if label is None:
        return None
    stem = within.relative_to(within.parts[0]).with_suffix("").as_posix()
    member = D3_MEMBER.fullmatch(stem)
    return Picture(path, within.as_posix(), label, member["key"] if member else stem)


def _loose_member(path: Path, source: Path) -> Picture | None:
    member = D3_MEMBER.fullmatch(path.relative_to(source).with_suffix("").as_posix())
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
                name = Path(entry.name)
                member = D3_MEMBER.fullmatch(name.with_suffix("").as_posix())
                if not entry.isreg() or member is None or name.suffix.lower() not in PICTURE_SUFFIXES:
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
        raise TrainingDataError(f"{shard}: the shard holds no record; {LAYOUTS}")
    return pictures


def _label(member: re.Match[str]) -> int:
    return REAL if member["kind"] == "real" else FAKE
