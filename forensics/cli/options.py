"""Options that several commands share, and the settings and store made from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from forensics.errors import UsageFault

if TYPE_CHECKING:
    from forensics.report.facts import CaseFacts
    from forensics.settings import AnalysisSettings
    from video.sampling import Sampling

Command = TypeVar("Command", bound=Callable[..., Any])

DEBUG = "forensics.debug"
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


def store_options(command: Command) -> Command:
    """Where weights come from."""
    for option in (
        click.option("--offline", is_flag=True, help="Open no network connection."),
        click.option(
            "--cache-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="The weights cache; else FORENSICS_CACHE, else the user's cache folder.",
        ),
    ):
        command = option(command)
    return command


def sampling_options(command: Command) -> Command:
    """Which frames are looked at."""
    for option in reversed(
        (
            click.option(
                "--fps", type=click.FloatRange(min=0, min_open=True), help="Frames a second [default: 4]."
            ),
            click.option("--every", type=click.IntRange(min=1), help="Every N-th frame."),
            click.option("--frames", type=click.IntRange(min=1), help="K frames spread over the video."),
            click.option("--all-frames", is_flag=True, help="Every frame."),
            click.option("--start", type=float, help="From this presentation time, in seconds."),
            click.option("--end", type=float, help="To this presentation time, in seconds."),
        )
    ):
        command = option(command)
    return command


def search_options(command: Command) -> Command:
    """What a face detector looks for."""
    for option in reversed(
        (
            click.option(
                "--detect-size",
                type=click.IntRange(min=32),
                help="Search faces in frames shrunk to this longest side [default: 640].",
            ),
            click.option(
                "--min-face", type=click.IntRange(min=1), help="The smallest face, in pixels [default: 40]."
            ),
        )
    ):
        command = option(command)
    return command


def face_options(command: Command) -> Command:
    """How the video is decoded and its faces are found."""
    for option in reversed(
        (
            click.option("--backend", help="The video decoder; `forensics decoders` compares them."),
            click.option("--face-detector", help="mtcnn, scrfd or yunet [default: mtcnn]."),
            search_options,
            click.option(
                "--face",
                "manual_faces",
                multiple=True,
                metavar="X,Y,W,H@SECONDS",
                help="A face the detector misses; repeatable.",
            ),
        )
    ):
        command = option(command)
    return command


def model_options(command: Command) -> Command:
    """Which models run, on what, how exactly."""
    for option in reversed(
        (
            click.option(
                "--detector",
                "detectors",
                multiple=True,
                help="A detector by name; repeatable [default: repdfd].",
            ),
            click.option(
                "--prompt",
                type=click.Choice(["face", "fixed", "random"]),
                help="RepDFD's prompt mode [default: as trained].",
            ),
            click.option(
                "--weights",
                help="RepDFD's weights: starter, official, or a checkpoint of `forensics train repdfd` "
                "[default: starter]; or CoDE's: the folder of `forensics train code`.",
            ),
            click.option(
                "--head", type=click.Choice(["linear", "knn", "svm"]), help="CoDE's head [default: linear]."
            ),
            click.option(
                "--crops",
                type=click.Choice(["centre", "grid"]),
                default="centre",
                show_default=True,
                help="CoDE: the middle 224 px of a frame, as published, or a grid of crops.",
            ),
            click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."),
            click.option(
                "--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", show_default=True
            ),
            click.option(
                "--whole-frame",
                is_flag=True,
                help="Score whole frames too: by CoDE where its weights are here, else by clip_probe (slow).",
            ),
            click.option(
                "--no-crops",
                is_flag=True,
                help="Leave pictures of faces out of the report.",
            ),
            click.option(
                "--min-frames",
                type=click.IntRange(min=1),
                help="Scored frames a finding needs [default: 3]; a still image has 1.",
            ),
        )
    ):
        command = option(command)
    return command


def case_options(command: Command) -> Command:
    """What the report says of the case."""
    for option in reversed(
        (
            click.option("--case", help="The case number, for the report."),
            click.option("--examiner", help="Who examines, for the report."),
            click.option("--exhibit", help="The exhibit number, for the report."),
            click.option("--notes", help="Notes, for the report."),
        )
    ):
        command = option(command)
    return command


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
            option = name.removesuffix("_seconds")
            raise UsageFault(f"--{option} {value}: is no number of seconds or frames; give a finite one")
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
        detect=DetectSettings(**_chosen(detect)),
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


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
