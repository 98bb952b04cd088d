"""What an analysis writes beside its usual outputs, only where it is asked to."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from forensics.errors import UsageFault
from forensics.report.annotate import annotate
from forensics.report.model import Report
from forensics.report.outputs import check_optional
from forensics.report.people import person_name
from forensics.settings import AnalysisSettings

FACES_FOLDER = "faces"


@dataclass(frozen=True)
class Extras:
    """`annotate`: the evidence with boxes and scores as a video; `save_faces`: the pictures as files.

    `renderings` are names of `outputs.OPTIONAL`.
    """

    annotate: bool = False
    save_faces: bool = False
    renderings: tuple[str, ...] = ()


NO_EXTRAS = Extras()


def write_extras(
    extras: Extras, report: Report, evidence: Path, folder: Path, *, settings: AnalysisSettings
) -> None:
    """Write what was asked for into `folder`."""
    if extras.save_faces:
        write_faces(report, folder)
    if extras.annotate:
        annotate(evidence, report, folder, limits=settings.limits, backend=settings.backend)


def check_extras(extras: Extras, settings: AnalysisSettings) -> None:
    """Raise UsageFault for what cannot be written with these settings."""
    if extras.save_faces and not settings.pictures:
        raise UsageFault("--save-faces and --no-crops exclude each other; choose one")
    check_optional(extras.renderings)


def write_faces(report: Report, folder: Path) -> None:
    """Write the pictures of a report as `faces/person-A_frame-000012.jpg`, which is biometric data."""
    (folder / FACES_FOLDER).mkdir()
    for picture in report.pictures:
        who = person_name(picture.track).replace(" ", "-")
        path = folder / FACES_FOLDER / f"{who}_frame-{picture.frame_index:06d}.jpg"
        path.write_bytes(base64.b64decode(picture.jpeg_base64))
