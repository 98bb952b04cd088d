"""`forensics train`: train the detectors that this project ships weights for."""

from __future__ import annotations

import click

from forensics.cli.train_clip_linear import train_clip_linear
from forensics.cli.train_code import train_code
from forensics.cli.train_repdfd import train_repdfd


@click.group("train", short_help="Train detectors.")
def train_group() -> None:
    """Train detectors."""


for command in (train_repdfd, train_code, train_clip_linear):
    train_group.add_command(command)
