"""`forensics verify`: check the outputs of an analysis, its evidence and its weights, and repeat it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forensics.cli.options import debug_option, store_options
from forensics.cli.progress import byte_bar, frame_bar
from forensics.errors import ExitCode

if TYPE_CHECKING:
    from forensics.checks import Check, Verification
    from forensics.report.model import Report
    from weights.store import Store

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("verify", short_help="Check the outputs of an analysis, or repeat it.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--evidence", type=click.Path(path_type=Path), help="The evidence, if not beside the folder or here."
)
@click.option(
    "--reference",
    "references",
    type=FILE,
    multiple=True,
    metavar="PHOTO",
    help="A photo the faces were compared with, if not beside the folder or here; repeatable.",
)
@click.option(
    "--weights",
    type=click.Path(exists=True, path_type=Path),
    help="The weights of your own that the analysis used: a checkpoint, or CoDE's folder.",
)
@click.option("--calibration", type=FILE, help="The calibration file that the analysis used.")
@click.option("--rerun", "repeat", is_flag=True, help="Repeat the analysis and compare.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@store_options
@debug_option
def verify_command(
    folder: Path,
    evidence: Path | None,
    references: tuple[Path, ...],
    weights: Path | None,
    calibration: Path | None,
    repeat: bool,
    as_json: bool,
    offline: bool,
    cache_dir: Path | None,
) -> ExitCode:
    """Check everything in the output FOLDER of an analysis against its manifest.json and report.json.

    Exit code 7: something does not match. 3: nothing mismatches, but manifest, report, evidence or
    reference photos are not here to be checked. 0: all that was checked is as it was. Weights that are not
    in the cache are named and change nothing.
    """
    from forensics.verify import verify
    from weights.store import Store

    store = Store(cache_dir, offline=offline)

    def again(report: Report, path: Path, photos: Sequence[Path]) -> Check:
        return _rerun(report, path, photos, store, weights=weights, calibration=calibration)

    result = verify(
        folder,
        evidence=evidence,
        references=references,
        weights=weights,
        store=store,
        repeat=again if repeat else None,
    )
    if as_json:
        _print_json(result)
    else:
        _print_lines(result)
    return result.exit_code


def _rerun(
    report: Report,
    evidence: Path,
    photos: Sequence[Path],
    store: Store,
    *,
    weights: Path | None,
    calibration: Path | None,
) -> Check:
    from forensics.models import fetch_weights
    from forensics.rerun import rerun, settings_of

    with byte_bar("weights") as fetching:
        fetch_weights(settings_of(report, weights=weights), store, progress=fetching)
    with frame_bar("frames") as frames:
        return rerun(
            report,
            evidence,
            store=store,
            references=photos,
            weights=weights,
            calibration=calibration,
            progress=frames,
        )


def _print_lines(result: Verification) -> None:
    from forensics.checks import State
    from video.errors import printable

    for check in result.checks:
        line = f"{check.state.value:11}  {check.subject.value:8}  {check.name}: {check.detail}"
        click.echo(printable(line))
    count = Counter(check.state for check in result.checks)
    click.echo(", ".join(f"{state.value}: {count[state]}" for state in State))


def _print_json(result: Verification) -> None:
    from forensics.report.json import to_plain

    record = {"exit_code": int(result.exit_code), "checks": to_plain(result.checks)}
    click.echo(json.dumps(record, indent=2, allow_nan=False))
