"""NumPy arrays inside pickles and joblib files, read from their bytes without calling NumPy's own unpickling.

Only plain numbers are read. An object array holds pickles of its own and is refused, as are text, records and
every other kind.
"""

from __future__ import annotations

import math
from io import BytesIO
from typing import Any

import numpy as np

from weights.convert.layout import Array
from weights.convert.pickles import Allowed, Call, Instance, Name, RefusedPickleError, shown

NUMBER_CODES = frozenset({"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"})
# NumPy 2 renamed its private modules; files of both kinds are about.
MULTIARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
NUMERIC_MODULES = ("numpy.core.numeric", "numpy._core.numeric")
NDARRAY = ("numpy", "ndarray")
JOBLIB_WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
# More than any weight file needs; NumPy cannot address what lies beyond.
MAX_DIMENSIONS, MAX_NUMBERS = 16, 1 << 48


class PickledDtype:
    """A NumPy number type: its code from the call, its byte order from the state that follows."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._order = "<"

    def set_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 8 or state[1] not in ("<", ">", "|"):
            raise RefusedPickleError(f"a number type {self._code} with an unknown state")
        if any(part is not None for part in state[2:5]):
            raise RefusedPickleError("a structured array")
        self._order = state[1]

    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self._order + self._code)


class PickledArray:
    """An array whose shape, type and bytes the pickle gives in a state; empty until then."""

    def __init__(self) -> None:
        self.array: Array | None = None

    def set_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise RefusedPickleError("an array with an unknown state")
        _, shape, dtype, fortran, raw = state
        self.array = _array_of(raw, dtype, shape, order="F" if fortran else "C")


class JoblibArray(Instance):
    """joblib's placeholder of an array whose bytes follow the placeholder in the file."""

    array: Array | None = None

    def read(self, stream: BytesIO) -> None:
        """Take the bytes at the position of `stream`."""
        shape, dtype = self.state.get("shape"), self.state.get("dtype")
        if self.state.get("order") not in ("C", "F") or not isinstance(dtype, PickledDtype):
            raise RefusedPickleError("a joblib array of another kind than plain numbers")
        if self.state.get("numpy_array_alignment_bytes") is not None:
            padding = stream.read(1)
            stream.read(padding[0] if padding else 0)
        size_bytes = _count(shape) * dtype.dtype().itemsize
        self.array = _array_of(stream.read(size_bytes), dtype, shape, order=self.state["order"])


def array_of(value: Any) -> Array:
    """The array in a value of a pickle. Raises RefusedPickleError when it is none."""
    array = value if isinstance(value, np.ndarray) else getattr(value, "array", None)
    if not isinstance(array, np.ndarray):
        raise RefusedPickleError(f"a {type(value).__name__} where an array must be")
    return array


def allowed_arrays(*classes: tuple[str, str]) -> Allowed:
    """What a pickle or joblib file of NumPy numbers inside objects of `classes` may contain."""
    calls: dict[tuple[str, str], Call] = {
        ("numpy", "dtype"): _dtype,
        ("_codecs", "encode"): _encoder(),
        ("__builtin__", "bytes"): _empty_bytes,
        JOBLIB_WRAPPER: _instance_of(JoblibArray, *JOBLIB_WRAPPER),
    }
    calls |= {(module, "_reconstruct"): _empty_array for module in MULTIARRAY_MODULES}
    calls |= {(module, "scalar"): _scalar for module in MULTIARRAY_MODULES}
    calls |= {(module, "_frombuffer"): _from_buffer for module in NUMERIC_MODULES}
    calls |= {name: _instance_of(Instance, *name) for name in classes}
    return Allowed(calls, mentions=frozenset({NDARRAY}), after_build=_read_joblib_bytes)


def _read_joblib_bytes(built: Any, stream: BytesIO) -> None:
    if isinstance(built, JoblibArray):
        built.read(stream)


def _instance_of(kind: type[Instance], module: str, name: str) -> Call:
    def call(arguments: tuple[Any, ...]) -> Instance:
        if arguments:
            raise RefusedPickleError(f"{module}.{name} with arguments")
        return kind(Name(module, name))

    return call


def _dtype(arguments: tuple[Any, ...]) -> PickledDtype:
    code = arguments[0] if arguments else None
    if not isinstance(code, str) or code not in NUMBER_CODES:
        raise RefusedPickleError(f"an array of {shown(code)}: only plain numbers are read")
    return PickledDtype(code)


def _encoder() -> Call:
    """Protocol 2 has no bytes and writes them as Latin-1 text.

    One text encoded in a hundred calls is one object, or a small file could fill the memory.
    """
    encoded: dict[str, bytes] = {}

    def encode(arguments: tuple[Any, ...]) -> bytes:
        if len(arguments) != 2 or not isinstance(arguments[0], str) or arguments[1] != "latin1":
            raise RefusedPickleError("text in an encoding other than latin1")
        text = arguments[0]
        if text not in encoded:
            encoded[text] = text.encode("latin-1")
        return encoded[text]

    return encode


def _empty_bytes(arguments: tuple[Any, ...]) -> bytes:
    if arguments:
        raise RefusedPickleError("bytes made from something")
    return b""


def _empty_array(arguments: tuple[Any, ...]) -> PickledArray:
    if arguments[:1] != (Name(*NDARRAY),):
        raise RefusedPickleError("an array of another class than numpy.ndarray")
    return PickledArray()


def _from_buffer(arguments: tuple[Any, ...]) -> Array:
    raw, dtype, shape, order = arguments
    return _array_of(raw, dtype, shape, order=order)


def _scalar(arguments: tuple[Any, ...]) -> float | int | bool:
    dtype, raw = arguments
    value: float | int | bool = _array_of(raw, dtype, (1,), order="C")[0].item()
    return value


def is_shape(value: Any) -> bool:
    """Whether a value of a pickle is a tuple of sizes that an array can have."""
    if not isinstance(value, tuple) or len(value) > MAX_DIMENSIONS:
        return False
    plain = all(type(size) is int and 0 <= size <= MAX_NUMBERS for size in value)
    # A size of 0 does not make the others addressable.
    return plain and math.prod(max(size, 1) for size in value) <= MAX_NUMBERS


def _count(shape: Any) -> int:
    if not is_shape(shape):
        raise RefusedPickleError("an array whose shape is not that of plain numbers")
    return math.prod(shape)


def _array_of(raw: Any, dtype: Any, shape: Any, *, order: Any) -> Array:
    if (
        not isinstance(dtype, PickledDtype)
        or not isinstance(raw, bytes | bytearray)
        or order not in ("C", "F")
    ):
        raise RefusedPickleError("an array of another kind than plain numbers in bytes")
    if len(raw) != _count(shape) * dtype.dtype().itemsize:
        raise RefusedPickleError(f"an array of the shape {shape} with {len(raw)} bytes")
    return np.frombuffer(raw, dtype.dtype()).reshape(shape, order=order)
