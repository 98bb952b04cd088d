"""Batches on stand-ins: clips that each carry a number, models that misbehave on chosen numbers."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import media
import numpy as np
import pytest
from stubs import OneFace, StubDetector, stub_models

from face.types import FaceDetections
from forensics.batch.outcome import Outcome
from forensics.batch.plan import Batch
from forensics.batch.work import Job, Order, analyse_one, key_of
from forensics.evidence import Evidence
from forensics.models import Models
from forensics.scores import FrameScores
from forensics.settings import AnalysisSettings
from video.sampling import Sampling
from weights.store import Store

BEHAVIOUR = "TEST_BATCH_BEHAVIOUR"
SETTINGS = AnalysisSettings(sampling=Sampling.all(), pictures=False)
FRAMES = 4


@dataclass(frozen=True)
class Behaviour:
    """What the stub does with the clips of these numbers; `log` gets a line for each analysis begun.

    `kill`, `memory` and `broken` end it each time, `kill_once` the first time only.
    """

    log: str
    kill: tuple[int, ...] = ()
    kill_once: tuple[int, ...] = ()
    memory: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    seconds: float = 0.0

    def use(self) -> None:
        """In this process and all that it starts."""
        os.environ[BEHAVIOUR] = json.dumps(vars(self))

    def begun(self) -> list[int]:
        """The number of the clip of every analysis that was begun, in order."""
        log = Path(self.log)
        return [int(line) for line in log.read_text().split()] if log.exists() else []


class Misbehaving(OneFace):
    """Finds one face in each frame, or does what `Behaviour` says."""

    def detect(self, frames: media.Picture) -> FaceDetections:
        told: dict[str, Any] = json.loads(os.environ[BEHAVIOUR])
        number = media.read_number(frames[0])
        with open(told["log"], "a") as log:
            log.write(f"{number}\n")
        time.sleep(told["seconds"])
        once = Path(f"{told['log']}.{number}")
        if number in told["kill"] or (number in told["kill_once"] and not once.exists()):
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if number in told["memory"]:
            raise MemoryError
        if number in told["broken"]:
            raise RuntimeError("no such luck")
        return super().detect(frames)


class ByNumber(StubDetector):
    """Scores a clip by its number: -0.5 for clip 0, 0.5 for clip 1, 1.5 for clip 2."""

    def __init__(self) -> None:
        super().__init__("repdfd", lambda index: 0.0)

    def score(self, evidence: Evidence) -> FrameScores:
        number = media.read_number(evidence.batch.data[0])
        scores = super().score(evidence)
        return replace(scores, score=np.full_like(scores.score, number - 0.5))


def load_stubs(settings: AnalysisSettings, store: Store) -> Models:
    """What workers load in place of models."""
    return stub_models(ByNumber(), faces=Misbehaving(found=True))


class Inline:
    """A crew of one, in the process of the test."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._models = order.loaded()
        self._job: Job | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def key(self) -> str:
        return key_of(self._models, self._order)

    def has_room(self) -> bool:
        return self._job is None

    def give(self, job: Job) -> None:
        self._job = job

    def take(self) -> tuple[Job, Outcome]:
        job, self._job = self._job, None
        assert job is not None
        plain = json.loads(json.dumps(analyse_one(job, self._models, self._order, key=self.key()).plain()))
        return job, Outcome.from_plain(plain)


def clip(path: Path, number: int, *, frames: int = FRAMES) -> Path:
    """A clip all of whose pictures carry `number`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return media.shots(path, [media.picture(number)] * frames)


def clips(folder: Path, count: int) -> Path:
    """A folder of `count` different clips, `0.mp4` and so on."""
    for number in range(count):
        clip(folder / f"{number}.mp4", number)
    return folder


@dataclass
class Place:
    """A folder of clips and an output beside it."""

    root: Path
    behaviour: Behaviour = field(init=False)

    def __post_init__(self) -> None:
        self.behave()

    def behave(self, **told: Any) -> None:
        self.behaviour = Behaviour(str(self.root / "log"), **told)
        self.behaviour.use()

    @property
    def source(self) -> Path:
        return self.root / "in"

    @property
    def out(self) -> Path:
        return self.root / "out"

    def batch(self, **asked: Any) -> Batch:
        return Batch(
            **({"source": self.source, "out": self.out, "settings": SETTINGS, "crew": Inline} | asked)
        )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr("forensics.batch.plan.load_models", load_stubs)
    monkeypatch.setattr("forensics.models.fetch_weights", lambda *_, **__: ())
    # `Place` sets it; this takes it back.
    monkeypatch.setenv(BEHAVIOUR, "")
    return Place(tmp_path)


def finished(out: Path) -> dict[str, dict[str, bytes]]:
    """The files of every finished analysis in the folder of a batch, by the analysis; reports without what
    may differ between two runs."""
    found = {}
    for folder in sorted(out.glob("[0-9a-f]*/*")):
        files = {file.name: file.read_bytes() for file in folder.iterdir()}
        report = json.loads(files.pop("report.json"))
        del report["run"]
        files["report.json"] = json.dumps(report).encode()
        # Both repeat the run block.
        del files["report.html"], files["manifest.json"]
        found[folder.relative_to(out).as_posix()] = files
    return found
