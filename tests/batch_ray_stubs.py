"""What actors load in place of models, in a module that they can import by its name."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import media
from batches import BEHAVIOUR, ByNumber, Misbehaving, load_stubs
from stubs import stub_models

from face.types import FaceDetections
from forensics.models import Models
from forensics.settings import AnalysisSettings
from weights.errors import MissingWeightsError
from weights.store import Store


class Staged(Misbehaving):
    """Hangs on the machine that goes; others wait for that, so that nothing depends on who is faster."""

    def __init__(self, hangs: Path, *, goes: bool) -> None:
        super().__init__(found=True)
        self._hangs = hangs
        self._goes = goes

    def detect(self, frames: media.Picture) -> FaceDetections:
        if self._goes:
            self._hangs.touch()
            time.sleep(3600)
        while not self._hangs.exists():
            time.sleep(0.02)
        return super().detect(frames)


@dataclass(frozen=True)
class LoadStaged:
    """`behaviour` as `Behaviour.use` would set it: actors have the environment of their machine."""

    behaviour: str
    hangs: Path
    goes: str

    def __call__(self, settings: AnalysisSettings, store: Store) -> Models:
        import ray

        os.environ[BEHAVIOUR] = self.behaviour
        here = ray.get_runtime_context().get_node_id()
        return stub_models(ByNumber(), faces=Staged(self.hangs, goes=here == self.goes))


@dataclass(frozen=True)
class LoadUnlike:
    """Whoever loads second has another file for the same weights. `behaviour` is as in `LoadStaged`."""

    mark: Path
    behaviour: str

    def __call__(self, settings: AnalysisSettings, store: Store) -> Models:
        os.environ[BEHAVIOUR] = self.behaviour
        models = load_stubs(settings, store)
        try:
            self.mark.mkdir()
        except FileExistsError:
            first, *others = models.files
            return replace(models, files=(replace(first, sha256="f" * 64), *others))
        return models


def refuse(settings: AnalysisSettings, store: Store) -> Models:
    raise MissingWeightsError("clip: not here; forensics weights fetch clip")
