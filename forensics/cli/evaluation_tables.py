"""The tables of `forensics evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from forensics.face_finding import FindingFigures
    from forensics.verification import Verification, VerificationFigures

# So many pictures without a face are named on the screen; the JSON has all.
_NAMES_SHOWN = 10


def print_verification(found: Verification, face_detector: str) -> None:
    """What `forensics evaluate faces` measured, one column per encoder."""
    click.echo(
        f"{found.pairs - found.pairs_without_face} of {found.pairs} pairs used, faces found by "
        f"{face_detector}; {found.pairs_without_face} pairs have a picture without a face"
    )
    if nameless := found.pictures_without_face:
        more = f" and {len(nameless) - _NAMES_SHOWN} more" if len(nameless) > _NAMES_SHOWN else ""
        click.echo(f"without a face: {', '.join(nameless[:_NAMES_SHOWN])}{more}")
    table = Table("", *found.figures)
    for title, cells in _verification_rows(list(found.figures.values())):
        table.add_row(title, *cells)
    Console().print(table)
    click.echo(
        "FMR: share of pairs of two people that pass; FNMR: share of pairs of one person that fail. The "
        "interval resamples pairs as if they were independent; pairs that share pictures make it too narrow."
    )


def _verification_rows(figures: Sequence[VerificationFigures]) -> list[tuple[str, list[str]]]:
    from forensics.verification import PAIRS_TIMES_RATE, STRICT_FALSE_MATCH_RATES

    def strict(of: VerificationFigures, rate: float) -> str:
        for point in of.strict:
            if point.false_match_rate == rate:
                return f"{point.false_non_match_rate:.3f} (cosine {point.similarity:.3f})"
        return f"under {round(PAIRS_TIMES_RATE / rate)} pairs of two people"

    return [
        ("pairs of one person / of two", [f"{of.same} / {of.pairs - of.same}" for of in figures]),
        (
            "AUC (95 % interval)",
            [f"{of.auc:.4f} ({of.auc_interval.low:.4f} to {of.auc_interval.high:.4f})" for of in figures],
        ),
        (
            "equal error rate",
            [f"{of.equal_error_rate:.3f} (cosine {of.equal_error_similarity:.3f})" for of in figures],
        ),
        ("operating point (cosine)", [f"{of.similarity:g}" for of in figures]),
        ("  accuracy there", [f"{of.accuracy:.4f}" for of in figures]),
        ("  FMR there", [f"{of.false_match_rate:.4f}" for of in figures]),
        ("  FNMR there", [f"{of.false_non_match_rate:.4f}" for of in figures]),
        *(
            (f"FNMR at FMR {rate:.1%}", [strict(of, rate) for of in figures])
            for rate in STRICT_FALSE_MATCH_RATES
        ),
    ]


def print_finding(figures: Mapping[str, FindingFigures], not_run: Mapping[str, str], machine: str) -> None:
    """What `forensics evaluate face-detectors` measured, and why a detector did not run."""
    summary = Table("face detector", "pictures", "recall", "extra boxes a picture", "ms a picture (median)")
    videos = Table("video", "frames", *(f"{name}: frames with a face" for name in figures))
    for name, of in figures.items():
        found = of.pictures
        cells = (
            ("-", "-", "-")
            if found is None
            else (str(found.pictures), f"{found.recall:.3f}", f"{found.extra_boxes:.3f}")
        )
        summary.add_row(name, *cells, f"{of.milliseconds:.1f}")
    for of_one in zip(*(of.videos for of in figures.values()), strict=True):
        first = of_one[0]
        videos.add_row(first.name, str(first.frames), *(f"{video.with_face:.3f}" for video in of_one))
    Console().print(summary)
    for name, reason in not_run.items():
        click.echo(f"{name} not run: {reason}")
    if videos.row_count:
        Console().print(videos)
    click.echo(machine)
