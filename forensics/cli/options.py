"""Options that several commands share; `forensics.cli.chosen` makes settings of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from forensics.cli.sections import option, together

Command = TypeVar("Command", bound=Callable[..., Any])

DEBUG = "forensics.debug"
FRAMES, FACES, MODELS, REPORT = "Frames", "Faces", "Models", "Report"


def _remember_debug(ctx: click.Context, _: click.Parameter, chosen: bool) -> None:
    if chosen:
        ctx.meta[DEBUG] = True


def debug_option(command: Command) -> Command:
    """`--debug`, on the group and on every command: errors keep their traceback."""
    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_remember_debug,
        help="Show the traceback of an error.",
    )(command)


store_options = together(
    option("Weights", "--offline", is_flag=True, help="Open no network connection."),
    option(
        "Weights",
        "--cache-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="The weights cache [default: FORENSICS_CACHE, else the user's cache folder].",
    ),
)

device_option = option(
    MODELS, "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."
)

sampling_options = together(
    option(
        FRAMES,
        "--fps",
        type=click.FloatRange(min=0, min_open=True),
        help="So many frames a second; excludes --every, --frames and --all-frames [default: 4].",
    ),
    option(
        FRAMES,
        "--every",
        type=click.IntRange(min=1),
        help="Every N-th frame; excludes --fps, --frames and --all-frames.",
    ),
    option(
        FRAMES,
        "--frames",
        type=click.IntRange(min=1),
        help="K frames in all, spread over the shots; excludes --fps, --every and --all-frames.",
    ),
    option(FRAMES, "--all-frames", is_flag=True, help="Every frame; excludes --fps, --every and --frames."),
    option(
        FRAMES,
        "--start",
        type=float,
        help="From this presentation time, in seconds [default: the first frame].",
    ),
    option(
        FRAMES, "--end", type=float, help="To this presentation time, in seconds [default: the last frame]."
    ),
    option(
        FRAMES, "--backend", help="The video decoder; `forensics decoders` compares them [default: pyav]."
    ),
)

timeout_option = option(
    FRAMES,
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Give a video up when waiting for its decoder takes longer in all [default: only 60 s without "
    "progress].",
)

search_options = together(
    option(
        FACES,
        "--detect-size",
        type=click.IntRange(min=32),
        help="Search faces in frames shrunk to this longest side, in pixels [default: 640].",
    ),
    option(
        FACES,
        "--min-face",
        type=click.IntRange(min=1),
        help="The smallest face searched for and scored, in pixels [default: 40].",
    ),
)

face_options = together(
    option(
        FACES,
        "--face-detector",
        help="One of those that `forensics detectors --faces` lists [default: mtcnn].",
    ),
    search_options,
    option(
        FACES,
        "--face",
        "manual_faces",
        multiple=True,
        metavar="X,Y,W,H@SECONDS",
        help="A face the detector misses, scored from 40 pixels on whatever --min-face says; repeatable.",
    ),
)

model_options = together(
    option(
        MODELS,
        "--detector",
        "detectors",
        multiple=True,
        help="One of those that `forensics detectors` lists; repeatable [default: repdfd].",
    ),
    option(
        MODELS,
        "--whole-frame",
        is_flag=True,
        help="Score whole frames too: by CoDE where its weights are here, else by clip_probe (slow).",
    ),
    option(
        MODELS,
        "--weights",
        help="RepDFD's: starter, official, or a checkpoint of `forensics train repdfd` [default: starter]; "
        "clip_linear's: a file of `forensics train clip_linear` [default: the one that ships here]; "
        "CoDE's: a folder of `forensics train code` [default: the published ones]; MesoNet's: meso4-df, "
        "meso4-f2f, mesoinception-df or mesoinception-f2f [default: meso4-df].",
    ),
    option(
        MODELS,
        "--prompt",
        type=click.Choice(["face", "fixed", "random"]),
        help="RepDFD: its fake prompt speaks of this face, of none (fixed) or of a random one "
        "[default: as trained].",
    ),
    option(
        MODELS,
        "--head",
        type=click.Choice(["linear", "knn", "svm"]),
        help="CoDE: which of its heads decides [default: linear].",
    ),
    option(
        MODELS,
        "--crops",
        type=click.Choice(["centre", "grid"]),
        default="centre",
        show_default=True,
        help="CoDE: the middle 224 px of a frame, as published, or a grid of crops that covers it: each "
        "costs as much (45 in 1080p, 180 in 4K).",
    ),
    device_option,
    option(
        MODELS,
        "--precision",
        type=click.Choice(["fp32", "bf16", "fp16"]),
        default="fp32",
        show_default=True,
        help="The arithmetic of the detectors' towers. The halved ones are meant for a GPU; bf16 also pays "
        "on processors that compute in it: `forensics bench` measures that.",
    ),
    option(REPORT, "--no-crops", is_flag=True, help="Leave pictures of faces out of the report."),
    option(
        REPORT,
        "--min-frames",
        type=click.IntRange(min=1),
        help="Scored frames a finding needs [default: 3]; a still image has 1.",
    ),
)

case_options = together(
    option(REPORT, "--case", help="The case number, for the report."),
    option(REPORT, "--examiner", help="Who examines, for the report."),
    option(REPORT, "--exhibit", help="The exhibit number, for the report."),
    option(REPORT, "--notes", help="Notes, for the report."),
)
