"""A small calibration and scores of a known distribution, for the tests of calibrations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from forensics.calibration.curve import Bounds, LogisticCurve, ScoreModel
from forensics.calibration.facts import DataFacts, Digest, Figure, Figures, Input, Range, SeenConditions
from forensics.calibration.record import Calibration
from forensics.calibration.table import LabelledVideo, ScoredVideo, ScoreTable
from forensics.report.model import ModelFile

SETTINGS: dict[str, object] = {"prompt": "face", "sampling": "fps", "sampling_amount": 4.0}


def model_file(name: str, used_by: str, *, sha256: str | None = None) -> ModelFile:
    return ModelFile(name, sha256 or name[0] * 64, "MIT", True, "sha256", used_by)


# What an analysis with the detectors `a` and `b` runs on.
FILES = (
    model_file("faces", "face detector mtcnn"),
    model_file("identities", "identity encoder dlib"),
    model_file("a-head", "detector a"),
    model_file("b-head", "detector b"),
)


def calibration(
    *detectors: str,
    weights: tuple[float, ...] = (1.0,),
    intercept: float = 0.0,
    conditions: SeenConditions | None = None,
) -> Calibration:
    """ln LR is the weighted sum of the scores and `intercept`; log10 LR ends at 1.5, seen scores at 5."""
    names = detectors or ("a",)
    figure = Figure(0.5, 0.25, 0.75)
    return Calibration(
        tool_version="0.1.0",
        inputs=tuple(Input(name, Range(-5.0, 5.0)) for name in names),
        model=ScoreModel(weights, LogisticCurve(intercept), Bounds(-1.5, 1.5)),
        conditions=conditions,
        data=DataFacts("made up", 12, 10, 22, False, 1, (Digest("scores.csv", "0" * 64),)),
        figures=Figures(figure, figure, figure, figure, figure, 10, 2, 1000, 7),
        settings=dict(SETTINGS),
        weights=tuple(Digest(file.name, file.sha256) for file in FILES if file.used_by != "detector b"),
    )


def normal_table(
    count: int = 30, *, detectors: tuple[str, ...] = ("a",), seed: int = 4, videos_per_group: int = 1
) -> ScoreTable:
    """`count` videos of each label with scores from N(1, 1) and N(-1, 1): ln LR is twice the score."""
    random = np.random.default_rng(seed)
    videos = []
    for index in range(2 * count):
        manipulated = index % 2 == 1
        scores = {name: float(random.normal(1 if manipulated else -1)) for name in detectors}
        group = f"group {index // 2 // videos_per_group}"
        videos.append(ScoredVideo(LabelledVideo(f"{index:04}.mp4", manipulated, group), scores))
    return ScoreTable(tuple(videos), detectors, True, 0, (Digest("scores.csv", "0" * 64),))


def write_scores(path: Path, table: ScoreTable) -> Path:
    """The table as the CSV file of one detector or, with a column for it, of several."""
    long = len(table.detectors) > 1
    lines = ["video,label,group,score" + (",detector" if long else "")]
    for one in table.videos:
        labelled = one.labelled
        for name in table.detectors:
            fields = [labelled.video, "fake" if labelled.manipulated else "real", labelled.group]
            lines.append(",".join([*fields, repr(one.scores[name]), *([name] if long else [])]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
