"""Outputs appear whole or not at all, and digests depend on everything they should."""

from __future__ import annotations

import errno
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from forensics.custody import FramesDigest, output_folder
from forensics.errors import OutputError
from video.frames import FrameBatch


def write_and_raise(out: Path, error: BaseException) -> None:
    with output_folder(out) as folder:
        (folder / "a").write_text("half")
        raise error


def test_files_appear_together_when_the_block_ends(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with output_folder(out) as folder:
        (folder / "a").write_text("1")
        assert not (out / "a").exists()
    assert [path.name for path in out.iterdir()] == ["a"]


def test_a_failing_block_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(RuntimeError):
        write_and_raise(out, RuntimeError())
    assert not out.exists()


def test_a_full_disk_is_one_clear_error_and_nothing_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(OutputError, match="No space left on device"):
        write_and_raise(out, OSError(errno.ENOSPC, "No space left on device"))
    assert not out.exists()


def test_a_folder_with_content_is_refused_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    (tmp_path / "a").write_text("old")
    with pytest.raises(OutputError, match="not empty"), output_folder(tmp_path):
        pass
    with output_folder(tmp_path, overwrite=True) as folder:
        (folder / "a").write_text("new")
    assert (tmp_path / "mine").read_text() == "keep"
    assert (tmp_path / "a").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(OutputError, match="is a file"), output_folder(path):
        pass


def test_the_frames_digest_depends_on_number_time_size_and_pixels() -> None:
    data = np.zeros((1, 2, 8, 3), np.uint8)
    batch = FrameBatch(data, np.array([3]), np.array([30]), Fraction(1, 10))
    others = [
        replace(batch, index=np.array([4])),
        replace(batch, pts=np.array([31])),
        replace(batch, time_base=Fraction(1, 20)),
        replace(batch, data=data.reshape(1, 4, 4, 3)),
        replace(batch, data=data + np.uint8(1)),
    ]
    digests = set()
    for one in [batch, *others]:
        digest = FramesDigest()
        digest.update(one)
        digests.add(digest.hexdigest())
    assert len(digests) == 6
