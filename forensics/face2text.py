"""Face2Text, the text half of RepDFD: an identity embedding becomes a pseudo-word in the fake prompt."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional

REAL_PROMPT = "A real photo of a person"
FAKE_PROMPT = "A fake photo of a FE person"
FIXED_FAKE_PROMPT = "A fake photo of a person"
# This project's own addition, for faces that no camera saw. Nobody is in such a picture, so no identity is
# in the prompt.
GENERATED_PROMPT = "A generated photo of a person"
PSEUDO_WORD = "fe"


class PromptMode(StrEnum):
    """What stands in the fake prompt: the face's own pseudo-word, a random one, or none."""

    FACE = "face"
    RANDOM = "random"
    FIXED = "fixed"


class TextTower(Protocol):
    """What open_clip's `CLIP` and `TextTransformer` have in common: CLIP's causal text transformer."""

    token_embedding: nn.Embedding
    positional_embedding: nn.Parameter
    transformer: nn.Module
    ln_final: nn.Module
    text_projection: nn.Parameter
    attn_mask: torch.Tensor


def tokens_in_use(prompt: str) -> list[int]:
    """CLIP's token ids of `prompt` from start-of-text to end-of-text, without the padding after it."""
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    return [tokenizer.sot_token_id, *tokenizer.encode(prompt), tokenizer.eot_token_id]


def pseudo_word_index() -> int:
    """The position of the pseudo-word in the fake prompt: 6 of the 9 tokens in use."""
    from open_clip.tokenizer import SimpleTokenizer

    (word,) = SimpleTokenizer().encode(PSEUDO_WORD)
    return tokens_in_use(FAKE_PROMPT).index(word)


class Face2Text(nn.Module):
    """Turns raw identity embeddings into the prompts' text features: real, fake and, by choice, generated.

    `projection` is the linear map without bias from the embedding to the pseudo-word; a word narrower
    than the token width is zero-padded to it. The positional embedding is added after the replacement,
    and only the fake prompt carries the word, as in the official code. Attention is causal, so the
    tokens after end-of-text are cut: that changes nothing and makes a prompt per face affordable.

    `vocabulary` lists the token ids whose rows the tower's token embedding holds, in order; `None` means
    all of CLIP's; with `generated` the third prompt, which is not published, is there too. Without a
    `projection` there are no identities, and only the fixed prompt can be spoken: ValueError for another
    mode. Source: Lin et al., AAAI 2025, and the official code's `face_random_proj_dict`.
    """

    tower: TextTower
    projection: nn.Linear | None
    mode: PromptMode

    def __init__(
        self,
        tower: TextTower,
        projection: nn.Linear | None,
        *,
        mode: PromptMode = PromptMode.FACE,
        vocabulary: Sequence[int] | None = None,
        generated: bool = False,
    ) -> None:
        super().__init__()
        if projection is not None and projection.bias is not None:
            raise ValueError("the pseudo-word map has no bias")
        if projection is None and mode is not PromptMode.FIXED:
            raise ValueError(f"the {mode.value} prompt needs identities; without them it is fixed")
        self.tower = tower
        self.projection = projection
        self.mode = mode
        self._real: list[int] = self._rows(REAL_PROMPT, vocabulary)
        self._fake: list[int] = self._rows(
            FIXED_FAKE_PROMPT if mode is PromptMode.FIXED else FAKE_PROMPT, vocabulary
        )
        self._generated: list[int] | None = self._rows(GENERATED_PROMPT, vocabulary) if generated else None
        self._word_index: int = pseudo_word_index()

    @staticmethod
    def _rows(prompt: str, vocabulary: Sequence[int] | None) -> list[int]:
        ids = tokens_in_use(prompt)
        return ids if vocabulary is None else [list(vocabulary).index(token) for token in ids]

    @property
    def names(self) -> tuple[str, ...]:
        """What each of the K prompts is about, in their order."""
        return ("real", "fake") if self._generated is None else ("real", "fake", "generated")

    @property
    def prompts(self) -> int:
        """How many prompts a face is compared with: K, 2 or 3."""
        return len(self.names)

    def forward(self, identities: torch.Tensor) -> torch.Tensor:
        """[N,E] float32 raw embeddings -> [N,K,D] float32 unit text features: real, fake, generated.

        In `RANDOM` mode the caller passes random vectors; in `FIXED` mode only N counts.
        """
        prompts = [self._encode(tokens) for tokens in self.token_vectors(identities)]
        return torch.stack([features.expand(len(identities), -1) for features in prompts], dim=1)

    def token_vectors(self, identities: torch.Tensor) -> list[torch.Tensor]:
        """The prompts as the tower takes them, without positions: [N,L,W], or [1,L,W] for all alike."""
        prompts = [self._vectors(self._real).unsqueeze(0), self._fake_vectors(identities)]
        if self._generated is not None:
            prompts.append(self._vectors(self._generated).unsqueeze(0))
        return prompts

    def _fake_vectors(self, identities: torch.Tensor) -> torch.Tensor:
        count, fake = len(identities), self._vectors(self._fake)
        if self.projection is None or self.mode is PromptMode.FIXED:
            return fake.unsqueeze(0)
        word = self.projection(identities)
        word = functional.pad(word, (0, fake.shape[1] - word.shape[1]))
        before, after = fake[: self._word_index], fake[self._word_index + 1 :]
        return torch.cat(
            [before.expand(count, -1, -1), word.unsqueeze(1), after.expand(count, -1, -1)], dim=1
        )

    def _vectors(self, rows: list[int]) -> torch.Tensor:
        weight = self.tower.token_embedding.weight
        return weight[torch.tensor(rows, device=weight.device)]

    def _encode(self, tokens: torch.Tensor) -> torch.Tensor:
        """[N,L,W] token vectors, end-of-text last -> [N,D] unit features."""
        length = tokens.shape[1]
        hidden = tokens + self.tower.positional_embedding[:length]
        hidden = self.tower.transformer(hidden, attn_mask=self.tower.attn_mask[:length, :length])
        last = self.tower.ln_final(hidden)[:, -1]
        return functional.normalize(last @ self.tower.text_projection, dim=-1)


def random_identities(frame_index: torch.Tensor, order: torch.Tensor, width: int) -> torch.Tensor:
    """[N,E] float32 standard normal vectors that depend only on each face's frame number and order in it.

    For `PromptMode.RANDOM`: reproducible whatever the chunking is.
    """
    rows = []
    for frame, position in zip(frame_index.tolist(), order.tolist(), strict=True):
        generator = torch.Generator().manual_seed((int(frame) << 16) + int(position))
        rows.append(torch.randn(width, generator=generator))
    return torch.stack(rows) if rows else torch.zeros(0, width)
