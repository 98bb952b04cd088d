"""The main group: every error becomes one line and its documented exit code."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import click

from face.errors import FaceError
from forensics.cli.analyze import analyze_command
from forensics.cli.batch import batch_command
from forensics.cli.bench import bench_command
from forensics.cli.calibrate import calibrate_command
from forensics.cli.compare import compare_command
from forensics.cli.data import data_group
from forensics.cli.decoders import decoders_command
from forensics.cli.demo import demo_command
from forensics.cli.detectors import detectors_command
from forensics.cli.doctor import doctor_command
from forensics.cli.evaluate import evaluate_group
from forensics.cli.options import DEBUG, debug_option
from forensics.cli.report import report_command
from forensics.cli.schema import schema_command
from forensics.cli.train import train_group
from forensics.cli.verify import verify_command
from forensics.cli.weights import weights_group
from forensics.errors import ExitCode, ForensicsError
from video.errors import VideoError
from weights.errors import WeightsError

EXIT_CODES = """
\b
Exit codes: 0 done; 1 unexpected fault; 2 usage, or an output that cannot be written;
3 input unreadable or refused;
4 no verdict possible; 5 weights missing or refused; 7 verification failed;
8 some of a batch failed; 130 interrupted; 6 is kept for findings that are to fail.
What was found does not change the exit code.
"""


def exit_code_of(error: BaseException) -> ExitCode:
    """The documented exit code of an exception."""
    if isinstance(error, ForensicsError):
        return error.exit_code
    if isinstance(error, VideoError):
        return ExitCode.INPUT
    # A face component refuses only model files.
    if isinstance(error, (WeightsError, FaceError)):
        return ExitCode.WEIGHTS
    return ExitCode.INTERRUPTED if isinstance(error, KeyboardInterrupt) else ExitCode.FAULT


class ForensicsGroup(click.Group):
    """Turns what a command returns or raises into the exit code; tracebacks only with `--debug`."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            code = super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            # click also ends quietly when whoever read the output stops reading.
            raise
        except (ForensicsError, VideoError, WeightsError, FaceError) as error:
            self._stop(ctx, error, str(error))
        except KeyboardInterrupt as error:
            self._stop(ctx, error, "interrupted; nothing was written")
        except Exception as error:
            kind = type(error).__name__
            self._stop(ctx, error, f"unexpected fault: {kind}: {error}; --debug shows where")
        ctx.exit(int(code or ExitCode.DONE))

    def _stop(self, ctx: click.Context, error: BaseException, message: str) -> None:
        if ctx.meta.get(DEBUG):
            click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
        else:
            click.echo(f"forensics: {' '.join(message.split())}", err=True)
        ctx.exit(int(exit_code_of(error)))


@click.group(cls=ForensicsGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="face-video-forensics", prog_name="forensics")
@debug_option
def main() -> None:
    """Find face manipulation in video files, frame by frame, with reports that can be checked."""
    logging.basicConfig(level=logging.ERROR, format="forensics: %(levelname)s: %(message)s")


for command in (
    analyze_command,
    batch_command,
    bench_command,
    calibrate_command,
    compare_command,
    data_group,
    decoders_command,
    demo_command,
    detectors_command,
    doctor_command,
    evaluate_group,
    report_command,
    schema_command,
    train_group,
    verify_command,
    weights_group,
):
    main.add_command(command)
