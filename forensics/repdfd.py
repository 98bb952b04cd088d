"""The RepDFD model: a frozen CLIP, its border and its Face2Text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from face.onednn import with_onednn_products
from forensics.face2text import (
    FAKE_PROMPT,
    FIXED_FAKE_PROMPT,
    GENERATED_PROMPT,
    REAL_PROMPT,
    Face2Text,
    PromptMode,
    tokens_in_use,
)
from forensics.repdfd_config import RepDFDConfig
from forensics.reprogram import BorderReprogram
from weights.errors import CorruptWeightsError

# The official training clamps the logit scale to [0, ln 100].
MAX_LOGIT_SCALE = 4.6052
# How the names of the image tower begin in open_clip's whole CLIP.
_IN_CLIP = "visual."
_IMAGE_TOWER, _TEXT_TOWER = "image_tower.", "face2text.tower."


class RepDFD(nn.Module):
    """Scores face crops: [N,3,H,W] uint8 and raw identities [N,E] -> logits [N,K], one for each prompt.

    logits = exp(logit_scale) * cos(image feature, [real, fake, generated text feature]), K being 2 or 3.
    """

    def __init__(
        self,
        image_tower: nn.Module,
        reprogram: BorderReprogram,
        face2text: Face2Text,
        logit_scale: torch.Tensor,
        *,
        clip_text: bool = False,
    ) -> None:
        """With `clip_text` the text tower is CLIP's own, frozen like the image tower."""
        super().__init__()
        self._frozen = (_IMAGE_TOWER, _TEXT_TOWER) if clip_text else (_IMAGE_TOWER,)
        self.image_tower = image_tower
        # Of a Vision Transformer, as all of CLIP's here are.
        self.patch_pixels = cast("tuple[int, int]", image_tower.patch_size)[0]
        self.reprogram = reprogram
        self.face2text = face2text
        self.logit_scale = nn.Parameter(logit_scale.detach().clone().float())

    def image_features(self, crops: torch.Tensor) -> torch.Tensor:
        """[N,3,H,W] uint8 -> [N,D] float32 unit features of the reprogrammed crops."""
        dtype = next(self.image_tower.parameters()).dtype
        features = self.image_tower(self.reprogram(crops).to(dtype))
        return functional.normalize(features.float(), dim=-1)

    def logits(self, image_features: torch.Tensor, identities: torch.Tensor) -> torch.Tensor:
        """Unit image features [N,D] and raw identities [N,E] -> logits [N,K]."""
        return self.compare(image_features, self.face2text(identities))

    def compare(self, image_features: torch.Tensor, text_features: torch.Tensor) -> torch.Tensor:
        """Unit image features [N,D] and unit text features [N,K,D] -> logits [N,K]."""
        return self.logit_scale.exp() * torch.einsum("nd,nkd->nk", image_features, text_features)

    def forward(self, crops: torch.Tensor, identities: torch.Tensor) -> torch.Tensor:
        return self.logits(self.image_features(crops), identities)

    def learnt_state(self) -> dict[str, torch.Tensor]:
        """What a checkpoint holds: everything but the frozen towers."""
        return {key: value for key, value in self.state_dict().items() if not key.startswith(self._frozen)}


def fake_logit(logits: torch.Tensor) -> torch.Tensor:
    """[N,K] logits of the prompts, real first -> [N] log-odds of not being real under their softmax."""
    return torch.logsumexp(logits[:, 1:], dim=1) - logits[:, 0]


def prompt_logits(logits: torch.Tensor) -> torch.Tensor:
    """[N,K] logits of the prompts, real first -> [N,K-1] log-odds of each other prompt against the real one.

    Alone, each is what a softmax over it and the real prompt gives.
    """
    return logits[:, 1:] - logits[:, :1]


def starter_vocabulary(*, generated: bool = False) -> tuple[int, ...]:
    """The CLIP token ids that the prompts use, ascending; the prompt for generated faces by choice."""
    prompts = [REAL_PROMPT, FAKE_PROMPT, FIXED_FAKE_PROMPT, *([GENERATED_PROMPT] if generated else [])]
    return tuple(sorted({token for prompt in prompts for token in tokens_in_use(prompt)}))


def build(
    config: RepDFDConfig,
    image_tower: nn.Module,
    *,
    mode: PromptMode | None = None,
    clip: Any = None,
) -> RepDFD:
    """A RepDFD of `config`'s shape with fresh, randomly initialised learnt parts around `image_tower`.

    Where the configuration asks for CLIP's own text tower, `clip` is open_clip's `CLIP` (untyped there) that
    the image tower is part of; then the pseudo-word map is as wide as the image features, random and frozen,
    and so is the logit scale, as published. Raises ValueError where that is missing, and for a mode that
    needs the identities that the configuration does without.
    """
    mode = config.prompt if mode is None else mode
    reprogram = BorderReprogram(canvas_pixels=config.canvas_pixels, face_pixels=config.face_pixels)
    if config.text is None:
        if clip is None:
            raise ValueError("CLIP's own text tower is asked for and no CLIP is given")
        width = cast(int, image_tower.output_dim)
        projection = _word_map(config.embedding_width, width)
        if projection is not None:
            nn.init.normal_(projection.weight, std=1 / width)
        words = Face2Text(clip, projection, mode=mode, generated=config.generated_prompt)
        model = RepDFD(image_tower, reprogram, words.requires_grad_(False), clip.logit_scale, clip_text=True)
        model.logit_scale.requires_grad_(False)
        return model
    from open_clip.transformer import TextTransformer

    longest = max(len(tokens_in_use(prompt)) for prompt in (REAL_PROMPT, FAKE_PROMPT))
    tower = TextTransformer(
        context_length=longest,
        vocab_size=len(config.text.vocabulary),
        width=config.text.width,
        heads=config.text.heads,
        layers=config.text.layers,
        output_dim=image_tower.output_dim,
    )
    face2text = Face2Text(
        tower,
        _word_map(config.embedding_width, config.text.width),
        mode=mode,
        vocabulary=config.text.vocabulary,
        generated=config.generated_prompt,
    )
    return RepDFD(image_tower, reprogram, face2text, torch.tensor(MAX_LOGIT_SCALE))


def _word_map(embedding_width: int, word_width: int) -> nn.Linear | None:
    return nn.Linear(embedding_width, word_width, bias=False) if embedding_width else None


def build_image_tower(backbone: str, state: Mapping[str, torch.Tensor]) -> nn.Module:
    """open_clip's image tower of `backbone` with `state` loaded strictly, frozen, in evaluation mode.

    `state` is the tower's own, or that of a whole CLIP, whose text side is left out. Raises
    CorruptWeightsError when the tower is another one.
    """
    import open_clip
    from open_clip.model import CLIP

    # On the meta device nothing is initialised only to be overwritten.
    with torch.device("meta"):
        tower: nn.Module = CLIP(**open_clip.get_model_config(backbone)).visual
    inside = {name.removeprefix(_IN_CLIP): each for name, each in state.items() if name.startswith(_IN_CLIP)}
    try:
        tower.load_state_dict(inside or dict(state), strict=True, assign=True)
    except RuntimeError as error:
        first_line = str(error).splitlines()[0]
        raise CorruptWeightsError(f"not the image tower of {backbone}: {first_line}") from error
    return with_onednn_products(tower.eval().requires_grad_(False))
