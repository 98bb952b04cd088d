"""Verifies the outputs of an analysis: their digests, the evidence's, the weights', and by repeating it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch

from face.detect import detector_weights, load_detector
from face.errors import FaceError
from forensics.checks import Check, State, Subject, Verification, find_named
from forensics.errors import ReportError
from forensics.manifest import FILE_NAME as MANIFEST
from forensics.manifest import Manifest, files_in, listed, read_manifest
from forensics.report.json import FILE_NAME
from forensics.report.model import ModelFile, Report
from forensics.report.read import read_report
from forensics.verify_photos import PhotoAgain, check_photos_again
from video.errors import printable
from weights.errors import CorruptWeightsError
from weights.results import Pin, user_file
from weights.store import Store

AS_GIVEN: Pin = "as given"


# Repeats the analysis of a report on its evidence and its reference photos.
Repeat = Callable[[Report, Path, Sequence[Path]], Check]


def verify(
    folder: Path,
    *,
    evidence: Path | None = None,
    references: Sequence[Path] = (),
    weights: Path | None = None,
    store: Store,
    repeat: Repeat | None = None,
) -> Verification:
    """Check every output in `folder`, the evidence, the reference photos and the weights; with `repeat`, the
    analysis as well.

    `evidence` defaults to the file of the reported name in `folder`, beside it or where the command runs;
    so do the photos, unless they are among `references`. `weights` is the checkpoint or the folder of the
    user's own training, if the analysis used one. The manifest proves that nothing changed since it was
    written, not who wrote it. Raises ReportError when `folder` has no readable manifest.
    """
    manifest = read_manifest(folder)
    found = find_named(manifest.evidence.name, folder) if evidence is None else evidence
    of_evidence = _check_evidence(manifest, found)
    try:
        report = read_report(folder)
    except ReportError as error:
        unread = Check(Subject.OUTPUT, FILE_NAME, State.UNCHECKED, str(error))
        return Verification((*_check_outputs(folder, manifest, [found]), of_evidence, unread))
    photos = () if report.reference is None else report.reference.photos
    again = tuple(check_photos_again(photos, folder, references))
    checks = [
        *_check_outputs(folder, manifest, [found, *(photo.path for photo in again)]),
        of_evidence,
        *(one.check for one in again),
        _check_agreement(manifest, report),
        *_check_weights(report, store, weights),
    ]
    if repeat is not None:
        checks.append(_repeated(repeat, report, found, of_evidence, again, checks))
    return Verification(tuple(checks))


def _repeated(
    repeat: Repeat,
    report: Report,
    evidence: Path | None,
    of_evidence: Check,
    photos: Sequence[PhotoAgain],
    checks: Sequence[Check],
) -> Check:
    """The check that repeats the analysis, if all that it needs is here and sound."""

    def not_repeated(why: str) -> Check:
        return Check(Subject.RERUN, report.evidence.file_name, State.UNCHECKED, why)

    if evidence is None or of_evidence.state is State.UNCHECKED:
        return not_repeated("the evidence is not here")
    if any(photo.check.state is State.UNCHECKED for photo in photos):
        return not_repeated("a reference photo is not here")
    if any(check.state is State.FAILED for check in checks):
        return not_repeated("something above does not match")
    return repeat(report, evidence, [photo.path for photo in photos if photo.path is not None])


def _check_outputs(folder: Path, manifest: Manifest, inputs: Iterable[Path | None]) -> Iterator[Check]:
    """Every listed output, and every file that is neither listed nor one of the `inputs`."""
    own = {path.resolve() for path in inputs if path is not None}
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
        if (folder / name).resolve() not in own:
            yield Check(Subject.OUTPUT, name, State.FAILED, f"is not in {MANIFEST}; if it is yours, move it")


def _check_evidence(manifest: Manifest, path: Path | None) -> Check:
    expected = manifest.evidence
    if path is None:
        detail = "is not in the folder, beside it or where this runs; name it with --evidence"
        return Check(Subject.EVIDENCE, expected.name, State.UNCHECKED, detail)
    try:
        now = listed(path, expected.name)
    except OSError as error:
        detail = f"cannot be read ({error.strerror}); name it with --evidence"
        return Check(Subject.EVIDENCE, expected.name, State.UNCHECKED, detail)
    if now != expected:
        detail = f"sha256 {now.sha256}, the analysis was of {expected.sha256}"
        return Check(Subject.EVIDENCE, expected.name, State.FAILED, f"{detail}: {printable(path)}")
    # Which of several files of that name was hashed is part of what was found.
    detail = f"sha256 {expected.sha256}: {printable(path)}"
    return Check(Subject.EVIDENCE, expected.name, State.SOUND, detail)


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
