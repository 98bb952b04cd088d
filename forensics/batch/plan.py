"""What a batch was asked for, and what there is to do: listed, hashed, and compared with what is finished."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from forensics.batch.crew import Crew, Processes
from forensics.batch.folders import analysis_name, check_output, index_path
from forensics.batch.index import Given, Index
from forensics.batch.inputs import Inputs, list_inputs
from forensics.batch.outcome import Fault, Outcome, Status
from forensics.batch.shard import WHOLE, Shard
from forensics.batch.work import Job, Order, outcome_found
from forensics.errors import UsageFault
from forensics.models import load_models
from forensics.progress import Progress, no_progress
from forensics.report.extras import NO_EXTRAS, Extras, check_extras
from forensics.report.facts import NO_CASE, CaseFacts
from forensics.settings import AnalysisSettings
from video.errors import printable
from video.isolated import DEFAULT_PATIENCE
from video.worker_process import Patience
from weights.store import Store
from weights.streams import sha256_of

DEFAULT_RETRIES = 2
DEFAULT_SETTINGS = AnalysisSettings()


@dataclass(frozen=True)
class Batch:
    """A batch as it was asked for. Its folder is described in `forensics.batch.folders`.

    `source` is a folder or a manifest (`forensics.batch.inputs`), `out` the folder of the results. `jobs`
    processes analyse side by side and share the threads of the machine. `shard` is the share of the videos
    that this run takes; all shares may write into one `out`, also from several machines. A video whose
    analysis crashes, runs out of memory or cannot read its disk is tried again up to `retries` times, and
    when the batch is given again. One that is refused is tried once, unless the batch is given again with
    `retry_failed`. `patience` is how long its decoder is waited for; `crew` are those who analyse. Raises
    UsageFault for what makes no sense.
    """

    source: Path
    out: Path
    settings: AnalysisSettings = DEFAULT_SETTINGS
    store: Store = field(default_factory=Store)
    case: CaseFacts = NO_CASE
    calibration: Path | None = None
    extras: Extras = NO_EXTRAS
    patience: Patience = DEFAULT_PATIENCE
    jobs: int = 1
    shard: Shard = WHOLE
    retries: int = DEFAULT_RETRIES
    retry_failed: bool = False
    crew: Callable[[Order], Crew] = Processes

    def __post_init__(self) -> None:
        if self.jobs < 1 or self.retries < 0:
            raise UsageFault("a batch needs at least one job and no fewer than 0 retries")
        if self.settings.manual_faces:
            raise UsageFault("--face points into one video; give a batch without it")
        check_extras(self.extras, self.settings)

    def order(self) -> Order:
        """What those who analyse are told."""
        return Order(
            # Workers may be elsewhere.
            out=Path(os.path.abspath(self.out)),
            settings=self.settings,
            store=self.store,
            case=self.case,
            extras=self.extras,
            calibration=self.calibration,
            patience=self.patience,
            shard=self.shard,
            jobs=self.jobs,
            load=load_models,
        )


@dataclass(frozen=True)
class Plan:
    """What is to be done and what is not: `finished` were analysed before under the same key."""

    key: str
    given: tuple[Given, ...]
    to_do: tuple[Job, ...]
    finished: tuple[tuple[Job, Outcome], ...]

    @property
    def unreadable(self) -> tuple[Given, ...]:
        """Files whose digest cannot be taken; there is nothing to try."""
        return tuple(one for one in self.given if one.sha256 is None)


def list_checked(batch: Batch) -> Inputs:
    """What the batch is given. Raises what `list_inputs` and `check_output` raise."""
    inputs = list_inputs(batch.source)
    check_output(batch.out, batch.source)
    return inputs


def plan_batch(batch: Batch, *, progress: Progress = no_progress) -> Plan:
    """What `run_batch` would do; nothing is written. The models are loaded: they are part of the key."""
    inputs = list_checked(batch)
    with batch.crew(batch.order()) as crew:
        given = hashed(inputs, batch.shard, progress)
        path = index_path(batch.out, batch.shard)
        if not path.exists():
            return planned(batch, inputs, given, key=crew.key(), index=None)
        with Index(path) as index:
            return planned(batch, inputs, given, key=crew.key(), index=index)


def hashed(inputs: Inputs, shard: Shard, progress: Progress) -> list[Given]:
    """The files of this shard with their digests, every file hashed anew: its digest says what it is."""
    given: list[Given] = []
    for position, file in enumerate(inputs.files):
        progress(position, len(inputs.files))
        try:
            if not file.path.is_file():
                raise FileNotFoundError(0, "is no file" if file.path.exists() else "does not exist")
            one = Given(position, file.name, sha256_of(file.path))
        except OSError as error:
            text = f"{printable(file.path)}: cannot be read ({error.strerror}); check path and permissions"
            one = Given(position, file.name, None, text)
        if shard.takes(one.sha256, one.path):
            given.append(one)
    progress(len(inputs.files), len(inputs.files))
    return given


def planned(batch: Batch, inputs: Inputs, given: Sequence[Given], *, key: str, index: Index | None) -> Plan:
    """Tell what is finished: by its folder, or refused before under the same key."""
    jobs: dict[str, Job] = {}
    for one in given:
        if one.sha256 is not None:
            # The same video at another place is the same video.
            jobs.setdefault(one.sha256, Job(inputs.files[one.position].path, one.path, one.sha256))
    finished = [(job, _known(job, batch, key, index)) for job in jobs.values()]
    return Plan(
        key=key,
        given=tuple(given),
        to_do=tuple(job for job, outcome in finished if outcome is None),
        finished=tuple((job, outcome) for job, outcome in finished if outcome is not None),
    )


def _known(job: Job, batch: Batch, key: str, index: Index | None) -> Outcome | None:
    told = None if index is None else index.outcome(job.sha256, key)
    if told is not None and told.fault is Fault.REFUSED and not batch.retry_failed:
        return told
    folder = batch.out / analysis_name(job.sha256, key)
    if told is not None and told.status is Status.DONE and folder.is_dir():
        return told
    return outcome_found(job.sha256, batch.out, key=key)
