"""What the options that a user gave mean: settings, sampling, case facts, renderings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from forensics.errors import UsageFault

if TYPE_CHECKING:
    from forensics.report.facts import CaseFacts
    from forensics.settings import AnalysisSettings
    from video.sampling import Sampling

CASE_FIELDS = ("case", "examiner", "exhibit", "notes")


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
