"""Evaluation as a function: what `forensics evaluate detectors` and `evaluate join` do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from forensics.data.dataset import Dataset
from forensics.errors import ForensicsError
from forensics.evaluation.folder import DatasetFacts, check_folder, read_finished, write_index
from forensics.evaluation.items import refuse_equal_names, sources_of
from forensics.evaluation.join import joined, renamed
from forensics.evaluation.outputs import write_evaluation
from forensics.evaluation.result import Evaluation, evaluation_of
from forensics.evaluation.run import analyse_sources
from forensics.evaluation.sweep import AS_GIVEN, Condition
from forensics.models import load_models
from forensics.progress import Progress, no_progress
from forensics.settings import AnalysisSettings
from weights.store import Store


def evaluate(
    datasets: Sequence[tuple[str, Dataset]],
    out: Path,
    *,
    settings: AnalysisSettings,
    store: Store,
    sweep: Sequence[Condition] = (),
    max_unreadable: int = 0,
    progress: Progress = no_progress,
) -> Evaluation:
    """Analyse every item of named `datasets` by `settings`, and write figures, tables and page into `out`.

    All detectors of the settings see identical crops. `sweep` adds conditions; the items as given are always
    analysed. Analyses that lie in `out` already are taken as they are. Raises `DatasetError` for items named
    twice and for more than `max_unreadable` that cannot be read, OutputError for a folder that holds anything
    else or cannot be written, WeightsError and UsageFault as an analysis does, and ForensicsError where a
    detector cannot be loaded.
    """
    sources = [source for name, dataset in datasets for source in sources_of(dataset, name)]
    refuse_equal_names(sources)
    check_folder(out)
    # Nobody looks at the faces of thousands of reports.
    settings = replace(settings, pictures=False)
    models = load_models(settings, store)
    if broken := [run for run in models.not_run if run.name in settings.detectors]:
        raise ForensicsError(f"{broken[0].name}: {broken[0].reason}; install it or leave the detector out")
    entries = analyse_sources(
        sources,
        models,
        settings,
        out,
        conditions=tuple(dict.fromkeys([AS_GIVEN, *sweep])),
        max_unreadable=max_unreadable,
        progress=progress,
    )
    facts = [DatasetFacts(name, len(one.records), one.missing_names) for name, one in datasets]
    write_index(out, facts, entries)
    finished = read_finished(out)
    evaluation = evaluation_of(finished)
    write_evaluation(evaluation, finished, out)
    return evaluation


def join(parts: Sequence[tuple[str, Path]], out: Path) -> Evaluation:
    """Figures, tables and page of finished evaluations, each a name and its folder, together in `out`.

    A name that is not empty is put before the names of that folder's detectors. Raises ReportError for a
    folder without an evaluation, UsageFault where two contradict each other, OutputError for an `out` that
    holds anything else or cannot be written.
    """
    check_folder(out)
    read = [renamed(read_finished(folder), name) if name else read_finished(folder) for name, folder in parts]
    finished = joined(read)
    evaluation = evaluation_of(finished)
    write_evaluation(evaluation, finished, out)
    return evaluation
