"""`forensics calibrate`: labelled scores to a calibration file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from forensics.cli.options import debug_option
from forensics.errors import UsageFault

if TYPE_CHECKING:
    from forensics.calibration.facts import Figure
    from forensics.calibration.record import Calibration
    from forensics.calibration.reports import Setup
    from forensics.calibration.table import ScoreTable

# With fewer bins a video or two decide the calibration error.
BINS_THAT_TELL = 5


@click.command("calibrate", short_help="Learn what a score is worth as evidence.")
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The calibration file to write."
)
@click.option(
    "--from-reports",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Take the scores from the reports under DIR; TABLE then needs video and label only; excludes "
    "--weights-of.",
)
@click.option(
    "--weights-of",
    type=click.Path(path_type=Path),
    metavar="REPORT",
    help="A report.json made like the scores of TABLE: its weights and settings are recorded; "
    "excludes --from-reports.",
)
@click.option(
    "--detector",
    "detectors",
    multiple=True,
    help="Whose scores; repeatable with --fuse [default: those TABLE names, else repdfd].",
)
@click.option("--fuse", is_flag=True, help="Fit one combination of the scores of several detectors.")
@click.option(
    "--method",
    type=click.Choice(["logistic", "isotonic"]),
    default="logistic",
    show_default=True,
    help="The curve from scores to likelihood ratios.",
)
@click.option("--describe", default="", metavar="TEXT", help="What the videos are; kept in the file.")
@click.option("--overwrite", is_flag=True, help="Replace a file of that name.")
@debug_option
def calibrate_command(
    table: Path,
    output: Path,
    from_reports: Path | None,
    weights_of: Path | None,
    detectors: tuple[str, ...],
    fuse: bool,
    method: str,
    describe: str,
    overwrite: bool,
) -> None:
    """Learn from labelled videos what a score is worth as evidence on videos like them.

    TABLE is a CSV file with the columns video, label (real or fake, 0 or 1), score and, if there are any,
    group (the person or source: videos of a group stay together) and detector. At least 10 videos of each
    label are needed. `forensics analyze --calibration FILE` uses the result.
    """
    from forensics.calibration.calibrate import calibrate
    from forensics.calibration.file import refuse_existing, save_calibration
    from forensics.calibration.fit import Method

    if (from_reports is None) == (weights_of is None):
        raise UsageFault("give --from-reports DIR, or --weights-of REPORT for scores that lie in the table")
    refuse_existing(output, overwrite=overwrite)
    scores, setup = _material(table, from_reports, weights_of, tuple(dict.fromkeys(detectors)), fuse)
    made = calibrate(
        scores, Method(method), settings=setup.settings, weights=setup.weights, description=describe
    )
    save_calibration(made, output, overwrite=overwrite)
    _print_summary(made)
    click.echo(f"written: {output}")


def _material(
    table: Path, from_reports: Path | None, weights_of: Path | None, detectors: tuple[str, ...], fuse: bool
) -> tuple[ScoreTable, Setup]:
    """The scores and what made them, from reports or from the table and one report."""
    from forensics.calibration.reports import read_reports, setup_of
    from forensics.calibration.table import detectors_in, read_scores
    from forensics.settings import DEFAULT_DETECTORS

    named = detectors_in(table) if from_reports is None else ()
    chosen = detectors or named or DEFAULT_DETECTORS
    if fuse != (len(chosen) > 1):
        names = ", ".join(chosen)
        raise UsageFault(
            f"--fuse needs the scores of several detectors, here are {names}; name them with --detector"
            if fuse
            else f"there are scores of {names}; choose one with --detector, or combine them with --fuse"
        )
    if from_reports is not None:
        return read_reports(from_reports, table, chosen)
    if weights_of is None:
        raise UsageFault("--weights-of REPORT is missing")
    return read_scores(table, chosen), setup_of(weights_of, chosen)


def _print_summary(made: Calibration) -> None:
    data, figures, model = made.data, made.figures, made.model
    click.echo(
        f"{' + '.join(made.detectors)}, {model.curve.method}: {data.manipulated} manipulated and "
        f"{data.not_manipulated} other videos in {data.groups} groups"
    )
    if data.left_out:
        click.echo(f"left out: {data.left_out} labelled videos without a score", err=True)
    if not data.groups_given:
        click.echo("no groups given: if people recur, the figures are better than the truth", err=True)
    for one in made.inputs:
        click.echo(f"scores of {one.detector} seen: {one.score.low:.2f} to {one.score.high:.2f}")
    _print_domain(made)
    low, high = (10**bound for bound in (model.bounds.low, model.bounds.high))
    click.echo(f"likelihood ratios: {low:.2g} to {high:.2g}, the most these data support")
    click.echo(f"on videos left out of the fit, {figures.folds} folds [95 % interval over groups]:")
    bins = figures.calibration_error_bins
    for name, figure in (
        ("AUC", figures.auc),
        ("EER", figures.equal_error_rate),
        ("Cllr", figures.cllr),
        ("Cllr min", figures.cllr_min),
        (f"ECE, {bins} bins", figures.expected_calibration_error),
    ):
        click.echo(f"  {name:<12} {_words(figure)}")
    if bins < BINS_THAT_TELL:
        click.echo(f"an ECE of {bins} bins says little; there is a bin for every ten videos")
    if figures.cllr.value >= 1:
        click.echo("a Cllr of 1 or more: on such videos this score is worth nothing as evidence", err=True)


def _print_domain(made: Calibration) -> None:
    """How the faces of the videos were seen: what lies outside gets no likelihood ratio."""
    seen = made.conditions
    if seen is None:
        click.echo(
            "nothing is known of how faces were seen: size, sharpness and number of frames will not be "
            "checked, and a video of several people gets no ratio; --from-reports knows them",
            err=True,
        )
        return
    size, sharpness, people = seen.size_pixels, seen.sharpness, seen.people
    click.echo(
        f"faces seen: {size.low:.0f} to {size.high:.0f} px, sharpness {sharpness.low:.3g} to "
        f"{sharpness.high:.3g}, {seen.least_frames} or more scored frames, people in a video: "
        + (f"{people.low:.0f}" if people.low == people.high else f"{people.low:.0f} to {people.high:.0f}")
    )


def _words(figure: Figure) -> str:
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"
