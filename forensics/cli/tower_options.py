"""What RepDFD is trained on: the options that extraction and training share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from forensics.backbones import BACKBONES, STARTER
from forensics.errors import UsageFault

if TYPE_CHECKING:
    from forensics.repdfd import RepDFDConfig

Command = TypeVar("Command", bound=Callable[..., Any])


def tower_options(command: Command) -> Command:
    """The CLIP and the identities; `training_config` reads them."""
    for option in reversed(
        (
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
                help="The identity encoder; `forensics detectors --embedders` lists them.",
            ),
        )
    ):
        command = option(command)
    return command


def training_config(backbone: str, embedder: str) -> RepDFDConfig:
    """What `tower_options` ask for. Raises UsageFault for an unknown embedder."""
    from face.errors import FaceError
    from forensics.train.repdfd import config_before_training

    try:
        return config_before_training(BACKBONES[backbone], embedder=embedder)
    except FaceError as error:
        raise UsageFault(str(error)) from error
