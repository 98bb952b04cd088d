"""Options that several commands share, and the settings and store made from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from forensics.cli.sections import option, together
from forensics.errors import UsageFault

if TYPE_CHECKING:
    from forensics.report.facts import CaseFacts
    from forensics.settings import AnalysisSettings
    from video.sampling import Sampling

Command = TypeVar("Command", bound=Callable[..., Any])

DEBUG = "forensics.debug"
FRAMES, FACES, MODELS, REPORT = "Frames", "Faces", "Models", "Report"
CASE_FIELDS = ("case", "examiner", "exhibit", "notes")


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


def case_of(options: dict[str, Any]) -> CaseFacts:
    """Take the case options out of `options`; what is empty was not said."""
    from forensics.report.facts import CaseFacts

    return CaseFacts(**{field: options.pop(field) or None for field in CASE_FIELDS})


def sampling_of(options: dict[str, Any]) -> Sampling:
    """Take the sampling options out of `options`. Raises UsageFault when they contradict each other."""
    from video.sampling import Sampling

    window = {"start_seconds": options.pop("start"), "end_seconds": options.pop("end")}
    modes = {name: options.pop(name) for name in ("fps", "every", "frames", "all_frames")}
    for name, value in (*window.items(), *modes.items()):
        if isinstance(value, float) and not math.isfinite(value):
            named = name.removesuffix("_seconds")
            raise UsageFault(f"--{named} {value}: is no number of seconds or frames; give a finite one")
    chosen = [name for name, value in modes.items() if value]
    if len(chosen) > 1:
        names = " and ".join("--" + name.replace("_", "-") for name in chosen)
        raise UsageFault(f"{names} exclude each other; choose one")
    try:
        if modes["every"]:
            return Sampling.every(modes["every"], **window)
        if modes["frames"]:
            return Sampling.spread(modes["frames"], **window)
        if modes["all_frames"]:
            return Sampling.all(**window)
        return Sampling.fps(modes["fps"] or 4.0, **window)
    except ValueError as error:
        raise UsageFault(f"--start and --end: {error}") from error


def settings_of(options: dict[str, Any]) -> AnalysisSettings:
    """Take the sampling, face and model options out of `options`; raises UsageFault for senseless ones.

    What the user left out keeps the default that `AnalysisSettings` gives it.
    """
    from face.detect import DetectSettings
    from face.errors import FaceError
    from face.manual import parse_manual_face
    from face.quality import QualityLimits
    from forensics.code_heads import HeadKind
    from forensics.detector import Precision
    from forensics.face2text import PromptMode
    from forensics.frame_crops import CropLayout
    from forensics.settings import DEFAULT_DETECTORS, AnalysisSettings

    prompt, head = options.pop("prompt"), options.pop("head")
    detect = {
        field: options.pop(name)
        for name, field in (("detect_size", "longest_side_pixels"), ("min_face", "min_face_pixels"))
    }
    try:
        manual_faces = tuple(parse_manual_face(text) for text in options.pop("manual_faces"))
    except FaceError as error:
        raise UsageFault(str(error)) from error
    given = {name: options.pop(name) for name in ("min_frames", "backend", "face_detector")}
    smallest = detect["min_face_pixels"]
    return AnalysisSettings(
        detect=DetectSettings(keep_smaller=True, **_chosen(detect)),
        quality=QualityLimits() if smallest is None else QualityLimits(min_size_pixels=float(smallest)),
        manual_faces=manual_faces,
        sampling=sampling_of(options),
        # Named twice, a detector would be reported twice.
        detectors=tuple(dict.fromkeys(options.pop("detectors"))) or DEFAULT_DETECTORS,
        prompt=None if prompt is None else PromptMode(prompt),
        weights=options.pop("weights"),
        head=None if head is None else HeadKind(head),
        crops=CropLayout(options.pop("crops")),
        device=options.pop("device"),
        precision=Precision(options.pop("precision")),
        whole_frame=options.pop("whole_frame"),
        pictures=not options.pop("no_crops"),
        **_chosen(given),
    )


def chosen_renderings(*, pdf: bool, parquet: bool) -> tuple[str, ...]:
    """The names of the optional outputs that were asked for."""
    from forensics.report import parquet as as_parquet
    from forensics.report import pdf as as_pdf

    wanted = ((as_pdf.FILE_NAME, pdf), (as_parquet.FILE_NAME, parquet))
    return tuple(name for name, asked in wanted if asked)


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
