"""One process of the training that two make in test_train_repdfd_cli.py; its argument is the output."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from test_train_repdfd import synthetic_cache, tiny_config, tower

from forensics.detector import Precision
from forensics.train.faces import Draw
from forensics.train.loop import Plan
from forensics.train.repdfd import train
from forensics.train.repdfd_stages import TrainSettings
from forensics.train.team import join_team

SETTINGS = TrainSettings(
    text=Plan(steps=3, lr=1e-3, check_every=3),
    text_draw=Draw(pairs=5),
    border=Plan(steps=4, lr=0.05, check_every=2),
    border_draw=Draw(pairs=5),
    precision=Precision.FP32,
)


def run(out: Path) -> None:
    """Train as a member of the team that a launcher made, or alone."""
    cpu = torch.device("cpu")
    with join_team(cpu) as team:
        cache, config = synthetic_cache(signal=40), tiny_config()
        train(cache, config, tower(), out, settings=SETTINGS, device=cpu, team=team)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
