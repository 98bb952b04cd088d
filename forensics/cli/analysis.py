"""What `analyze`, `compare` and `demo` share: the options of an analysis, its run, and what is printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forensics.cli.chosen import case_of, chosen_renderings, settings_of
from forensics.cli.options import (
    case_options,
    debug_option,
    face_options,
    model_options,
    sampling_options,
    store_options,
    timeout_option,
)
from forensics.cli.progress import byte_bar, frame_bar
from forensics.cli.sections import together
from forensics.errors import ExitCode, UsageFault

if TYPE_CHECKING:
    from forensics.report.extras import Extras
    from forensics.report.facts import CaseFacts
    from forensics.report.model import Report
    from forensics.settings import AnalysisSettings
    from video.worker_process import Patience
    from weights.store import Store

analysis_options = together(
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        help="Folder for the report and all other outputs.",
    ),
    click.option(
        "--overwrite", is_flag=True, help="Write into a folder that is not empty; replaces only same names."
    ),
    click.option(
        "--calibration",
        type=click.Path(path_type=Path),
        help="A calibration file of `forensics calibrate`: adds likelihood ratios.",
    ),
    click.option("--annotate", is_flag=True, help="Write annotated.mp4 too: boxes, names and scores."),
    click.option("--pdf", is_flag=True, help="Write report.pdf too (needs the extra `pdf`)."),
    click.option("--parquet", is_flag=True, help="Write frames.parquet too (needs the extra `parquet`)."),
    click.option("--save-faces", is_flag=True, help="Write the report's pictures of faces to faces/ too."),
    click.option("--json", "as_json", is_flag=True, help="Print the report as JSON instead of the summary."),
    sampling_options,
    timeout_option,
    face_options,
    model_options,
    case_options,
    store_options,
    debug_option,
)


def analyse_as_asked(video: Path, options: dict[str, Any], *, references: Sequence[Path] = ()) -> ExitCode:
    """Do what `analysis_options` ask for. Raises UsageFault where they contradict each other."""
    from forensics.report.extras import Extras, check_extras
    from video.worker_process import Patience
    from weights.store import Store

    case = case_of(options)
    settings = settings_of(options)
    extras = Extras(
        annotate=options["annotate"],
        save_faces=options["save_faces"],
        renderings=chosen_renderings(pdf=options["pdf"], parquet=options["parquet"]),
    )
    check_extras(extras, settings)
    if options["output"] is None and extras != Extras():
        options_that_write = "--annotate, --save-faces, --pdf and --parquet"
        raise UsageFault(f"{options_that_write} write files; name a folder for them with -o")
    report = run_analysis(
        video,
        options["output"],
        settings,
        Store(options["cache_dir"], offline=options["offline"]),
        case=case,
        references=references,
        calibration=options["calibration"],
        extras=extras,
        overwrite=options["overwrite"],
        as_json=options["as_json"],
        patience=Patience(file_seconds=options["timeout"]),
    )
    return exit_code_of_verdict(report)


def exit_code_of_verdict(report: Report) -> ExitCode:
    """4 where there was too little to judge by, else 0, whatever was found."""
    from forensics.findings import NO_VERDICT_REASONS

    return ExitCode.NO_VERDICT if report.verdict.reason in NO_VERDICT_REASONS else ExitCode.DONE


def run_analysis(
    video: Path,
    output: Path | None,
    settings: AnalysisSettings,
    store: Store,
    *,
    case: CaseFacts | None = None,
    references: Sequence[Path] = (),
    calibration: Path | None = None,
    extras: Extras | None = None,
    overwrite: bool = False,
    as_json: bool = False,
    patience: Patience | None = None,
) -> Report:
    """Fetch, analyse, print; the shared body of `analyze`, `compare` and `demo`."""
    from forensics.api import analyze
    from forensics.calibration.file import load_calibration
    from forensics.cli.summary import print_summary
    from forensics.custody import check_output_folder
    from forensics.models import fetch_weights
    from forensics.reference import check_photos
    from forensics.report.extras import NO_EXTRAS
    from forensics.report.facts import NO_CASE
    from forensics.report.json import report_json
    from video.isolated import DEFAULT_PATIENCE, probe

    # A typing mistake should not cost a download.
    patience = patience or DEFAULT_PATIENCE
    probe(video, patience=patience)
    if references:
        check_photos(references, video)
    if calibration is not None:
        load_calibration(calibration)
    if output is not None:
        check_output_folder(output, overwrite=overwrite)
    with byte_bar("weights") as progress:
        needed = fetch_weights(settings, store, progress=progress)
    for weight in needed:
        if not weight.commercial_use:
            click.echo(f"{weight.name}: {weight.licence}, not for commercial use", err=True)
    with frame_bar("frames") as frames:
        report = analyze(
            video,
            output,
            settings=settings,
            store=store,
            case=case or NO_CASE,
            references=references,
            calibration=calibration,
            extras=extras or NO_EXTRAS,
            overwrite=overwrite,
            progress=frames,
            patience=patience,
        )
    if as_json:
        click.echo(report_json(report), nl=False)
    else:
        print_summary(report)
        if output is not None:
            _print_written(output)
    return report


def _print_written(output: Path) -> None:
    """Name the outputs, and the one digest that vouches for them all if it is kept elsewhere."""
    from forensics.manifest import FILE_NAME, read_manifest
    from weights.streams import sha256_of

    names = [one.name.partition("/") for one in read_manifest(output).outputs]
    # Of a folder its name, not its hundreds of files.
    shown = dict.fromkeys(first + slash for first, slash, _ in names)
    click.echo(f"written to {output}: {', '.join([*shown, FILE_NAME])}")
    click.echo(f"sha256 of {FILE_NAME}: {sha256_of(output / FILE_NAME)}")
