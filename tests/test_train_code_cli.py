"""`forensics train code`: a whole run by the command line, and one line for whatever is wrong."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from generated_pictures import small_vit, write_folder, write_shard

from forensics.cli.main import main
from forensics.errors import ExitCode
from forensics.train import code

QUICK = ("--epochs", "2", "--warmup-epochs", "1", "--epoch-steps", "1", "--batch", "2", "--device", "cpu")


@pytest.fixture(autouse=True)
def _small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command trains the published architecture; here a small one takes its place."""
    monkeypatch.setattr(code, "train", partial(code.train, make_vit=small_vit, side=64))


def train(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["train", "code", *map(str, arguments)])


def refused(result: Result, expected: ExitCode) -> str:
    assert result.exit_code == expected
    (line,) = result.stderr.splitlines()
    assert line.startswith("forensics: ")
    return line


def test_a_training_tells_the_auc_of_every_head_and_where_it_wrote(tmp_path: Path) -> None:
    write_folder(tmp_path / "data", 8)
    (tmp_path / "data" / "real" / "broken.png").write_text("no picture")
    result = train(tmp_path / "data", "-o", tmp_path / "out", "--validation-share", 0.3, *QUICK)
    assert result.exit_code == ExitCode.DONE, result.output
    for head in ("linear", "knn", "svm"):
        assert f"validation AUC, {head}: " in result.stdout
        assert (tmp_path / "out" / f"code-head-{head}.safetensors").is_file()
    assert f"written after 2 steps: {tmp_path / 'out'}" in result.stdout
    assert "left out: real/broken.png: " in result.stderr
    assert "left out 1 unreadable pictures" in result.stderr


def test_shards_can_be_trained_on_and_a_finished_training_resumed(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "a.tar", [f"k{number}" for number in range(6)])
    options = (shard, "-o", tmp_path / "out", "--validation-share", 0.3, "--official-loss", *QUICK)
    assert train(*options).exit_code == ExitCode.DONE
    assert "not empty" in refused(train(*options), ExitCode.USAGE)
    assert train(*options, "--resume").exit_code == ExitCode.DONE
    line = refused(train(*options, "--resume", "--positive", "same"), ExitCode.FAULT)
    assert "other settings or data" in line


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda data: shutil.rmtree(data / "real"), "no readable real picture"),
        (lambda data: shutil.rmtree(data / "fake"), "no readable generated picture"),
        (shutil.rmtree, "no such folder"),
        (lambda data: (shutil.rmtree(data), data.mkdir()), "the folder is empty"),
        (lambda data: [(data / kind).rename(data / f"{kind}s") for kind in ("real", "fake")], "expected DIR"),
    ],
)
def test_data_that_cannot_be_learnt_from_is_one_line(tmp_path: Path, spoil: object, told: str) -> None:
    data = write_folder(tmp_path / "data", 3)
    assert callable(spoil)
    spoil(data)
    assert told in refused(train(data, "-o", tmp_path / "out", *QUICK), ExitCode.INPUT)
    assert not (tmp_path / "out").exists()


def test_too_many_unreadable_pictures_are_one_line_with_the_remedy(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", 3)
    for path in (data / "fake").rglob("*.png"):
        path.write_text("no picture")
    result = train(data, "-o", tmp_path / "out", "--max-unreadable", 2, *QUICK)
    line = refused(result, ExitCode.INPUT)
    assert "3 of 6 pictures cannot be read" in line
    assert "--max-unreadable" in line


def test_warm_up_without_end_is_one_line(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", 2)
    line = refused(train(data, "-o", tmp_path / "out", "--epochs", 3), ExitCode.USAGE)
    assert "warm-up" in line
