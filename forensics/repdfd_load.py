"""Puts a RepDFD of a configuration on the CLIP whose tensors are at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from forensics.face2text import PromptMode
from forensics.repdfd import RepDFD, build, build_image_tower
from forensics.repdfd_config import RepDFDConfig
from forensics.repdfd_official import build_clip


def towers_of(config: RepDFDConfig, state: Mapping[str, torch.Tensor]) -> tuple[nn.Module, Any]:
    """The frozen image tower and, where the configuration asks for its text tower, the whole CLIP.

    `state` is that of `config.image_weights`; the CLIP is open_clip's, untyped there. Raises
    CorruptWeightsError when the state is that of another CLIP, or holds no text tower where one is needed.
    """
    if config.text is not None:
        return build_image_tower(config.backbone, state), None
    clip = build_clip(config.backbone, state)
    return clip.visual, clip


def build_on(
    config: RepDFDConfig, state: Mapping[str, torch.Tensor], *, mode: PromptMode | None = None
) -> RepDFD:
    """A RepDFD with fresh learnt parts around the frozen towers in `state`; raises as `towers_of` does."""
    tower, clip = towers_of(config, state)
    return build(config, tower, mode=mode, clip=clip)
