"""The tensors of torch.save files, zip archives and the older plain form, read without torch's unpickling."""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from weights.convert.layout import Array
from weights.convert.pickled_arrays import MAX_NUMBERS, is_shape
from weights.convert.pickles import SHOWN_CHARACTERS, Allowed, Name, RefusedPickleError, read_pickle, shown

STORAGE_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
# A zip file's list of members is at its end, so half of one is only known by its beginning.
ZIP_START = b"PK\x03\x04"
# What `zipfile` raises for a damaged list of members: impossible places in the file (OSError where it goes
# there), names in no known encoding, methods and versions that do not exist.
ZIP_DAMAGE = (zipfile.BadZipFile, EOFError, ValueError, OSError, NotImplementedError, struct.error, Warning)
# In the flags of a member of a zip archive: its bytes are encrypted.
ENCRYPTED_FLAG = 0x1
# Every pickle that torch has written says its protocol first.
PICKLE_START = b"\x80"
# torch writes a number or an address.
MAX_KEY_CHARACTERS = 64
# The first pickle of a file in the older form, and the version in the second.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_VERSION = 1001


@dataclass(frozen=True)
class Storage:
    """The memory of one or more tensors: its number type, its key in the file, how many numbers it has."""

    dtype: np.dtype[Any]
    key: str
    count: int


@dataclass(frozen=True)
class PickledTensor:
    """A window into a storage, as torch describes it: offset, shape and strides in numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, data: bytes) -> Array:
        """The tensor as an array of its own, from the bytes of its storage."""
        expected = self.storage.count * self.storage.dtype.itemsize
        if len(data) != expected:
            told = f"the storage {self.storage.key} has {len(data)} of {expected} bytes"
            raise RefusedPickleError(f"{told}; the file was cut off or changed")
        flat = np.frombuffer(data, self.storage.dtype)
        if math.prod(self.shape) > flat.size:
            # A stride of 0 repeats numbers; no weight file needs it, and it could unfold to any size.
            raise RefusedPickleError(f"a tensor larger than its storage {self.storage.key}")
        if 0 in self.shape:
            return np.empty(self.shape, self.storage.dtype)
        reach = sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if self.offset + reach >= flat.size:
            raise RefusedPickleError(f"a tensor that reaches beyond its storage {self.storage.key}")
        steps = tuple(stride * flat.itemsize for stride in self.strides)
        window = np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, steps, writeable=False)
        return np.array(window, order="C")


@dataclass(frozen=True)
class Checkpoint:
    """The content of a torch.save file: plain data, in which every tensor is still a `PickledTensor`."""

    content: Any
    read_storage: Callable[[Storage], bytes]

    def array(self, value: Any) -> Array:
        """The array of one tensor of the content. Raises RefusedPickleError when `value` is no tensor."""
        if not isinstance(value, PickledTensor):
            raise RefusedPickleError(f"a {type(value).__name__} where a tensor must be")
        return value.read(self.read_storage(value.storage))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the torch.save file at `path`; RefusedPickleError for anything but tensors in plain data."""
    if _is_zip(path):
        return _read_zip(path)
    content = path.read_bytes()
    if content.startswith(ZIP_START):
        raise RefusedPickleError("a zip archive without its end; it was cut off")
    if not content.startswith(PICKLE_START):
        raise RefusedPickleError("not a torch.save file: neither a zip archive nor a pickle")
    return _read_legacy(BytesIO(content))


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    # Python 3.11 lets this one through, for an archive said to be in several parts.
    except zipfile.BadZipFile as error:
        raise RefusedPickleError(f"damaged archive ({error})") from error


def _read_zip(path: Path) -> Checkpoint:
    with _opened(path) as archive:
        names = archive.namelist()
        roots = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise RefusedPickleError("not a torch.save file: no data.pkl in the archive")
        root = roots[0]
        if f"{root}byteorder" in names and _stored(archive, f"{root}byteorder") != b"little":
            raise RefusedPickleError("written on a big-endian machine")
        content = read_pickle(BytesIO(_stored(archive, f"{root}data.pkl")), _allowed({}))

    def read_storage(storage: Storage) -> bytes:
        with _opened(path) as archive:
            return _stored(archive, f"{root}data/{storage.key}")

    return Checkpoint(content, read_storage)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except ZIP_DAMAGE as error:
        raise RefusedPickleError(f"damaged archive ({str(error)[:SHOWN_CHARACTERS]})") from error


def _stored(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise RefusedPickleError(f"{name} is missing") from error
    # torch never compresses; a compressed member could unfold to any size.
    if info.compress_type != zipfile.ZIP_STORED:
        raise RefusedPickleError(f"{name} is compressed")
    if info.flag_bits & ENCRYPTED_FLAG:
        raise RefusedPickleError(f"{name} is encrypted")
    return archive.read(info)


def _read_legacy(stream: BytesIO) -> Checkpoint:
    if read_pickle(stream, Allowed()) != LEGACY_MAGIC or read_pickle(stream, Allowed()) != LEGACY_VERSION:
        raise RefusedPickleError("not a torch.save file")
    machine = read_pickle(stream, Allowed())
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise RefusedPickleError("written on a big-endian machine")
    storages: dict[str, Storage] = {}
    content = read_pickle(stream, _allowed(storages))
    data: dict[str, bytes] = {}
    keys = read_pickle(stream, Allowed())
    for key in keys if isinstance(keys, list) else []:
        if not isinstance(key, str) or key not in storages:
            raise RefusedPickleError(f"the storage {shown(key)} belongs to no tensor")
        header = stream.read(8)
        size_bytes = storages[key].count * storages[key].dtype.itemsize
        data[key] = stream.read(size_bytes)
        if len(header) != 8 or struct.unpack("<q", header)[0] != storages[key].count:
            raise RefusedPickleError(f"the storage {key} is cut off or of another size")

    def read_storage(storage: Storage) -> bytes:
        if storage.key not in data:
            raise RefusedPickleError(f"the storage {storage.key} is missing")
        return data[storage.key]

    return Checkpoint(content, read_storage)


def _allowed(seen: dict[str, Storage]) -> Allowed:
    """The names in a file of tensors; the storages met are noted in `seen`."""

    def storage(identifier: tuple[Any, ...]) -> Storage:
        kind, name, key, _, count = identifier[:5]
        if kind != "storage" or not isinstance(name, Name) or not isinstance(key, str):
            raise RefusedPickleError("a reference to something that is no storage")
        known = type(count) is int and 0 <= count <= MAX_NUMBERS and len(key) <= MAX_KEY_CHARACTERS
        if not known or any(part is not None for part in identifier[5:]):
            raise RefusedPickleError(f"the storage {shown(key)} is described in an unknown way")
        found = Storage(np.dtype(STORAGE_DTYPES[name.name]), key, count)
        return seen.setdefault(key, found)

    return Allowed(
        calls={
            ("collections", "OrderedDict"): _ordered_dict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
        },
        mentions=frozenset(("torch", name) for name in STORAGE_DTYPES),
        persistent=storage,
    )


def _ordered_dict(arguments: tuple[Any, ...]) -> dict[str, Any]:
    if arguments:
        raise RefusedPickleError("an OrderedDict made from something")
    return {}


def _tensor(arguments: tuple[Any, ...]) -> PickledTensor:
    storage, offset, shape, strides = arguments[:4]
    if not isinstance(storage, Storage) or not is_shape(shape) or not isinstance(strides, tuple):
        raise RefusedPickleError("a tensor described in an unknown way")
    steps = (offset, *strides)
    if len(strides) != len(shape) or not all(
        type(step) is int and 0 <= step <= MAX_NUMBERS for step in steps
    ):
        raise RefusedPickleError("a tensor with an offset or strides that cannot be")
    return PickledTensor(storage, offset, shape, strides)


def _parameter(arguments: tuple[Any, ...]) -> Any:
    return arguments[0]
