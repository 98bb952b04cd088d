"""Renders the outputs of an analysis again, from its report.json alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from forensics.custody import output_folder
from forensics.errors import TamperedError
from forensics.manifest import FILE_NAME as MANIFEST
from forensics.manifest import ListedFile, listed, read_manifest, write_manifest
from forensics.report.json import FILE_NAME
from forensics.report.model import Report
from forensics.report.outputs import check_optional, render
from forensics.report.read import read_report
from video.errors import printable


def render_again(folder: Path, *, also: Sequence[str] = ()) -> Report:
    """Write everything that is rendered from `folder`/report.json anew, and the manifest.

    `also` names outputs of `outputs.OPTIONAL`.

    Outputs that need the evidence stay as they are, listed with the digests they had. A report that is
    not the one in the manifest is refused: a new manifest would vouch for it. Raises ReportError,
    TamperedError, OutputError, and UsageFault where what an optional output needs is not installed.
    """
    check_optional(also)
    report = read_report(folder)
    kept = _kept(folder)
    with output_folder(folder, overwrite=True) as staging:
        render(report, staging, also=also)
        write_manifest(staging, report.evidence, kept=kept)
    return report


def _kept(folder: Path) -> tuple[ListedFile, ...]:
    """What the manifest lists; without a manifest, the report alone."""
    now = listed(folder / FILE_NAME, FILE_NAME)
    if not (folder / MANIFEST).exists():
        return (now,)
    outputs = read_manifest(folder).outputs
    if now not in outputs:
        raise TamperedError(
            f"{printable(folder / FILE_NAME)}: is not the report that {MANIFEST} lists; "
            "restore it from a copy, or analyse the video again"
        )
    return outputs
