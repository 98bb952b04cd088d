"""`forensics evaluate`: measure identity encoders and face detectors on labelled material."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forensics.cli.evaluate_detectors import detectors_command, join_command
from forensics.cli.evaluation_tables import print_finding, print_verification
from forensics.cli.options import debug_option, device_option, search_options, store_options
from forensics.cli.progress import byte_bar, frame_bar
from forensics.cli.sections import SectionedCommand
from forensics.errors import OutputError, UsageFault

if TYPE_CHECKING:
    import torch

    from face.detect import DetectSettings, FaceDetector
    from weights.store import Store


@click.group("evaluate", short_help="Measure models on labelled material.")
def evaluate_group() -> None:
    """Measure on your own labelled material what the models can do."""


evaluate_group.add_command(detectors_command)
evaluate_group.add_command(join_command)


@evaluate_group.command("faces", cls=SectionedCommand, short_help="Measure identity encoders.")
@click.argument("pairs", type=click.Path(path_type=Path))
@click.option(
    "--embedder",
    "embedders",
    multiple=True,
    help="One of those that `forensics detectors --embedders` lists; repeatable [default: dlib].",
)
@click.option(
    "--face-detector",
    default="mtcnn",
    show_default=True,
    help="One of those that `forensics detectors --faces` lists.",
)
@search_options
@device_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new JSON file for the figures.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@store_options
@debug_option
def faces_command(
    pairs: Path,
    embedders: tuple[str, ...],
    face_detector: str,
    device: str,
    output: Path | None,
    as_json: bool,
    offline: bool,
    cache_dir: Path | None,
    **search: Any,
) -> None:
    """Compare the faces of labelled PAIRS of pictures and say how well each encoder tells people apart.

    PAIRS is a CSV with the columns first,second,same: two pictures, named from its folder, and 1 or 0. The
    largest face of each picture counts; pictures without a face are named and their pairs left out.
    """
    from forensics.models import load_named_detector, load_named_embedder
    from forensics.pairs import read_pairs
    from forensics.report.json import to_plain
    from forensics.run_facts import tool_version
    from forensics.settings import choose_device
    from forensics.verification import verify_pairs
    from forensics.whole_file import whole_file
    from weights.store import Store

    if output is not None and (output.exists() or not output.parent.is_dir()):
        raise OutputError(
            f"{output}: exists, or its folder does not; name a new file in a folder that is there"
        )
    sheet, on, settings = read_pairs(pairs), choose_device(device), _detect_settings(search)
    names = tuple(dict.fromkeys(embedders)) or ("dlib",)
    store = Store(cache_dir, offline=offline)
    weights = _fetched(face_detector, names, store)
    detector = load_named_detector(face_detector, store, on, settings=settings)
    encoders = [load_named_embedder(name, store, on) for name in names]
    with frame_bar("pictures") as progress:
        found = verify_pairs(sheet, detector, encoders, device=on, progress=progress)
    facts = {
        "tool_version": tool_version(),
        "pairs_file": pairs,
        "face_detector": face_detector,
        "detect": settings,
        "weights_sha256": weights,
    }
    text = json.dumps(to_plain({**facts, **to_plain(found)}), indent=1, ensure_ascii=False, allow_nan=False)
    if output is not None:
        with whole_file(output) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    if as_json:
        click.echo(text)
        return
    print_verification(found, face_detector)
    if output is not None:
        click.echo(f"written: {output}")


@evaluate_group.command("face-detectors", cls=SectionedCommand, short_help="Measure face detectors.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    default=24,
    show_default=True,
    help="K frames of each video, spread over it.",
)
@search_options
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@store_options
@debug_option
def face_detectors_command(
    paths: tuple[Path, ...],
    frames: int,
    device: str,
    as_json: bool,
    offline: bool,
    cache_dir: Path | None,
    **search: Any,
) -> None:
    """Compare the face detectors on pictures, folders of them, and videos.

    Each picture must show one face near its middle: found is one whose box covers the centre. A detector
    whose weights are not here is listed as not run; nothing is downloaded.
    """
    from face.detect import detector_names
    from forensics.face_finding import compare_detectors, list_media
    from forensics.report.json import to_plain
    from forensics.run_facts import device_name, tool_version
    from forensics.settings import choose_device
    from weights.store import Store

    media, on, settings = list_media(paths), choose_device(device), _detect_settings(search)
    store = Store(cache_dir, offline=True)
    ready: list[FaceDetector] = []
    not_run: dict[str, str] = {}
    for name in detector_names():
        loaded = _detector_if_here(name, store, on, settings)
        if isinstance(loaded, str):
            not_run[name] = loaded
        else:
            ready.append(loaded)
    with frame_bar("files") as progress:
        figures = compare_detectors(ready, media, frames_per_video=frames, progress=progress)
    machine = f"{device_name(on)}, {_threads()}"
    if as_json:
        facts = {"tool_version": tool_version(), "machine": machine, "detect": settings}
        plain = to_plain({**facts, "detectors": figures, "not_run": not_run})
        click.echo(json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False))
        return
    print_finding(figures, not_run, machine)


def _detect_settings(search: dict[str, Any]) -> DetectSettings:
    from face.detect import DetectSettings

    fields = {"detect_size": "longest_side_pixels", "min_face": "min_face_pixels"}
    return DetectSettings(**{fields[name]: value for name, value in search.items() if value is not None})


def _fetched(face_detector: str, embedders: tuple[str, ...], store: Store) -> dict[str, str]:
    """The sha256 of each weight that is needed, by its name, all of them fetched."""
    from face.detect import detector_weights
    from face.embed import weights_needed
    from face.errors import FaceError

    try:
        names = [
            *detector_weights(face_detector),
            *(weight for name in embedders for weight in weights_needed(name)),
        ]
    except FaceError as error:
        raise UsageFault(f"{error}; `forensics detectors` lists them") from error
    with byte_bar("weights") as progress:
        return {name: store.fetch(name, progress=progress).sha256 for name in names}


def _detector_if_here(
    name: str, store: Store, device: torch.device, settings: DetectSettings
) -> FaceDetector | str:
    """The detector, or why it cannot run."""
    from face.detect import detector_weights
    from face.errors import FaceError
    from forensics.models import load_named_detector
    from weights.errors import WeightsError

    try:
        for weight in detector_weights(name):
            if store.present(weight) is None:
                return f"its weight is not here; forensics weights fetch {weight}"
        return load_named_detector(name, store, device, settings=settings)
    except (FaceError, WeightsError) as error:
        return str(error)


def _threads() -> str:
    import cv2
    import torch

    return f"threads: torch {torch.get_num_threads()}, OpenCV {cv2.getNumThreads()}"
