"""What another arithmetic of the image tower changes: the largest change of P(fake) and of the findings.

`python -m tests.figures.precision CLIP...` analyses a few frames of each clip in fp32 and in the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from forensics.detector import Precision
from forensics.models import load_models
from forensics.pipeline import analyze_video
from forensics.report.model import Report
from forensics.settings import AnalysisSettings
from video.sampling import Sampling
from weights.store import Store


@dataclass(frozen=True)
class Change:
    """Of a clip's faces: how many were compared, the largest change of P(fake), the findings of the clip."""

    faces: int
    largest: float
    before: str
    after: str


def change(before: Report, after: Report) -> Change:
    """The same clip's two reports, which must have found the same faces, face by face."""
    pairs = list(zip(before.faces, after.faces, strict=True))
    if any(one.box_xyxy != other.box_xyxy for one, other in pairs):
        raise ValueError(f"{before.evidence.file_name}: the faces are not the same")
    changes = [
        abs(old.probability - new.probability)
        for one, other in pairs
        for old, new in zip(one.scores, other.scores, strict=True)
        if old.probability is not None and new.probability is not None
    ]
    return Change(
        len(changes), max(changes, default=0.0), before.verdict.label.value, after.verdict.label.value
    )


def settings(precision: Precision, frames: int) -> AnalysisSettings:
    return AnalysisSettings(
        sampling=Sampling.spread(frames), precision=precision, pictures=False, device="cpu"
    )


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--precision", type=click.Choice(["bf16", "fp16"]), default="bf16", show_default=True)
@click.option("--frames", type=click.IntRange(min=1), default=8, show_default=True, help="Of each clip.")
def main(clips: tuple[Path, ...], precision: str, frames: int) -> None:
    """Print a line for each clip, then the largest change of all."""
    chosen = (settings(Precision.FP32, frames), settings(Precision(precision), frames))
    loaded = [load_models(each, Store()) for each in chosen]
    changes = []
    for clip in clips:
        reports = [analyze_video(clip, models, each) for models, each in zip(loaded, chosen, strict=True)]
        changes.append(change(reports[0], reports[1]))
        found = changes[-1]
        click.echo(
            f"{clip.name}: {found.faces} faces, P(fake) changes by {found.largest:.4f} at most; "
            f"{found.before} -> {found.after}"
        )
    faces, largest = sum(found.faces for found in changes), max(found.largest for found in changes)
    differing = sum(found.before != found.after for found in changes)
    click.echo(
        f"{precision} against fp32, {faces} faces of {len(clips)} clips: P(fake) changes by {largest:.4f} at "
        f"most, the finding of {differing} clips"
    )


if __name__ == "__main__":
    main()
