"""What a training tells while it runs: a CSV of its checks and, if asked for, TensorBoard's curves."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forensics.errors import UsageFault
from forensics.whole_file import whole_file

LOG_FILE = "log.csv"
TENSORBOARD_FOLDER = "tensorboard"
GO_ON_TRAINING = "make room, then give the same command with --resume to go on"
_COLUMNS = ("step", "loss", "validation_auc")


class Log:
    """Writes under `folder`; `start` comes first.

    Raises UsageFault where TensorBoard is not installed, OutputError where the CSV cannot be written.
    """

    def __init__(self, folder: Path, *, tensorboard: bool = False) -> None:
        self._path = folder / LOG_FILE
        self._rows: list[Sequence[object]] = []
        self._curves: Any = None
        self._curves_folder = folder / TENSORBOARD_FOLDER if tensorboard else None
        if tensorboard:
            require_tensorboard()

    def start(self, step: int) -> None:
        """Begin anew at step 0; else go on, without what a killed run noted after `step`, where it is
        resumed."""
        self._rows = []
        if step and self._path.is_file():
            with self._path.open(newline="") as file:
                self._rows = [row for row in list(csv.reader(file))[1:] if int(row[0]) <= step]
        self._write()
        if self._curves_folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            writer: Any = SummaryWriter
            self._curves = writer(str(self._curves_folder), purge_step=step + 1 if step else None)

    def step(self, step: int, loss: float, lr: float) -> None:
        """Note one step; the CSV has checks only."""
        if self._curves is not None:
            self._curves.add_scalar("loss", loss, step)
            self._curves.add_scalar("learning_rate", lr, step)

    def check(self, step: int, loss: float, validation_auc: float) -> None:
        """Note a validation; `loss` is that of the last step, NaN before the first."""
        self._rows.append((step, "" if math.isnan(loss) else loss, validation_auc))
        self._write()
        if self._curves is not None:
            self._curves.add_scalar("validation_auc", validation_auc, step)

    def _write(self) -> None:
        with whole_file(self._path, remedy=GO_ON_TRAINING) as partial, partial.open("w", newline="") as file:
            csv.writer(file).writerows([_COLUMNS, *self._rows])

    def close(self) -> None:
        if self._curves is not None:
            self._curves.close()


def require_tensorboard() -> None:
    """Raise UsageFault where TensorBoard is not installed."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise UsageFault(
            "--tensorboard: TensorBoard is not installed; pip install 'face-video-forensics[train]'"
        ) from error
