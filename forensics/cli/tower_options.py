"""What RepDFD is trained on: the options that extraction and training share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from forensics.backbones import BACKBONES, PUBLISHED_FACE_RATIO, STARTER
from forensics.cli.sections import together
from forensics.errors import UsageFault

if TYPE_CHECKING:
    from forensics.face2text import PromptMode
    from forensics.repdfd_config import RepDFDConfig

# The CLIP, the identities and the border; `training_config` reads them.
tower_options = together(
    click.option(
        "--backbone",
        type=click.Choice(tuple(BACKBONES)),
        default=STARTER.name,
        show_default=True,
        help="The CLIP: the starter's, of the int8 file on PyPI, or one of OpenAI's as released.",
    ),
    click.option(
        "--embedder",
        default="dlib",
        show_default=True,
        help="The identity encoder, of those that `forensics detectors --embedders` lists; none: no "
        "identities, for which the prompt must be fixed.",
    ),
    click.option(
        "--face-ratio",
        type=click.FloatRange(min=0, max=1, min_open=True),
        default=PUBLISHED_FACE_RATIO,
        show_default=True,
        help="The face's share of the input's side; the rest is border.",
    ),
)


def training_config(
    backbone: str,
    embedder: str,
    *,
    face_ratio: float,
    prompt: PromptMode | None = None,
    clip_text: bool = False,
) -> RepDFDConfig:
    """What `tower_options` ask for; without a `prompt` one that the identities allow.

    Raises UsageFault for an unknown embedder, and as `config_before_training` does.
    """
    from face.errors import FaceError
    from forensics.face2text import PromptMode
    from forensics.repdfd_config import NO_EMBEDDER
    from forensics.train.repdfd import config_before_training

    if prompt is None:
        prompt = PromptMode.FIXED if embedder == NO_EMBEDDER else PromptMode.FACE
    try:
        return config_before_training(
            BACKBONES[backbone],
            embedder=embedder,
            prompt=prompt,
            face_ratio=face_ratio,
            clip_text=clip_text,
        )
    except FaceError as error:
        raise UsageFault(str(error)) from error
