"""The loop every training runs in: parts of a batch, half precision, patience, logs, a kill in between."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from forensics.errors import UsageFault
from forensics.train.log import LOG_FILE, Log
from forensics.train.loop import STATE_FILE, Loop, Plan

TARGETS = torch.linspace(-1, 1, 8)


class Killed(Exception):
    pass


def killed_at(last: int) -> Callable[[int, int, float], None]:
    def on_step(step: int, steps: int, loss: float) -> None:
        if step == last:
            raise Killed

    return on_step


def never(step: int, steps: int, loss: float) -> None:
    return None


def fitted(
    folder: Path,
    *,
    parts: int = 1,
    fp16: bool = False,
    on_step: Callable[[int, int, float], None] = never,
    resume: bool = False,
) -> torch.Tensor:
    """One number drawn to all targets, each step's mean square error in `parts`."""
    value = torch.nn.Parameter(torch.tensor([3.0]))

    def losses(step: int) -> Iterator[torch.Tensor]:
        for part in torch.tensor_split(TARGETS + step, parts):
            yield ((value - part) ** 2).sum() / len(TARGETS)

    plan = Plan(steps=9, lr=0.3, check_every=3)
    loop = Loop({"value": value}, plan, folder, fp16=fp16)
    loop.run(losses, lambda: 0.5, resume=resume, on_step=on_step)
    return value.detach()


def test_a_batch_in_parts_trains_as_the_whole_one(tmp_path: Path) -> None:
    whole, parts = fitted(tmp_path / "whole"), fitted(tmp_path / "parts", parts=4)
    assert parts == pytest.approx(whole.numpy(), rel=1e-5)
    last = [(tmp_path / name / LOG_FILE).read_text().splitlines()[-1] for name in ("whole", "parts")]
    losses = [float(line.split(",")[1]) for line in last]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("fp16", [False, True])
def test_a_kill_between_checks_changes_neither_parameters_nor_log(tmp_path: Path, fp16: bool) -> None:
    whole = fitted(tmp_path / "whole", parts=2, fp16=fp16)
    with pytest.raises(Killed):
        fitted(tmp_path / "killed", parts=2, fp16=fp16, on_step=killed_at(5))
    resumed = fitted(tmp_path / "killed", parts=2, fp16=fp16, resume=True)
    assert torch.equal(whole, resumed)
    logs = [(tmp_path / name / LOG_FILE).read_text() for name in ("whole", "killed")]
    assert logs[0] == logs[1]


def test_in_half_precision_the_loss_s_scale_is_part_of_the_state(tmp_path: Path) -> None:
    fitted(tmp_path, fp16=True)
    with safe_open(tmp_path / STATE_FILE, framework="pt") as file:
        scaler = json.loads(file.metadata()["loop"])["scaler"]
    assert scaler["scale"] > 1
    assert scaler["_growth_tracker"] == 9


def test_a_step_whose_scaled_gradient_overflows_is_left_out(tmp_path: Path) -> None:
    value = torch.nn.Parameter(torch.ones(1))

    def loss(step: int) -> torch.Tensor:
        return value.sum() * (1e38 if step == 0 else 0.0)

    loop = Loop({"value": value}, Plan(steps=1, lr=0.1), tmp_path, fp16=True)
    loop.run(loss, lambda: 0.5, resume=False, on_step=never)
    assert value.item() == 1.0


def test_training_ends_when_patience_does(tmp_path: Path) -> None:
    value = torch.nn.Parameter(torch.ones(1))
    scores = iter([0.5, 0.7, 0.6, 0.6, 0.9])
    loop = Loop({"value": value}, Plan(steps=50, lr=0.1, check_every=2, patience_checks=2), tmp_path)
    best = loop.run(lambda step: value.sum(), lambda: next(scores), resume=False, on_step=never)
    assert (best, loop.step) == (0.7, 6)


def test_what_a_killed_run_noted_after_its_state_is_noted_once(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.start(0)
    for step in (0, 3, 6):
        log.check(step, 0.1, 0.5)
    log.start(3)
    log.check(6, 0.2, 0.6)
    with (tmp_path / LOG_FILE).open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["step", "0", "3", "6"]
    assert rows[-1][1:] == ["0.2", "0.6"]


def test_tensorboard_gets_every_step_s_loss_and_rate_and_every_check(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    value = torch.nn.Parameter(torch.ones(1))
    loop = Loop({"value": value}, Plan(steps=4, lr=0.1, check_every=2), tmp_path, tensorboard=True)
    loop.run(lambda step: value.sum(), lambda: 0.5, resume=False, on_step=never)
    curves = EventAccumulator(str(tmp_path / "tensorboard"))
    curves.Reload()
    assert [each.step for each in curves.Scalars("loss")] == [1, 2, 3, 4]
    assert curves.Scalars("learning_rate")[0].value == pytest.approx(0.1)
    assert [each.step for each in curves.Scalars("validation_auc")] == [0, 2, 4]


def test_without_tensorboard_its_curves_are_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageFault, match=r"--tensorboard: .*pip install .*\[train\]"):
        Log(tmp_path, tensorboard=True)
