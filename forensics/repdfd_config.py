"""What a RepDFD checkpoint fixes besides its tensors, and its JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from face.types import Alignment, CropSpec
from forensics.face2text import PromptMode

# In the place of an identity encoder's name: the prompt speaks of nobody.
NO_EMBEDDER = "none"


@dataclass(frozen=True)
class TextConfig:
    """The shape of a starter's small text tower, and the CLIP token ids whose rows it holds."""

    width: int
    heads: int
    layers: int
    vocabulary: tuple[int, ...]


@dataclass(frozen=True)
class OperatingPoint:
    """Mean logits of a track between which nothing is claimed, and how they were chosen."""

    cue_logit: float
    clear_logit: float
    source: str


@dataclass(frozen=True)
class RepDFDConfig:
    """Everything besides tensors that a RepDFD checkpoint fixes: weights and preprocessing in one record.

    With `generated_prompt` the model has a third prompt, for wholly generated faces. Without `text` its text
    tower is the one of the CLIP in `image_weights`, frozen as published. The embedder may be `NO_EMBEDDER`,
    of identities with no values.
    """

    backbone: str
    image_weights: str
    embedder: str
    embedding_width: int
    crop: CropSpec
    face_pixels: int
    canvas_pixels: int
    prompt: PromptMode
    text: TextConfig | None
    operating_point: OperatingPoint
    training: str
    # Checkpoints made before there was a choice have the two published prompts.
    generated_prompt: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.face_pixels <= self.canvas_pixels:
            raise ValueError(f"a face of {self.face_pixels} px in a canvas of {self.canvas_pixels} px")
        if (self.embedder == NO_EMBEDDER) != (self.embedding_width == 0):
            raise ValueError(f"identities of {self.embedding_width} values from {self.embedder}")
        if self.embedder == NO_EMBEDDER and self.prompt is not PromptMode.FIXED:
            raise ValueError(f"the {self.prompt.value} prompt needs an identity encoder")

    @property
    def identity_encoder(self) -> str | None:
        """The encoder whose identities the prompt is given, if any."""
        return None if self.embedder == NO_EMBEDDER else self.embedder

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> RepDFDConfig:
        """Raises ValueError, TypeError, KeyError or AttributeError for a record of another form."""
        fields: dict[str, Any] = json.loads(text)
        small = fields["text"]
        if small is not None:
            small = TextConfig(vocabulary=tuple(small.pop("vocabulary")), **small)
        return RepDFDConfig(
            **{
                **fields,
                "crop": CropSpec(**{**fields["crop"], "alignment": Alignment(fields["crop"]["alignment"])}),
                "prompt": PromptMode(fields["prompt"]),
                "text": small,
                "operating_point": OperatingPoint(**fields["operating_point"]),
            }
        )
