"""Pickles are read without running anything in them; whatever is not on the list is refused."""

from __future__ import annotations

import builtins
import collections
import contextlib
import datetime
import decimal
import fractions
import functools
import io
import operator
import os
import pathlib
import pickle
import pickletools
import random
import struct
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from weights.convert.pickled_arrays import allowed_arrays, array_of
from weights.convert.pickles import Allowed, Instance, RefusedPickleError, read_pickle
from weights.convert.repdfd import convert as convert_repdfd
from weights.convert.sklearn_heads import HEADS
from weights.convert.sklearn_heads import convert as convert_head
from weights.convert.torch_checkpoint import read_checkpoint
from weights.convert.torch_state import convert as convert_state
from weights.errors import CorruptWeightsError

LONGEST_REFUSAL, LONGEST_SECONDS = 400, 5.0
MARKER_VARIABLE = "WEIGHTS_TEST_MARKER"


class Calls:
    """An object whose pickle asks for `function(*arguments)`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self._call


class BuiltFrom(Calls):
    """As `Calls`, with a state that the object's own __setstate__ would take."""

    def __reduce__(self) -> Any:
        return (*self._call, {"x": 1})


def by_hand(*opcodes: bytes) -> bytes:
    return b"\x80\x02" + b"".join(opcodes) + b"."


def named(module: str, name: str, arguments: bytes = b")") -> bytes:
    """A protocol 2 pickle that calls module.name."""
    return by_hand(b"c" + f"{module}\n{name}\n".encode(), arguments, b"R")


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def shared_tuples(levels: int) -> bytes:
    """A tuple of 2**`levels` empty ones in 7 bytes a level: each level holds the one below twice.

    Left in memo `levels` and not on the stack. Printing, hashing or comparing it walks through all of them.
    """
    level = b"h%ch%c\x86q%c0"
    return b")q\x000" + b"".join(level % (below, below, below + 1) for below in range(levels))


def head_of(name: str, *state: bytes) -> bytes:
    """The opcodes of a fitted head of that class with the state, its keys and values in turn."""
    (module,) = (module for module, of in HEADS if of == name)
    return b"c%s\n%s\n)\x81}(%sub" % (module.encode(), name.encode(), b"".join(state))


SHELL = f"touch ${MARKER_VARIABLE}"
PYTHON = f"import os; open(os.environ[{MARKER_VARIABLE!r}], 'w').close()"
SHELL_ARGUMENT = text(SHELL) + b"\x85"
PYTHON_ARGUMENT = text(PYTHON) + b"\x85"

LAUGHS = shared_tuples(24)
LONG_NUMBER = b"\x8b" + struct.pack("<I", 1_000_000) + b"\x7f" * 1_000_000

HOSTILE: dict[str, Callable[[], bytes]] = {
    "os.system": lambda: pickle.dumps(Calls(os.system, SHELL)),
    "os.system protocol 0": lambda: pickle.dumps(Calls(os.system, SHELL), protocol=0),
    "os.system protocol 1": lambda: pickle.dumps(Calls(os.system, SHELL), protocol=1),
    "os.system protocol 2": lambda: pickle.dumps(Calls(os.system, SHELL), protocol=2),
    "os.system protocol 5": lambda: pickle.dumps(Calls(os.system, SHELL), protocol=5),
    "posix.system": lambda: named("posix", "system", SHELL_ARGUMENT),
    "nt.system": lambda: named("nt", "system", SHELL_ARGUMENT),
    "os.popen": lambda: pickle.dumps(Calls(os.popen, SHELL)),
    "os.execl": lambda: named("os", "execl", text("/bin/sh") + text("sh") + b"\x86"),
    "subprocess.Popen": lambda: pickle.dumps(Calls(subprocess.Popen, ["touch", "x"])),
    "subprocess.check_output": lambda: pickle.dumps(Calls(subprocess.check_output, ["touch", "x"])),
    "eval": lambda: pickle.dumps(Calls(eval, f"exec({PYTHON!r})")),
    "exec": lambda: pickle.dumps(Calls(exec, PYTHON)),
    "__builtin__.eval": lambda: named("__builtin__", "eval", PYTHON_ARGUMENT),
    "compile": lambda: pickle.dumps(Calls(compile, PYTHON, "x", "exec")),
    "__import__": lambda: pickle.dumps(Calls(builtins.__import__, "antigravity")),
    "open for writing": lambda: pickle.dumps(Calls(open, "written", "w")),
    "io.open": lambda: named("io", "open", text("written") + text("w") + b"\x86"),
    "getattr": lambda: named("builtins", "getattr", text("os") + text("system") + b"\x86"),
    "operator.attrgetter": lambda: pickle.dumps(Calls(operator.attrgetter, "system")),
    "operator.methodcaller": lambda: pickle.dumps(Calls(operator.methodcaller, "system", SHELL)),
    "functools.partial": lambda: pickle.dumps(functools.partial(os.system, SHELL)),
    "functools.reduce": lambda: pickle.dumps(Calls(functools.reduce, os.system, [SHELL, SHELL])),
    "map": lambda: pickle.dumps(Calls(map, os.system, [SHELL])),
    "importlib.import_module": lambda: named("importlib", "import_module", text("antigravity") + b"\x85"),
    "runpy.run_path": lambda: named("runpy", "run_path", text("x.py") + b"\x85"),
    "runpy._run_code": lambda: named("runpy", "_run_code", PYTHON_ARGUMENT),
    "pickle.loads": lambda: pickle.dumps(Calls(pickle.loads, pickle.dumps(Calls(os.system, SHELL)))),
    "marshal.loads": lambda: named("marshal", "loads"),
    "types.FunctionType": lambda: named("types", "FunctionType"),
    "numpy.testing runstring": lambda: named("numpy.testing._private.utils", "runstring", PYTHON_ARGUMENT),
    "numpy.load": lambda: named("numpy", "load", text("x.npy") + b"\x85"),
    "numpy.core.multiarray.fromfile": lambda: named("numpy.core.multiarray", "fromfile"),
    "numpy.f2py.crackfortran": lambda: named("numpy.f2py.crackfortran", "getlincoef"),
    "torch.load": lambda: named("torch", "load", text("x") + b"\x85"),
    "torch.storage._load_from_bytes": lambda: named("torch.storage", "_load_from_bytes"),
    "torch._inductor": lambda: named("torch._inductor.codecache", "compile_file", PYTHON_ARGUMENT),
    "joblib.load": lambda: named("joblib", "load", text("x") + b"\x85"),
    "sklearn of another module": lambda: named("sklearn.utils", "LogisticRegression"),
    "a dotted name of an allowed module": lambda: by_hand(
        text("numpy"), text("dtype.__class__"), b"\x93", b")", b"R"
    ),
    "a prefix of an allowed module": lambda: named("numpy.core", "multiarray._reconstruct"),
    "codecs decode": lambda: named("_codecs", "decode", text("x") + text("rot13") + b"\x86"),
    "codecs encode with another codec": lambda: named("_codecs", "encode", text("x") + text("zip") + b"\x86"),
    "bytes of a number": lambda: named("__builtin__", "bytes", b"J\xff\xff\xff\x7f\x85"),
    "an object array": lambda: pickle.dumps(np.array([Calls(os.system, SHELL)], dtype=object)),
    "an object array of protocol 5": lambda: pickle.dumps(np.array([Calls(os.system, SHELL)]), protocol=5),
    "a text array": lambda: pickle.dumps(np.array(["text"])),
    "a structured array": lambda: pickle.dumps(np.zeros(2, dtype=[("a", "f4"), ("b", "O")])),
    "a masked array": lambda: pickle.dumps(np.ma.masked_array([1.0, 2.0], [True, False])),
    "a memory map": lambda: named("numpy", "memmap", text("/etc/passwd") + b"\x85"),
    "a date": lambda: pickle.dumps(datetime.date(2020, 1, 1)),
    "a path": lambda: pickle.dumps(pathlib.PurePosixPath("/etc")),
    "a decimal": lambda: pickle.dumps(decimal.Decimal(1)),
    "a fraction": lambda: pickle.dumps(fractions.Fraction(1, 2)),
    "a default dictionary": lambda: pickle.dumps(collections.defaultdict(list)),
    "a state for an object of another class": lambda: pickle.dumps(BuiltFrom(dict)),
    "a set": lambda: pickle.dumps({1, 2}, protocol=4),
    "a frozen set": lambda: pickle.dumps(frozenset({1, 2}), protocol=4),
    "extension opcode": lambda: by_hand(b"\x82\x01"),
    "INST": lambda: by_hand(b"(", text(SHELL), b"ios\nsystem\n"),
    "OBJ": lambda: by_hand(b"(", b"cos\nsystem\n", text(SHELL), b"o"),
    "NEWOBJ_EX": lambda: by_hand(b"cos\nsystem\n", b")", b"}", b"\x92"),
    "NEXT_BUFFER": lambda: by_hand(b"\x97"),
    "a persistent identifier": lambda: by_hand(b"Pstorage\n"),
    "a binary persistent identifier": lambda: by_hand(b")", b"Q"),
    "a deep tuple as a key": lambda: by_hand(b"}", b")", b"\x85" * 20_000, b"K\x01", b"s"),
    "a call of a mentioned class": lambda: named("numpy", "ndarray"),
    "a call of a value": lambda: by_hand(text("os"), b")", b"R"),
    "an empty stack": lambda: by_hand(b"R"),
    "a mark as a value": lambda: by_hand(b"(", b"\x85"),
    "a memo that is not there": lambda: by_hand(b"h\x07"),
    "a length beyond the end": lambda: by_hand(b"\x8e" + struct.pack("<Q", 1 << 60)),
    "an unknown opcode": lambda: by_hand(b"\xff"),
    "no end": lambda: b"\x80\x02",
    "nothing": lambda: b"",
    "text": lambda: b"this is no pickle",
    "shared tuples as the name of a class": lambda: by_hand(LAUGHS, b"h\x18h\x18\x93"),
    "shared tuples as a call": lambda: by_hand(LAUGHS, b"h\x18)R"),
    "shared tuples as a number type": lambda: by_hand(LAUGHS, b"cnumpy\ndtype\nh\x18\x85R"),
    "shared tuples as the shape of an array": lambda: by_hand(
        LAUGHS,
        *(b"cnumpy.core.numeric\n_frombuffer\n(", text("x"), b"cnumpy\ndtype\n", text("f4"), b"\x85R"),
        *(b"h\x18", text("C"), b"tR"),
    ),
    "shared lists and dictionaries as a call": lambda: by_hand(
        LAUGHS, b"]h\x18ah\x18a", b"q\x19}K\x01h\x19sK\x02h\x19s)R"
    ),
    "shared tuples inside a head as a call": lambda: by_hand(
        LAUGHS, head_of("OneClassSVM", text("kernel"), b"h\x18"), b")R"
    ),
    "a name of a million letters": lambda: named("os", "s" * 1_000_000),
    "a text of a million letters as a number type": lambda: named(
        "numpy", "dtype", text("f" * 1_000_000) + b"\x85"
    ),
    "bytes of a million as a call": lambda: by_hand(
        b"B" + struct.pack("<I", 1_000_000) + bytes(1_000_000) + b")R"
    ),
    "a number of a million bytes as a number type": lambda: named("numpy", "dtype", LONG_NUMBER + b"\x85"),
    "a shape of a million numbers": lambda: by_hand(
        LONG_NUMBER,
        *(b"q\x000cnumpy.core.numeric\n_frombuffer\n(", text("x"), b"cnumpy\ndtype\n", text("f4"), b"\x85R"),
        *(b"(", b"h\x00" * 1_000_000, b"t", text("C"), b"tR"),
    ),
    "a large state given over and over": lambda: by_hand(
        *(head_of("OneClassSVM"), b"}q\x01(", *(text(f"{key}") + b"N" for key in range(30_000)), b"u0"),
        b"h\x01b" * 100_000,
    ),
    "half a pickle": lambda: pickle.dumps(list(range(1000)))[:500],
}

# Plain data, refused for what they would make a head of.
HOSTILE_HEADS: dict[str, Callable[[], bytes]] = {
    "shared tuples as the neighbours to ask": lambda: by_hand(
        LAUGHS, head_of("KNeighborsClassifier", text("n_neighbors"), b"h\x18")
    ),
    "shared tuples as a metric": lambda: by_hand(
        LAUGHS,
        head_of("KNeighborsClassifier", text("n_neighbors"), b"K\x01", text("effective_metric_"), b"h\x18"),
    ),
    "shared tuples as a kernel": lambda: by_hand(LAUGHS, head_of("OneClassSVM", text("kernel"), b"h\x18")),
    "a number of a million bytes as the neighbours to ask": lambda: by_hand(
        head_of("KNeighborsClassifier", text("n_neighbors"), LONG_NUMBER)
    ),
}


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that hostile content would create."""
    path = tmp_path / "executed"
    monkeypatch.setenv(MARKER_VARIABLE, str(path))
    monkeypatch.chdir(tmp_path)
    return path


def test_the_hostile_collection_is_large_enough() -> None:
    assert len(HOSTILE) >= 50


def test_a_hostile_pickle_would_run_in_pythons_own_reader(marker: Path) -> None:
    pickle.loads(HOSTILE["os.system"]())
    assert marker.exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused_and_nothing_in_it_runs(name: str, marker: Path, tmp_path: Path) -> None:
    content = HOSTILE[name]()
    started = time.perf_counter()
    refusals = []
    for allowed in (allowed_arrays(*HEADS), Allowed()):
        with pytest.raises(RefusedPickleError) as refused:
            read_pickle(io.BytesIO(content), allowed)
        refusals.append(str(refused.value))
    head = tmp_path / "head.sav"
    head.write_bytes(content)
    checkpoint = tmp_path / "checkpoint.pth"
    with zipfile.ZipFile(checkpoint, "w") as archive:
        archive.writestr("checkpoint/data.pkl", content)
    for read in (convert_head, convert_state, convert_repdfd):
        for path in (head, checkpoint):
            with pytest.raises(CorruptWeightsError) as refused:
                read(path)
            refusals.append(str(refused.value))
    assert max(map(len, refusals)) < LONGEST_REFUSAL
    assert time.perf_counter() - started < LONGEST_SECONDS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pth", "head.sav"]


@pytest.mark.parametrize("name", HOSTILE_HEADS)
def test_a_head_with_hostile_settings_is_refused_in_a_short_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "head.sav"
    path.write_bytes(HOSTILE_HEADS[name]())
    started = time.perf_counter()
    with pytest.raises(RefusedPickleError, match="a head with") as refused:
        convert_head(path)
    assert len(str(refused.value)) < LONGEST_REFUSAL
    assert time.perf_counter() - started < LONGEST_SECONDS


def test_a_head_whose_numbers_no_array_holds_is_refused(tmp_path: Path) -> None:
    vectors, dual = np.ones((2, 3)), np.ones((1, 2))
    head = OneClassSVM(kernel="poly")
    head.support_vectors_, head._dual_coef_, head._intercept_ = vectors, dual, np.ones(1)
    head._gamma, head.coef0 = 1.0, 0.0
    path = tmp_path / "head.sav"
    for degree in (10**400, 10**5000, float("inf"), float("nan")):
        head.degree = degree
        path.write_bytes(pickle.dumps(head))
        with pytest.raises(RefusedPickleError, match="a kernel with degree"):
            convert_head(path)
    neighbours = KNeighborsClassifier(n_neighbors=1, metric="cosine").fit(vectors, [0, 1])
    neighbours._y = np.array([0.0, 1.0])
    path.write_bytes(pickle.dumps(neighbours))
    with pytest.raises(RefusedPickleError, match="labels of the type float64"):
        convert_head(path)


def test_one_text_encoded_many_times_is_kept_once() -> None:
    encode = b"c_codecs\nencode\nh\x00h\x01\x86R"
    content = by_hand(text("x" * 1_000_000), b"q\x000", text("latin1"), b"q\x010](", encode * 1000, b"e")
    found = read_pickle(io.BytesIO(content), allowed_arrays())
    assert len(found) == 1000
    assert len({id(one) for one in found}) == 1


OTHER_MODELS = [StandardScaler(), DecisionTreeClassifier(), Pipeline([("scale", StandardScaler())])]


@pytest.mark.parametrize("model", OTHER_MODELS)
def test_other_scikit_learn_objects_are_refused(model: Any, tmp_path: Path) -> None:
    joblib.dump(model, tmp_path / "other.joblib")
    with pytest.raises(RefusedPickleError, match="not allowed"):
        convert_head(tmp_path / "other.joblib")


def test_an_object_array_inside_a_joblib_file_is_refused(marker: Path, tmp_path: Path) -> None:
    head = LogisticRegression()
    head.coef_ = np.array([[Calls(os.system, SHELL)]], dtype=object)
    joblib.dump(head, tmp_path / "head.joblib")
    with pytest.raises(RefusedPickleError, match="only plain numbers"):
        convert_head(tmp_path / "head.joblib")
    assert not marker.exists()


def test_a_compressed_joblib_file_is_refused(tmp_path: Path) -> None:
    joblib.dump(LogisticRegression(), tmp_path / "head.joblib", compress=3)
    with pytest.raises(RefusedPickleError):
        convert_head(tmp_path / "head.joblib")


ARRAYS = [
    np.arange(12.0).reshape(3, 4),
    np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4)),
    np.array([], dtype=np.int64),
    np.array([[True, False]]),
    np.arange(3, dtype=">i4"),
    np.array(3.5),
]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_of_numbers_come_back_exactly(array: Any, protocol: int) -> None:
    plain = [1, -5, 2**70, 1.5, None, True, "é", (1, (2,)), b"\xff"]
    content = pickle.dumps({"a": array, "n": plain}, protocol)
    found = read_pickle(io.BytesIO(content), allowed_arrays())
    assert found["n"] == plain
    np.testing.assert_array_equal(array_of(found["a"]), array)
    assert array_of(found["a"]).dtype == array.dtype


def test_numpy_scalars_and_shared_arrays_are_read() -> None:
    array = np.arange(3.0)
    content = pickle.dumps([np.float64(2.5), np.int32(7), array, array], protocol=4)
    scalar, integer, first, second = read_pickle(io.BytesIO(content), allowed_arrays())
    assert (scalar, integer) == (2.5, 7)
    np.testing.assert_array_equal(array_of(first), array_of(second))


def test_an_instance_keeps_the_name_of_its_class() -> None:
    content = pickle.dumps(LogisticRegression(C=0.316))
    found = read_pickle(io.BytesIO(content), allowed_arrays(*HEADS))
    assert isinstance(found, Instance)
    assert str(found.of) == "sklearn.linear_model._logistic.LogisticRegression"
    assert found.state["C"] == 0.316


def test_what_is_not_an_array_is_said() -> None:
    with pytest.raises(RefusedPickleError, match="a str where an array must be"):
        array_of("text")


def test_a_checkpoint_refuses_a_tensor_that_reaches_beyond_its_storage(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"w": torch.arange(4.0)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["checkpoint/data/0"] = members["checkpoint/data/0"][:8]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(RefusedPickleError, match="storage 0 has 8 of 16 bytes; the file was cut off"):
        convert_state(path)


def test_a_checkpoint_refuses_a_tensor_that_unfolds_beyond_its_storage(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"w": torch.zeros(1).expand(1 << 40)}, path)
    with pytest.raises(RefusedPickleError, match="larger than its storage"):
        convert_state(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_comes_back_exactly(zipped: bool, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    shared = torch.randn(4, 6, generator=generator)
    state = collections.OrderedDict(
        a=torch.randn(3, 5, generator=generator),
        transposed=shared.T,
        part=shared[1:3, ::2],
        half=torch.randn(3, generator=generator).half(),
        count=torch.tensor(7),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.ones(2)),
    )
    path = tmp_path / "state.pt"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    found = convert_state(path)
    assert list(found) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(found[name], tensor.detach().numpy())
        assert found[name].dtype == tensor.detach().numpy().dtype


def test_a_checkpoint_in_the_older_form_with_shared_tuples_for_its_list_of_storages_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.pt"
    torch.save({"w": torch.zeros(2)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    keys = content.rindex(b"\x80\x02]")
    path.write_bytes(content[:keys] + by_hand(LAUGHS, b"]h\x18a"))
    with pytest.raises(RefusedPickleError, match="the storage a tuple belongs to no tensor"):
        convert_state(path)


@pytest.mark.parametrize(
    ("key", "count", "shape", "strides", "offset"),
    [
        ("0" * 1_000_000, 4, (4,), (1,), 0),
        ("0", 1 << 70, (4,), (1,), 0),
        ("0", 10**5000, (4,), (1,), 0),
        ("0", 4, (0, 1 << 62), (1, 1), 0),
        ("0", 4, (1,) * 100, (1,) * 100, 0),
        ("0", 4, (4,), (1 << 70,), 0),
        ("0", 4, (4,), (1,), 10**5000),
    ],
    ids=["key", "count", "long count", "empty", "dimensions", "stride", "long offset"],
)
def test_a_tensor_described_by_sizes_that_nothing_can_have_is_refused_in_a_short_line(
    key: str, count: int, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, tmp_path: Path
) -> None:
    storage = by_hand(
        *(b"(", text("storage"), b"ctorch\nFloatStorage\n", text(key), text("cpu")),
        *(pickle.dumps(count, 2)[2:-1], b"tQ"),
    )[2:-1]
    rest = b"".join(pickle.dumps(part, 2)[2:-1] for part in (offset, shape, strides))
    content = by_hand(b"}", text("w"), b"ctorch._utils\n_rebuild_tensor_v2\n(", storage, rest, b"tRs")
    path = tmp_path / "checkpoint.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("checkpoint/data.pkl", content)
        archive.writestr(f"checkpoint/data/{key[:100]}", bytes(16))
    with pytest.raises(RefusedPickleError) as refused:
        convert_state(path)
    assert len(str(refused.value)) < LONGEST_REFUSAL


@pytest.mark.parametrize("zipped", [True, False])
def test_a_module_saved_whole_is_refused(zipped: bool, tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "whole.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(RefusedPickleError, match="not allowed"):
        read_checkpoint(tmp_path / "whole.pt")


@pytest.mark.parametrize("content", [b"", b"a text, not a pickle"])
def test_a_file_that_is_no_checkpoint_at_all_is_called_that(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(RefusedPickleError, match=r"not a torch\.save file"):
        read_checkpoint(tmp_path / "text.txt")


def test_every_opcode_of_the_standard_is_either_known_or_refused(marker: Path) -> None:
    for opcode in pickletools.opcodes:
        if opcode.name == "STOP":
            continue
        content = b"\x80\x04" + opcode.code.encode("latin-1") + b"\0" * 16
        with pytest.raises(RefusedPickleError):
            read_pickle(io.BytesIO(content), Allowed())
    assert not marker.exists()


@pytest.mark.parametrize("seed", range(4))
def test_a_pickle_changed_at_random_is_read_or_refused_and_never_anything_else(
    seed: int, tmp_path: Path
) -> None:
    x = np.random.default_rng(0).normal(size=(20, 4))
    head = LogisticRegression().fit(x, (x[:, 0] > 0).astype(int))
    content = [pickle.dumps(head, protocol) for protocol in (2, 4, 5)]
    changes = random.Random(seed)
    path = tmp_path / "head.sav"
    for _ in range(200):
        damaged = bytearray(changes.choice(content))
        for _ in range(changes.randrange(1, 6)):
            damaged[changes.randrange(len(damaged))] = changes.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(RefusedPickleError):
            convert_head(path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_a_checkpoint_changed_at_random_is_read_or_refused_and_never_anything_else(
    seed: int, zipped: bool, tmp_path: Path
) -> None:
    path = tmp_path / "state.pt"
    state = {"a": torch.arange(12.0).reshape(3, 4).T, "b": torch.ones(2, dtype=torch.float64)}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    changes = random.Random(seed)
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(changes.randrange(1, 5)):
            damaged[changes.randrange(len(damaged))] = changes.choice([0, 1, 255, changes.randrange(256)])
        if changes.random() < 0.1:
            del damaged[changes.randrange(len(damaged)) :]
        path.write_bytes(damaged)
        with contextlib.suppress(RefusedPickleError):
            convert_state(path)


# Bytes of the records of a zip archive, counted from their signature, and what zipfile reports as something
# else than BadZipFile where they hold these values.
@pytest.mark.parametrize(
    ("signature", "offset", "value", "said"),
    [
        (b"PK\x01\x02", 8, 1, "encrypted"),
        (b"PK\x01\x02", 6, 255, "damaged archive"),
        (b"PK\x06\x07", 16, 9, "damaged archive"),
        (b"PK\x06\x06", 50, 1, "damaged archive"),
    ],
    ids=["encrypted", "unknown version", "several disks", "place before the file"],
)
def test_an_archive_that_zipfile_cannot_read_is_refused(
    signature: bytes, offset: int, value: int, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "state.pt"
    torch.save({"w": torch.arange(4.0)}, path)
    content = bytearray(path.read_bytes())
    place = content.find(signature)
    assert place >= 0
    while place >= 0:
        content[place + offset] = value
        place = content.find(signature, place + 1)
    path.write_bytes(content)
    with pytest.raises(RefusedPickleError, match=said):
        convert_state(path)


def test_a_damaged_archive_and_a_compressed_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"w": torch.arange(100.0)}, path)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(RefusedPickleError, match="compressed"):
        convert_state(path)
    path.write_bytes(content[:-60])
    with pytest.raises(RefusedPickleError):
        convert_state(path)
    flipped = bytearray(content)
    flipped[content.index(members["state/data/0"]) + 5] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(RefusedPickleError, match="damaged archive"):
        convert_state(path)
