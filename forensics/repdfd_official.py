"""The published RepDFD: OpenAI's whole CLIP with the released border and pseudo-word map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from face.onednn import with_onednn_products
from forensics.face2text import Face2Text, PromptMode
from forensics.repdfd import RepDFD
from forensics.reprogram import BorderReprogram
from weights.errors import CorruptWeightsError

CHECKPOINT = "repdfd-official"
EMBEDDER = "transface"
TRAINED_PROMPT = PromptMode.FACE
# Assumed: the crops the checkpoint was trained on were not described.
MARGIN_RATIO = 1.3


def build_clip(backbone: str, state: Mapping[str, torch.Tensor]) -> Any:
    """open_clip's `CLIP` (untyped there) of `backbone` with `state` loaded strictly, frozen.

    Raises CorruptWeightsError when the state is not that model's.
    """
    import open_clip
    from open_clip.model import CLIP

    clip = CLIP(**open_clip.get_model_config(backbone))
    try:
        clip.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        first_line = str(error).splitlines()[0]
        raise CorruptWeightsError(f"not the CLIP {backbone}: {first_line}") from error
    with_onednn_products(clip.visual)
    return clip.eval().requires_grad_(False)


def build_official(
    clip: Any, checkpoint: Mapping[str, torch.Tensor], *, mode: PromptMode = TRAINED_PROMPT
) -> RepDFD:
    """The published model from an open_clip CLIP and the converted checkpoint's `delta` and `map`.

    Raises CorruptWeightsError when the checkpoint's shapes are not those of this CLIP.
    """
    delta, word_map = checkpoint["delta"], checkpoint["map"]
    side = clip.visual.image_size[0]
    width = clip.token_embedding.embedding_dim
    if delta.shape != (3, side, side) or word_map.ndim != 2 or word_map.shape[0] > width:
        raise CorruptWeightsError(
            f"{CHECKPOINT}: a border {list(delta.shape)} and a map {list(word_map.shape)} do not fit a CLIP "
            f"of {side} px with tokens of {width}; use the checkpoint made for this backbone"
        )
    projection = nn.Linear(word_map.shape[1], word_map.shape[0], bias=False)
    reprogram = BorderReprogram(canvas_pixels=side)
    with torch.no_grad():
        projection.weight.copy_(word_map)
        reprogram.delta.copy_(delta)
    model = RepDFD(clip.visual, reprogram, Face2Text(clip, projection, mode=mode), clip.logit_scale)
    return model.eval().requires_grad_(False)
