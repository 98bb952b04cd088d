"""A calibration: what was fitted, on what, for which models, how good it is, and how it judges a case."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from forensics.calibration.curve import ScoreModel
from forensics.calibration.facts import Conditions, DataFacts, Digest, Figures, Input, SeenConditions
from forensics.calibration.verdict import CalibratedVerdict, no_score, out_of_domain, verdict_of
from forensics.errors import CalibrationError
from forensics.report.json import to_plain
from forensics.report.model import ModelFile
from video.errors import printable

KIND: Final = "face-video-forensics calibration"
SCHEMA_VERSION: Final = 2
# These make another score of the same face or frame; the others change which ones are averaged.
DECISIVE_SETTINGS = ("prompt", "head", "crops")
# Those that a detector has; one that is not named here is taken to have them all.
DECISIVE_OF = {
    "repdfd": ("prompt",),
    "code": ("head", "crops"),
    "clip_linear": (),
    "clip_probe": (),
    "mesonet": (),
}
RECORDED_SETTINGS = (
    *DECISIVE_SETTINGS,
    "sampling",
    "sampling_amount",
    "backend",
    "face_detector",
    "detect",
    "quality",
    "tracking_embedder",
    "precision",
    "min_frames",
)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """One calibration, as its file holds it. The model has one weight per input, in their order."""

    kind: Literal["face-video-forensics calibration"] = KIND
    schema_version: Literal[2] = SCHEMA_VERSION
    tool_version: str
    inputs: tuple[Input, ...]
    model: ScoreModel
    conditions: SeenConditions | None
    data: DataFacts
    figures: Figures
    settings: dict[str, object]
    weights: tuple[Digest, ...]

    def __post_init__(self) -> None:
        if not self.inputs or len(self.inputs) != len(self.model.weights):
            raise ValueError("there must be as many inputs as weights of the model")
        if len(set(self.detectors)) < len(self.inputs):
            raise ValueError("a detector is named twice")
        if not self.weights:
            raise ValueError("the weights of the models are missing")
        if max(self.model.weights) <= 0:
            # In a fusion one score may correct another; that all fall is no calibration.
            raise ValueError("a score must rise with manipulation")

    @property
    def detectors(self) -> tuple[str, ...]:
        """The detectors whose scores a judgement needs."""
        return tuple(one.detector for one in self.inputs)

    def check(self, files: Iterable[ModelFile], settings: object, *, path: Path) -> tuple[str, ...]:
        """Refuse an analysis with other models than the calibration's; `path` names its file in messages.

        `files` are the model files of the analysis, `settings` its facts as reports hold them. Returns a
        warning for each setting that differs. Raises CalibrationError naming the weights that differ, or
        the setting where it makes another score.
        """
        name = printable(path)
        ours = {one.name: one.sha256 for one in self.weights}
        # An encoder more serves a detector that is not judged here.
        known = [one for one in files if one.name in ours or not one.used_by.startswith("identity encoder ")]
        theirs = {one.name: one.sha256 for one in weights_of(known, self.detectors)}
        if differing := sorted(
            weight for weight in {*ours, *theirs} if ours.get(weight) != theirs.get(weight)
        ):
            raise CalibrationError(
                f"{name}: made for other weights ({', '.join(differing)} differ); calibrate again with these"
            )
        now = recorded_settings(settings, self.detectors)
        warnings = []
        for key in {**self.settings, **now}:
            before, after = self.settings.get(key), now.get(key)
            if before == after:
                continue
            if key not in DECISIVE_SETTINGS:
                warnings.append(f"the calibration was made with {key} {before}, this analysis uses {after}")
            # None: the judged detectors have no such choice.
            elif before is not None and after is not None:
                raise CalibrationError(
                    f"{name}: made with {key} {before}, this analysis uses {after}; choose the same, or "
                    "calibrate again"
                )
        return tuple(warnings)

    def judge(
        self,
        scores: Mapping[str, float | None],
        conditions: Conditions | None = None,
        *,
        subject: str = "the face",
    ) -> CalibratedVerdict:
        """The verdict on a case from its score per detector, `None` where one abstained.

        `subject` is what was scored, as the verdict's sentence is to name it.
        A case with a score, or `conditions`, outside what the calibration saw gets no likelihood ratio.
        """
        given: list[float] = []
        outside: list[str] = []
        for one in self.inputs:
            score = scores.get(one.detector)
            if score is None or not math.isfinite(score):
                return no_score(one.detector)
            given.append(score)
            outside += one.score.outside(f"score of {one.detector}", score)
        if conditions is not None and self.conditions is not None:
            outside += self.conditions.outside(conditions)
        elif conditions is not None and conditions.people > 1:
            # The highest of many scores is high without any manipulation.
            outside.append(f"people judged {conditions.people}, seen an unknown number")
        if outside:
            return out_of_domain(outside)
        log10_lr = float(self.model.log10_lrs(np.array([given]))[0])
        bounds = self.model.bounds
        return verdict_of(log10_lr, at_bound=log10_lr in (bounds.low, bounds.high), subject=subject)


def weights_of(files: Iterable[ModelFile], detectors: Iterable[str]) -> tuple[Digest, ...]:
    """The files the scores of `detectors` depend on: theirs, the face detector's and the encoders'."""
    own = {f"detector {name}" for name in detectors}
    digests = {
        Digest(file.name, file.sha256)
        for file in files
        if file.used_by in own or not file.used_by.startswith("detector ")
    }
    return tuple(sorted(digests, key=lambda one: one.name))


def recorded_settings(settings: object, detectors: Iterable[str]) -> dict[str, object]:
    """What a calibration of `detectors` remembers of the settings of an analysis, as JSON's own types.

    Groups of settings are flat, as `quality.min_sharpness`. Choices of other detectors are left out.
    """
    plain = to_plain(settings)
    theirs = {name for detector in detectors for name in DECISIVE_OF.get(detector, DECISIVE_SETTINGS)}
    flat: dict[str, object] = {}
    for name in RECORDED_SETTINGS:
        if name in DECISIVE_SETTINGS and name not in theirs:
            continue
        value = plain.get(name)
        flat |= (
            {f"{name}.{key}": one for key, one in value.items()} if isinstance(value, dict) else {name: value}
        )
    return flat
