"""What is done with one video: analysed with loaded models, its folder written, its outcome told."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from forensics.api import write_analysis
from forensics.batch.folders import analysis_name, partial_folder, whole_folder
from forensics.batch.outcome import Fault, Outcome
from forensics.batch.shard import Shard
from forensics.calibration.apply import calibrated_report, check_models
from forensics.errors import ForensicsError
from forensics.models import Models
from forensics.pipeline import analyze_video
from forensics.report.extras import Extras
from forensics.report.facts import CaseFacts
from forensics.report.json import to_plain
from forensics.report.model import SCHEMA_VERSION, Report
from forensics.report.read import read_report
from forensics.run_facts import tool_version
from forensics.settings import AnalysisSettings
from video.errors import printable
from video.worker_process import Patience
from weights.store import Store
from weights.streams import sha256_of

# Of a sha256, what tells the few settings of one batch apart.
_KEY_DIGITS = 16
Load = Callable[[AnalysisSettings, Store], Models]


@dataclass(frozen=True)
class Order:
    """What a batch was asked for, as every process of it knows it; it can be pickled.

    `load` brings the models. `jobs` processes share the threads of the machine.
    """

    out: Path
    settings: AnalysisSettings
    store: Store
    case: CaseFacts
    extras: Extras
    calibration: Path | None
    patience: Patience
    shard: Shard
    jobs: int
    load: Load

    def loaded(self) -> Models:
        """The models. Raises what loading raises, and CalibrationError where the calibration is of others."""
        models = self.load(self.settings, self.store)
        if self.calibration is not None:
            check_models(self.calibration, models, self.settings)
        return models


@dataclass(frozen=True)
class Job:
    """A video to analyse: where it lies, its name in the input, and the digest it was listed with."""

    path: Path
    name: str
    sha256: str


def key_of(models: Models, order: Order) -> str:
    """A digest of all that decides a report beside the video: settings, weights, versions, case, extras."""
    calibration = None if order.calibration is None else sha256_of(order.calibration)
    facts = {
        "settings": order.settings.settled(models.detectors.values()).facts(),
        "weights": sorted((file.used_by, file.name, file.sha256) for file in models.files),
        "not_run": models.not_run,
        "case": order.case,
        "extras": order.extras,
        "calibration": calibration,
        "tool_version": tool_version(),
        "schema_version": SCHEMA_VERSION,
    }
    text = json.dumps(to_plain(facts), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]


def analyse_one(job: Job, models: Models, order: Order, *, key: str) -> Outcome:
    """Analyse one video and write its folder, unless that is there; whatever goes wrong is an outcome."""
    if (found := outcome_found(job.sha256, order.out, key=key)) is not None:
        return found
    started = time.perf_counter()
    try:
        report = _analysed(job, models, order)
    except Exception as error:
        return Outcome.of_error(error, printable(job.path), seconds=time.perf_counter() - started)
    target = order.out / analysis_name(job.sha256, key)
    try:
        with whole_folder(target, partial=partial_folder(order.out, order.shard)) as folder:
            write_analysis(report, job.path, folder, settings=order.settings, extras=order.extras)
    except OSError as error:
        text = f"{printable(target)}: cannot be written ({error.strerror or error})"
        return Outcome.failed(text, Fault.OUTPUT, seconds=time.perf_counter() - started)
    except Exception as error:
        return Outcome.of_error(error, printable(job.path), seconds=time.perf_counter() - started)
    return Outcome.of_report(report)


def outcome_found(sha256: str, out: Path, *, key: str) -> Outcome | None:
    """The outcome of an analysis that is finished already, `None` where there is none.

    A folder whose report was damaged since is an outcome too: nothing that was finished is overwritten.
    """
    folder = out / analysis_name(sha256, key)
    if not folder.is_dir():
        return None
    try:
        report = read_report(folder)
    except ForensicsError as error:
        return Outcome.failed(
            f"{error} (delete {printable(folder)} to have that done here)", Fault.UNEXPECTED
        )
    return Outcome.of_report(report)


def _analysed(job: Job, models: Models, order: Order) -> Report:
    report = analyze_video(job.path, models, order.settings, case=order.case, patience=order.patience)
    if report.evidence.sha256 != job.sha256:
        raise ForensicsError(
            f"{printable(job.path)}: the file changed since it was listed; copy it somewhere quiet first"
        )
    return report if order.calibration is None else calibrated_report(report, order.calibration)
