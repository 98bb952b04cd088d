"""Verifies the reference photos of a comparison: each is found again by its digest or its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from forensics.checks import Check, State, Subject, find_named
from forensics.report.facts import storable
from forensics.report.reference import ReferencePhoto
from weights.streams import sha256_of


@dataclass(frozen=True)
class PhotoAgain:
    """The check of one photo, and the file it was of, `None` where there is none."""

    check: Check
    path: Path | None


def check_photos_again(
    photos: Sequence[ReferencePhoto], folder: Path, given: Sequence[Path]
) -> Iterator[PhotoAgain]:
    """One check for each photo of the report, in its order, then one for each file `given` that is none.

    Those of `given` (readable files) may have been renamed since: their digests tell them.
    """
    by_digest = {sha256_of(path): path for path in given}
    recorded = {photo.sha256 for photo in photos}
    for photo in photos:
        named = by_digest.get(photo.sha256) or find_named(photo.file_name, folder)
        yield _again(photo, named, recorded)
    for sha256, path in by_digest.items():
        if sha256 not in recorded:
            detail = f"sha256 {sha256} is that of no reference photo of the report"
            yield PhotoAgain(Check(Subject.PHOTO, storable(path.name), State.FAILED, detail), path)


def _again(photo: ReferencePhoto, path: Path | None, recorded: set[str]) -> PhotoAgain:
    try:
        now = None if path is None else sha256_of(path)
    except OSError:
        now = None
    if now == photo.sha256:
        return PhotoAgain(Check(Subject.PHOTO, photo.file_name, State.SOUND, f"sha256 {now}"), path)
    # Another photo of the report may have the same name in another folder.
    if now is None or now in recorded:
        detail = "is not in the folder, beside it or where this runs; name it with --reference"
        return PhotoAgain(Check(Subject.PHOTO, photo.file_name, State.UNCHECKED, detail), None)
    detail = f"sha256 {now}, the comparison was with {photo.sha256}"
    return PhotoAgain(Check(Subject.PHOTO, photo.file_name, State.FAILED, detail), path)
