"""Verifies the outputs of an analysis: their digests, the evidence's, the weights', and by repeating it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import torch

from face.detect import detector_weights, load_detector
from face.errors import FaceError
from forensics.errors import ExitCode, ReportError
from forensics.manifest import FILE_NAME as MANIFEST
from forensics.manifest import Manifest, files_in, listed, read_manifest
from forensics.report.facts import storable
from forensics.report.json import FILE_NAME
from forensics.report.model import ModelFile, Report
from forensics.report.read import read_report
from weights.errors import CorruptWeightsError
from weights.results import Pin, user_file
from weights.store import Store

AS_GIVEN: Pin = "as given"


class State(StrEnum):
    """How a check ended."""

    SOUND = "ok"
    FAILED = "MISMATCH"
    UNCHECKED = "not checked"


class Subject(StrEnum):
    """What a check is about."""

    OUTPUT = "output"
    EVIDENCE = "evidence"
    WEIGHTS = "weights"
    RERUN = "re-run"


@dataclass(frozen=True)
class Check:
    """One thing that was checked; `detail` says what was found."""

    subject: Subject
    name: str
    state: State
    detail: str


@dataclass(frozen=True)
class Verification:
    """All checks of one output folder, in the order they were made."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> ExitCode:
        """7 if anything does not match; else 3 where report or evidence could not be checked; else 0."""
        if any(check.state is State.FAILED for check in self.checks):
            return ExitCode.VERIFICATION
        needed = (Subject.OUTPUT, Subject.EVIDENCE, Subject.RERUN)
        missing = any(check.state is State.UNCHECKED and check.subject in needed for check in self.checks)
        return ExitCode.INPUT if missing else ExitCode.DONE


# Repeats the analysis of a report on its evidence.
Repeat = Callable[[Report, Path], Check]


def verify(
    folder: Path,
    *,
    evidence: Path | None = None,
    weights: Path | None = None,
    store: Store,
    repeat: Repeat | None = None,
) -> Verification:
    """Check every output in `folder`, the evidence and the weights; with `repeat`, the analysis as well.

    `evidence` defaults to the file of the reported name in `folder`, beside it or where the command runs.
    `weights` is the checkpoint or the folder of the user's own training, if the analysis used one. The
    manifest proves that nothing changed since it was written, not who wrote it. Raises ReportError when
    `folder` has no readable manifest.
    """
    manifest = read_manifest(folder)
    found = find_evidence(manifest.evidence.name, folder) if evidence is None else evidence
    of_evidence = _check_evidence(manifest, found)
    checks = [*_check_outputs(folder, manifest, found), of_evidence]
    try:
        report = read_report(folder)
    except ReportError as error:
        checks.append(Check(Subject.OUTPUT, FILE_NAME, State.UNCHECKED, str(error)))
        return Verification(tuple(checks))
    checks += [_check_agreement(manifest, report), *_check_weights(report, store, weights)]
    if repeat is not None:
        name = report.evidence.file_name
        if found is None or of_evidence.state is State.UNCHECKED:
            checks.append(Check(Subject.RERUN, name, State.UNCHECKED, "the evidence is not here"))
        elif any(check.state is State.FAILED for check in checks):
            checks.append(Check(Subject.RERUN, name, State.UNCHECKED, "something above does not match"))
        else:
            checks.append(repeat(report, found))
    return Verification(tuple(checks))


def find_evidence(name: str, folder: Path) -> Path | None:
    """The file that a report calls `name`: in `folder`, beside it, or where the command runs."""
    for place in (folder, folder.resolve().parent, Path.cwd()):
        with suppress(OSError):
            # Compared, never joined: a name that anybody may have written is no path to follow.
            for path in sorted(place.iterdir()):
                if storable(path.name) == name and path.is_file():
                    return path
    return None


def _check_outputs(folder: Path, manifest: Manifest, evidence: Path | None) -> Iterator[Check]:
    there = set(files_in(folder))
    for output in manifest.outputs:
        if output.name not in there:
            yield Check(Subject.OUTPUT, output.name, State.FAILED, "is missing")
        elif (now := listed(folder / output.name, output.name)) != output:
            detail = f"sha256 {now.sha256}, {MANIFEST} lists {output.sha256}"
            yield Check(Subject.OUTPUT, output.name, State.FAILED, detail)
        else:
            yield Check(Subject.OUTPUT, output.name, State.SOUND, f"sha256 {output.sha256}")
    for name in sorted(there - {output.name for output in manifest.outputs}):
        if evidence is None or (folder / name).resolve() != evidence.resolve():
            yield Check(Subject.OUTPUT, name, State.FAILED, f"is not in {MANIFEST}; if it is yours, move it")


def _check_evidence(manifest: Manifest, path: Path | None) -> Check:
    expected = manifest.evidence
    if path is None:
        detail = "is neither in the folder nor beside it; name it with --evidence"
        return Check(Subject.EVIDENCE, expected.name, State.UNCHECKED, detail)
    try:
        now = listed(path, expected.name)
    except OSError as error:
        detail = f"cannot be read ({error.strerror}); name it with --evidence"
        return Check(Subject.EVIDENCE, expected.name, State.UNCHECKED, detail)
    if now != expected:
        detail = f"sha256 {now.sha256}, the analysis was of {expected.sha256}"
        return Check(Subject.EVIDENCE, expected.name, State.FAILED, detail)
    return Check(Subject.EVIDENCE, expected.name, State.SOUND, f"sha256 {expected.sha256}")


def _check_agreement(manifest: Manifest, report: Report) -> Check:
    """Manifest and report must speak of the same evidence."""
    told = manifest.evidence
    stated = (report.evidence.file_name, report.evidence.size_bytes, report.evidence.sha256)
    if stated != (told.name, told.size_bytes, told.sha256):
        return Check(Subject.OUTPUT, MANIFEST, State.FAILED, f"names other evidence than {FILE_NAME}")
    return Check(Subject.OUTPUT, MANIFEST, State.SOUND, f"names the evidence of {FILE_NAME}")


def _check_weights(report: Report, store: Store, own: Path | None) -> Iterator[Check]:
    try:
        shipped = _shipped(report.settings.face_detector)
    except FaceError as error:
        shipped = {}
        yield Check(Subject.WEIGHTS, report.settings.face_detector, State.FAILED, str(error))
    for name, file in {file.name: file for file in report.weights}.items():
        try:
            now = _digest_here(file, store, own, shipped)
        except CorruptWeightsError as error:
            yield Check(Subject.WEIGHTS, name, State.FAILED, str(error))
            continue
        if now is None:
            yield Check(Subject.WEIGHTS, name, State.UNCHECKED, "is not here")
        elif now != file.sha256:
            detail = f"sha256 {now}, the report says {file.sha256}"
            yield Check(Subject.WEIGHTS, name, State.FAILED, detail)
        else:
            yield Check(Subject.WEIGHTS, name, State.SOUND, f"sha256 {now}")


def _shipped(face_detector: str) -> dict[str, str]:
    """The digests of the model files inside a face detector's own package."""
    if detector_weights(face_detector):
        return {}
    return dict(load_detector(face_detector, device=torch.device("cpu")).files())


def _digest_here(file: ModelFile, store: Store, own: Path | None, shipped: dict[str, str]) -> str | None:
    """The digest that the bytes of a weight have on this machine, `None` where they are not."""
    if file.name in store.registry.names():
        here = store.present(file.name)
        return None if here is None else here.sha256
    if file.pinned == AS_GIVEN:
        path = None if own is None else _own_file(own, file.name)
        return None if path is None else user_file(path).sha256
    return shipped.get(file.name)


def _own_file(own: Path, name: str) -> Path | None:
    """The checkpoint itself, or the file of that name in a folder of weights, if there is one."""
    if not own.is_dir():
        return own
    # Compared, never joined, like the name of the evidence.
    return next((path for path in sorted(own.iterdir()) if path.name == name and path.is_file()), None)
