"""Repeats the analysis of a report on its evidence and says how near the repetition came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from forensics.calibration.apply import calibrated_report, check_models
from forensics.checks import Check, State, Subject
from forensics.comparison import first_difference, other_platform
from forensics.errors import UsageFault
from forensics.models import load_models
from forensics.pipeline import analyze_video
from forensics.progress import Progress, no_progress
from forensics.report.model import Report
from forensics.settings import AnalysisSettings
from forensics.verify import AS_GIVEN
from weights.store import Store

BYTE_IDENTICAL = "byte-identical"
WITHIN_TOLERANCE = "within the published tolerance, not byte-identical"


def settings_of(report: Report, *, weights: Path | None = None) -> AnalysisSettings:
    """The settings that repeat an analysis; `weights` is what the user trained, if it used that.

    An analysis that ran on a GPU is repeated on the CPU where there is none. Raises UsageFault when the
    user's own weights are needed and not given, and for names this version does not know.
    """
    settings = AnalysisSettings.from_facts(report.settings)
    own = [file.name for file in report.weights if file.pinned == AS_GIVEN]
    if own and weights is None:
        raise UsageFault(
            f"{', '.join(own)}: the analysis used this of your own; name the checkpoint, or the folder of "
            "the training, with --weights"
        )
    if own:
        settings = replace(settings, weights=str(weights))
    if settings.device != "cpu" and not torch.cuda.is_available():
        settings = replace(settings, device="cpu")
    return settings


def rerun(
    report: Report,
    evidence: Path,
    *,
    store: Store,
    references: Sequence[Path] = (),
    weights: Path | None = None,
    calibration: Path | None = None,
    progress: Progress = no_progress,
) -> Check:
    """Analyse `evidence` as `report` records it, and compare with `report` apart from its `run` block.

    `references` are the photos that it was compared with, in the order of the report.

    On the same platform (versions, device, instruction set, threads) the repetition must be the same to the
    byte, on another one within the tolerance of `forensics.comparison`. Raises what the analysis raises.
    """
    settings = settings_of(report, weights=weights)
    if report.calibrated is not None and calibration is None:
        raise UsageFault(
            f"{report.calibrated.file_name}: the analysis was calibrated; name it with --calibration"
        )
    models = load_models(settings, store)
    if calibration is not None:
        check_models(calibration, models, settings)
    fresh = analyze_video(
        evidence, models, settings, case=report.case, references=references, progress=progress
    )
    if calibration is not None:
        fresh = calibrated_report(fresh, calibration)
    return compared(report, _named_alike(fresh, report))


def compared(stored: Report, repeated: Report) -> Check:
    """How the repetition compares with the stored report."""
    elsewhere = other_platform(stored, repeated)
    difference = first_difference(stored, repeated)
    if difference is None:
        state, detail = State.SOUND, BYTE_IDENTICAL
    elif not elsewhere:
        state, detail = State.FAILED, f"on the same platform, {difference}"
    elif (beyond := first_difference(stored, repeated, tolerant=True)) is None:
        state, detail = State.SOUND, WITHIN_TOLERANCE
    else:
        state, detail = State.FAILED, f"beyond the published tolerance, {beyond}"
    if elsewhere:
        detail += f" (another platform: {', '.join(elsewhere)})"
    return Check(Subject.RERUN, stored.evidence.file_name, state, detail)


def _named_alike(fresh: Report, stored: Report) -> Report:
    """Evidence and photos may have been renamed since: their names are no part of what was found in them."""
    evidence, name = fresh.evidence, stored.evidence.file_name
    renamed = replace(
        evidence, file_name=name, probe=replace(evidence.probe, path=stored.evidence.probe.path)
    )
    reference = fresh.reference
    if reference is not None and stored.reference is not None:
        pairs = zip(reference.photos, stored.reference.photos, strict=True)
        photos = tuple(replace(photo, file_name=then.file_name) for photo, then in pairs)
        reference = replace(reference, photos=photos)
    return replace(fresh, evidence=renamed, reference=reference)
