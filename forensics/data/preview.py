"""A page of pairs to look at before anything is trained on them: real, fake, mask and what differs."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from face.types import CropSpec
from forensics.data.faces import DatasetError, FaceRecord, Label
from forensics.data.samples import Failure, SampleSettings, find_faces, make_pair
from forensics.data.tools import Sight
from forensics.whole_file import whole_file

Image = npt.NDArray[np.uint8]

# A difference of one level is invisible on the page; shown around mid grey, enlarged so many times.
_DIFFERENCE_GAIN = 3.0
_MIDDLE_GREY = 128
_GAP_PIXELS = 6
ENDINGS = (".html", ".png")
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>body {{ font: 14px sans-serif; background: #222; color: #ddd }} figure {{ margin: 8px }}
main {{ display: flex; flex-wrap: wrap }} img {{ image-rendering: pixelated }}</style>
<h1>{title}</h1><p>Each strip: real, fake, mask, difference ({gain:g} times, around grey).</p>
<main>{figures}</main></html>
"""


@dataclass(frozen=True)
class Example:
    """One pair to show: crops [S,S,3] uint8 RGB of one size, white where pasted in `mask`, and a caption."""

    real: Image
    fake: Image
    mask: Image
    caption: str

    def strip(self) -> Image:
        """[S, 4S, 3] uint8 RGB: real, fake, mask, and the difference enlarged around mid grey."""
        gap = self.fake.astype(np.float32) - self.real
        shown = np.clip(_MIDDLE_GREY + _DIFFERENCE_GAIN * gap, 0, 255).astype(np.uint8)
        return np.concatenate([self.real, self.fake, self.mask, shown], axis=1)


def choose_real(records: Sequence[FaceRecord], count: int, *, seed: int) -> list[FaceRecord]:
    """`count` of the real ones of `records`, or all, drawn by the seed and in their order."""
    real = [record for record in records if record.label is Label.REAL]
    chosen = np.random.default_rng(seed).permutation(len(real))[:count]
    return [real[place] for place in sorted(chosen.tolist())]


def draw_examples(
    records: Sequence[FaceRecord], tools: Sight, crop: CropSpec, *, settings: SampleSettings
) -> list[Example]:
    """One example of every face found in the real ones of `records`, made as `extract` makes its samples.

    Give it as many records as are to be shown; donors come from among them. Raises `DatasetError` if none
    gives a face.
    """
    failed: list[Failure] = []
    numbered = [(number, record) for number, record in enumerate(records) if record.label is Label.REAL]
    faces = list(find_faces(numbered, tools.detect, failed, landmarks=tools.landmarks))
    if not faces:
        why = "; ".join(failure.sentence for failure in failed[:3]) or "none is real"
        raise DatasetError(f"no record gave a face to show: {why}")
    examples = []
    for face in faces:
        pair = make_pair(face, faces, settings)
        mask = np.repeat((255 * pair.mask).astype(np.uint8)[..., None], 3, axis=2)
        real, fake, pasted = (
            np.ascontiguousarray(tools.crop(image, pair.detection, crop)[0].permute(1, 2, 0).cpu().numpy())
            for image in (pair.real, pair.fake, mask)
        )
        examples.append(Example(real, fake, pasted, f"{pair.family.value}, {face.record.path.name}"))
    return examples


def contact_sheet(examples: Sequence[Example], *, columns: int = 2) -> Image:
    """[H,W,3] uint8 RGB: the strips in rows of `columns`. Raises ValueError for no examples."""
    if not examples:
        raise ValueError("there is no example to show")
    strips = [example.strip() for example in examples]
    height, width = strips[0].shape[:2]
    rows = -(-len(strips) // columns)
    sheet = np.zeros((rows * (height + _GAP_PIXELS), columns * (width + _GAP_PIXELS), 3), np.uint8)
    for number, strip in enumerate(strips):
        top, left = number // columns * (height + _GAP_PIXELS), number % columns * (width + _GAP_PIXELS)
        sheet[top : top + height, left : left + width] = strip
    return sheet


def write_preview(examples: Sequence[Example], path: Path, *, title: str = "Training pairs") -> None:
    """Write a contact sheet (`.png`) or a page with captions that needs no other file (`.html`).

    Raises ValueError for another ending, OutputError where it cannot be written.
    """
    if path.suffix == ".png":
        data = _png(contact_sheet(examples))
    elif path.suffix == ".html":
        figures = "".join(_figure(example) for example in examples)
        page = _PAGE.format(title=html.escape(title), gain=_DIFFERENCE_GAIN, figures=figures)
        data = page.encode("utf-8")
    else:
        raise ValueError(f"{path}: a preview ends in .png or .html")
    with whole_file(path) as partial:
        partial.write_bytes(data)


def _figure(example: Example) -> str:
    data = base64.b64encode(_png(example.strip())).decode("ascii")
    caption = html.escape(example.caption)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt=""><figcaption>{caption}</figcaption></figure>'
    )


def _png(image: Image) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError(f"a picture of {list(image.shape)} cannot be written as PNG")
    return data.tobytes()
