"""Weight files of every registered kind with one bit changed are refused; hostile pickles by every reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from figures.hostile_weights import flip_bits, read_hostile
from test_weights_pickles import MARKER_VARIABLE

FLIPS = 5


def test_one_changed_bit_is_refused_in_every_kind_of_file(tmp_path: Path) -> None:
    tried = flip_bits(tmp_path, FLIPS)
    assert tried.refused == tried.offered > 100
    assert {".safetensors", ".onnx", ".dat", ".h5", ".pth"} <= set(tried.kinds)


def test_every_reader_refuses_every_hostile_pickle_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MARKER_VARIABLE, "")
    monkeypatch.chdir(tmp_path)
    tried = read_hostile(tmp_path)
    assert (tried.refused, tried.executed) == (tried.offered, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hostile.pkl", "hostile.pth"]
