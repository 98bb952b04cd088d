"""CoDE (Baraldi et al., ECCV 2024): contrastive embeddings of whole frames, for diffusion images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit
from torch import nn

from forensics.aggregate import Thresholds
from forensics.code_heads import Head, HeadKind, build_head
from forensics.code_model import CROP_PIXELS, EMBEDDING_WIDTH, build_vit, embed
from forensics.detector import LoadOptions, Scope
from forensics.evidence import Evidence
from forensics.frame_crops import CropLayout, crop_corners
from forensics.scores import Abstention, FrameScores, ScoreKind, abstain_where_not_finite
from weights.errors import CorruptWeightsError
from weights.results import WeightFile
from weights.store import Store

SUMMARY = "contrastive embedding of the whole frame: pictures made by diffusion models, not face swaps"
SCOPE = Scope.FRAME
VIT = "code-vit-tiny"
DEFAULT_HEAD = HeadKind.LINEAR

CUE_NOTE = (
    "CoDE is a cue for whole frames made by diffusion models. It is no face-swap detector: a low score says "
    "nothing about swapped or re-enacted faces."
)
CROP_NOTES = {
    CropLayout.CENTRE: "CoDE sees the middle 224 x 224 pixels of a frame only, as published.",
    CropLayout.GRID: (
        "CoDE's score of a frame is the mean over a grid of crops, with the highest of them beside it: an "
        "addition of this tool, the published detector sees the middle crop only."
    ),
}
SMALL_NOTE = (
    "Frames with a side under 224 px are not scored: the published inference would surround them with black, "
    "which it was not trained on."
)


class CodeDetector:
    """The loaded detector."""

    name = "code"
    scope = Scope.FRAME
    embedder = None

    def __init__(
        self, vit: nn.Module, head: Head, weights: tuple[WeightFile, ...], options: LoadOptions
    ) -> None:
        self._vit = vit
        self._head = head
        self._crops = options.crops
        self.options = options
        self.weights = weights
        self.thresholds = Thresholds(0.0, 0.0, "the published head's own decision boundary")
        self.notes = (CUE_NOTE, CROP_NOTES[options.crops], SMALL_NOTE)

    def score(self, evidence: Evidence) -> FrameScores:
        """Score each frame by the mean over its crops; frames smaller than a crop abstain."""
        count, height, width = evidence.frames.shape[:3]
        if min(height, width) < CROP_PIXELS:
            per_crop, reason = np.full((1, count), np.nan), Abstention.FRAME_TOO_SMALL
        else:
            per_crop, reason = self._score_crops(evidence.frames), None
        score, abstained = abstain_where_not_finite(per_crop.mean(axis=0), (reason,) * count)
        kind = self._head.score_kind
        return FrameScores(
            detector=self.name,
            kind=kind,
            score=score,
            probability=expit(score) if kind is ScoreKind.LOGIT else None,
            frame_index=evidence.batch.index,
            track=None,
            abstained=abstained,
            peak=per_crop.max(axis=0) if self._crops is CropLayout.GRID else None,
        )

    def _score_crops(self, frames: torch.Tensor) -> npt.NDArray[np.float64]:
        """[T,H,W,3] uint8 -> [crops,T], NaN for whatever is not finite."""
        corners = crop_corners(frames.shape[1], frames.shape[2], side=CROP_PIXELS, layout=self._crops)
        rows = []
        for top, left in corners:
            crop = frames[:, top : top + CROP_PIXELS, left : left + CROP_PIXELS]
            with np.errstate(all="ignore"):
                rows.append(self._head.score(embed(self._vit, crop).cpu().numpy()))
        scores = np.stack(rows)
        return np.where(np.isfinite(scores), scores, np.nan)


def weights_needed(options: LoadOptions) -> tuple[str, ...]:
    """The names in the weights registry that `load` will ask for."""
    return (VIT, (options.head or DEFAULT_HEAD).weights)


def load(store: Store, options: LoadOptions) -> CodeDetector:
    """Load the published ViT and the chosen head.

    Raises WeightsError when a weight is missing, damaged or of another model.
    """
    kind = options.head or DEFAULT_HEAD
    files = tuple(store.fetch(name) for name in weights_needed(options))
    vit_file, head_file = files
    with _naming(vit_file):
        vit = build_vit(store.tensors(VIT))
    with _naming(head_file):
        head = build_head(kind, store.tensors(kind.weights), width=EMBEDDING_WIDTH)
    vit.to(device=options.device, dtype=options.precision.dtype)
    return CodeDetector(vit, head, files, replace(options, head=kind, prompt=None, weights=None))


@contextmanager
def _naming(weight: WeightFile) -> Iterator[None]:
    """Add the file and the remedy to what is said of its content."""
    try:
        yield
    except CorruptWeightsError as error:
        raise CorruptWeightsError(
            f"{weight.path}: {error}; delete {weight.path.parent} and "
            f"`forensics weights import {weight.name} FILE` with the published one"
        ) from error
