"""Reads pickles without unpickling: a machine that knows a few opcodes and can build nothing but plain data.

Python's own unpickler looks up and calls what a pickle names. Filters laid over it have been bypassed (object
arrays, `numpy.testing`), so it is not used at all: `pickletools` only splits the stream into opcodes, and
this machine has no way to import, look up or call anything. A name in a pickle stays a `Name`; what a "call"
of it means is taken from a table of exact (module, name) pairs, whose entries are functions of this package
that return inert data. Everything else, opcode or name, is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from weights.errors import CorruptWeightsError

Call = Callable[[tuple[Any, ...]], Any]

# Opcodes that push the value pickletools has already decoded.
PUSH_NUMBER = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
PUSH_TEXT = ("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8")
PUSH_BYTES = ("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8")
PUSH_ARGUMENT = frozenset({*PUSH_NUMBER, *PUSH_TEXT, *PUSH_BYTES})
PUSH_CONSTANT = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
TUPLE_SIZES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
# Nothing these files hold needs another kind of key, and hashing deeply nested tuples can exhaust the stack.
KEY_TYPES = (str, int, float, bytes)
# A message shows no more than this of a text or number that a pickle holds.
SHOWN_CHARACTERS, SHOWN_BITS = 80, 64


# What a damaged stream raises inside pickletools or on the machine's stack; a warning where those are errors.
DAMAGE = (ValueError, TypeError, LookupError, OverflowError, MemoryError, RecursionError, Warning)


def shown(value: Any) -> str:
    """A value of a pickle as messages may name it: short text and numbers as they are, else its type alone.

    A few hundred bytes can share one tuple 2**28 times over. Whoever prints, compares or hashes it walks
    through all of them, so nothing in these files is asked for its own representation.
    """
    if isinstance(value, str):
        return repr(value) if len(value) <= SHOWN_CHARACTERS else f"{value[:SHOWN_CHARACTERS]!r}..."
    short_number = isinstance(value, float) or (type(value) is int and value.bit_length() <= SHOWN_BITS)
    if short_number or value is None or isinstance(value, bool):
        return repr(value)
    return str(value) if isinstance(value, Name) else f"a {type(value).__name__}"


class RefusedPickleError(CorruptWeightsError):
    """The pickle asks for something that is not on the list, or is damaged."""


@dataclass(frozen=True)
class Name:
    """A module and a name inside it, as the pickle wrote them. Never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass
class Instance:
    """An object of an allowed class: its name, and the state the pickle gave it."""

    of: Name
    state: dict[str, Any] = field(default_factory=dict)

    def set_state(self, state: Any) -> None:
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise RefusedPickleError(f"the state of {self.of} is not a dictionary of attributes")
        if self.state:
            # One large state given over and over takes hours to copy.
            raise RefusedPickleError(f"a second state of {self.of}")
        self.state.update(state)


@dataclass(frozen=True)
class Allowed:
    """What a pickle may contain: names it may call, names it may only mention, and its storages.

    `after_build` is asked after a BUILD with the object built and the stream just behind it: joblib writes
    the bytes of an array there.
    """

    calls: Mapping[tuple[str, str], Call] = field(default_factory=dict)
    mentions: frozenset[tuple[str, str]] = frozenset()
    persistent: Call | None = None
    after_build: Callable[[Any, BytesIO], None] | None = None


class _Mark:
    """The place on the stack where a list, tuple or dictionary begins."""


MARK = _Mark()


def read_pickle(stream: BytesIO, allowed: Allowed) -> Any:
    """The data of the pickle at the position of `stream`, which ends up just behind it.

    Raises RefusedPickleError for an opcode or a name that is not allowed, and for a damaged stream.
    """
    machine = _Machine(allowed)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "STOP":
                return machine.pop()
            machine.step(opcode.name, argument, stream)
    except RefusedPickleError:
        raise
    except DAMAGE as error:
        cause = f"{type(error).__name__}: {str(error)[:SHOWN_CHARACTERS]}"
        raise RefusedPickleError(f"damaged pickle ({cause})") from error
    raise RefusedPickleError("the pickle has no end")


class _Machine:
    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def pop(self) -> Any:
        value = self._stack.pop()
        if value is MARK:
            raise RefusedPickleError("a mark where a value must be")
        return value

    def step(self, opcode: str, argument: Any, stream: BytesIO) -> None:
        if opcode in PUSH_ARGUMENT:
            self._stack.append(argument)
        elif opcode in PUSH_CONSTANT:
            self._stack.append(PUSH_CONSTANT[opcode])
        elif opcode in TUPLE_SIZES:
            values = [self.pop() for _ in range(TUPLE_SIZES[opcode])]
            self._stack.append(tuple(reversed(values)))
        elif opcode in ("GLOBAL", "STACK_GLOBAL"):
            self._push_name(argument)
        elif opcode in ("REDUCE", "NEWOBJ"):
            arguments, name = self.pop(), self.pop()
            self._stack.append(self._call(name, arguments))
        elif opcode == "BUILD":
            self._build(stream)
        else:
            handler = _CONTAINERS.get(opcode)
            if handler is None:
                raise RefusedPickleError(f"the opcode {opcode} is not allowed")
            handler(self, argument)

    def _push_name(self, argument: str | None) -> None:
        if argument is not None:
            module, _, name = argument.partition(" ")
        else:
            name, module = self.pop(), self.pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise RefusedPickleError("a name that is no text")
        known = (module, name) in self._allowed.calls or (module, name) in self._allowed.mentions
        if not known:
            raise RefusedPickleError(f"the name {shown(f'{module}.{name}')} is not allowed")
        self._stack.append(Name(module, name))

    def _call(self, name: Any, arguments: Any) -> Any:
        call = self._allowed.calls.get((name.module, name.name)) if isinstance(name, Name) else None
        if call is None or not isinstance(arguments, tuple):
            raise RefusedPickleError(f"a call of {shown(name)} is not allowed")
        return call(arguments)

    def _build(self, stream: BytesIO) -> None:
        state, target = self.pop(), self._stack[-1]
        if isinstance(target, dict):
            # An OrderedDict carries attributes (torch's _metadata) that no tensor needs.
            return
        if not hasattr(type(target), "set_state"):
            raise RefusedPickleError(f"a state for a {type(target).__name__} is not allowed")
        target.set_state(state)
        if self._allowed.after_build is not None:
            self._allowed.after_build(target, stream)

    def _since_mark(self) -> list[Any]:
        values: list[Any] = []
        while (value := self._stack.pop()) is not MARK:
            values.append(value)
        return values[::-1]

    def _mark(self, _: Any) -> None:
        self._stack.append(MARK)

    def _nothing(self, _: Any) -> None:
        """PROTO and FRAME say how the stream is written, which pickletools has dealt with."""

    def _drop(self, _: Any) -> None:
        self.pop()

    def _new_list(self, _: Any) -> None:
        self._stack.append([])

    def _new_dict(self, _: Any) -> None:
        self._stack.append({})

    def _tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._since_mark()))

    def _append(self, _: Any) -> None:
        self._extend([self.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._since_mark())

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise RefusedPickleError("items for something that is not a list")
        target.extend(values)

    def _set_item(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        self._update([key, value])

    def _set_items(self, _: Any) -> None:
        self._update(self._since_mark())

    def _update(self, flat: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict) or len(flat) % 2:
            raise RefusedPickleError("entries for something that is not a dictionary")
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            if not isinstance(key, KEY_TYPES):
                raise RefusedPickleError(f"a {type(key).__name__} as a dictionary key")
            target[key] = value

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _put(self, index: int) -> None:
        self._memo[int(index)] = self._stack[-1]

    def _get(self, index: int) -> None:
        self._stack.append(self._memo[int(index)])

    def _persistent(self, _: Any) -> None:
        identifier = self.pop()
        if self._allowed.persistent is None or not isinstance(identifier, tuple):
            raise RefusedPickleError("a reference to something outside the pickle")
        self._stack.append(self._allowed.persistent(identifier))


_CONTAINERS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _Machine._nothing,
    "FRAME": _Machine._nothing,
    "MARK": _Machine._mark,
    "POP": _Machine._drop,
    "EMPTY_LIST": _Machine._new_list,
    "EMPTY_DICT": _Machine._new_dict,
    "TUPLE": _Machine._tuple,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "MEMOIZE": _Machine._memoize,
    "PUT": _Machine._put,
    "BINPUT": _Machine._put,
    "LONG_BINPUT": _Machine._put,
    "GET": _Machine._get,
    "BINGET": _Machine._get,
    "LONG_BINGET": _Machine._get,
    "BINPERSID": _Machine._persistent,
}
