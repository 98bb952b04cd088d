"""What the tests of evaluations share: clips of one brightness and a detector that scores it."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import media
import numpy as np
import pytest
from click.testing import Result
from command_line import run
from PIL import Image
from stubs import OneFace, StubDetector, stub_models

from face.types import FaceDetections
from forensics.data.faces import Label
from forensics.evaluation.items import Item
from forensics.evaluation.result import evaluation_of
from forensics.evaluation.scores import Evaluated, Scores
from forensics.evidence import Evidence
from forensics.models import Models
from forensics.scores import FrameScores, ScoreKind

# Darker frames show nobody to `FaceInTheLight`.
DARK_LEVEL = 20
COLUMNS = ("path", "label", "split", "method", "identity", "group", "compression")


class Brightness(StubDetector):
    """Scores each face with its frame's brightness in hundreds of levels, less `offset`."""

    def __init__(self, name: str, *, offset: float = 0.0) -> None:
        super().__init__(name, lambda index: 0.0)
        self._offset = offset

    def score(self, evidence: Evidence) -> FrameScores:
        level = evidence.frames.float().mean(dim=(1, 2, 3)).numpy()[evidence.detections.frame]
        score = level.astype(np.float64).round(1) / 100 - self._offset
        nothing = (None,) * len(score)
        return FrameScores(
            self.name, ScoreKind.LOGIT, score, None, evidence.frame_index, evidence.track, nothing
        )


class FaceInTheLight(OneFace):
    """Finds one face in every frame, or none in a video that begins dark."""

    def detect(self, frames: media.Picture) -> FaceDetections:
        return OneFace(found=bool(frames[0].mean() > DARK_LEVEL)).detect(frames)


def brightness_models(*names: str) -> Models:
    return stub_models(*(Brightness(name) for name in names), faces=FaceInTheLight())


def use_models(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Evaluations run detectors that score brightness, by these names."""
    monkeypatch.setattr("forensics.models.fetch_weights", lambda *_, **__: ())
    monkeypatch.setattr("forensics.evaluation.api.load_models", lambda *_, **__: brightness_models(*names))
    # Enough to have intervals.
    few = partial(evaluation_of, resamples=20, fine_resamples=5)
    monkeypatch.setattr("forensics.evaluation.api.evaluation_of", few)


def clip(path: Path, level: int, count: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return media.shots(path, [np.full((media.HEIGHT, media.WIDTH, 3), level, np.uint8)] * count)


def still(path: Path, level: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((media.HEIGHT, media.WIDTH, 3), level, np.uint8)).save(path)
    return path


def write_manifest(folder: Path, *rows: tuple[str, ...], name: str = "set.csv") -> Path:
    """A manifest of `path, label, method, identity, group` rows, what is left out empty, all in test."""
    path = folder / name
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            one, label, method, identity, group = (*row, "", "", "", "")[:5]
            writer.writerow([one, label, "test", method, identity, group, ""])
    return path


def six_clips(folder: Path) -> Path:
    """Real clips of levels 40, 60, 80 and fakes of 70 (swap), 100 and 120 (reenact): 8 of 9 pairs right."""
    levels = {"real": (40, 60, 80), "fake": (70, 100, 120)}
    rows = []
    for label, row in levels.items():
        for number, level in enumerate(row):
            clip(folder / label / f"{number}.mp4", level)
            method = "camera" if label == "real" else "swap" if number == 0 else "reenact"
            rows.append((f"{label}/{number}.mp4", label, method, f"{label}{number}"))
    return write_manifest(folder, *rows)


def evaluate(*arguments: str | Path) -> Result:
    return run("evaluate", "detectors", *arguments, "--all-frames", "--detector", "repdfd", "--device", "cpu")


def item(name: str, label: Label, *, dataset: str = "set", method: str = "", group: str = "") -> Item:
    return Item(name, dataset, label, method, name, group, "")


def evaluated(name: str, label: Label, score: float | None, **fields: str) -> Evaluated:
    """An item with one score of detector "a", or abstained from."""
    scores = Scores(None, reason="no_face") if score is None else Scores(score, (score,), (score,), (score,))
    return Evaluated(item(name, label, **fields), {"a": scores})
