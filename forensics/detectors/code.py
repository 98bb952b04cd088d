"""CoDE (Baraldi et al., ECCV 2024): contrastive embeddings of whole frames, for diffusion images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit
from torch import nn

from forensics.code_heads import Head, HeadKind, build_head
from forensics.code_model import CROP_PIXELS, EMBEDDING_WIDTH, build_vit, embed
from forensics.code_own import TRAIN_AGAIN, own_files, read_tensors, read_training
from forensics.detector import LoadOptions, Scope
from forensics.evidence import Evidence
from forensics.findings import Thresholds
from forensics.frame_crops import CropLayout, crop_corners
from forensics.scores import Abstention, FrameScores, ScoreKind, abstain_where_not_finite
from weights.errors import CorruptWeightsError
from weights.results import WeightFile, user_file
from weights.store import Store

# A weight file and its tensors.
Part = tuple[WeightFile, dict[str, torch.Tensor]]

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
        "CoDE's score of a frame is the mean over a grid of crops that covers all of it, with the highest of "
        "them beside it: an addition of this tool, the published detector sees the middle crop only. A small "
        "generated part raises the highest crop and hardly the mean."
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
        self,
        vit: nn.Module,
        head: Head,
        weights: tuple[WeightFile, ...],
        options: LoadOptions,
        *,
        own_note: str | None = None,
    ) -> None:
        self._vit = vit
        self._head = head
        self._crops = options.crops
        self.options = options
        self.weights = weights
        whose = "published head's" if own_note is None else "head's"
        self.thresholds = Thresholds(0.0, 0.0, f"the {whose} own decision boundary")
        own = () if own_note is None else (own_note,)
        self.notes = (CUE_NOTE, CROP_NOTES[options.crops], SMALL_NOTE, *own)

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
    """The names in the weights registry that `load` will ask for: none for weights of the user's own.

    Raises UsageFault when `options.weights` is no folder of a finished training.
    """
    kind = options.head or DEFAULT_HEAD
    if options.weights is not None:
        own_files(Path(options.weights), kind)
        return ()
    return (VIT, kind.weights)


def load(store: Store, options: LoadOptions) -> CodeDetector:
    """Load the chosen head and the ViT: the published ones, or those in the folder `options.weights`.

    Raises WeightsError when a weight is missing, damaged or of another model, and UsageFault when
    `options.weights` is no folder of a finished training.
    """
    kind = options.head or DEFAULT_HEAD
    options = replace(options, head=kind, prompt=None)
    if options.weights is not None:
        return _load_own(Path(options.weights), kind, options)
    parts = [(store.fetch(name), store.tensors(name)) for name in weights_needed(options)]
    vit, head = _build(kind, parts, _import_again)
    files = tuple(file for file, _ in parts)
    return CodeDetector(vit.to(options.device, options.precision.dtype), head, files, options)


def _load_own(folder: Path, kind: HeadKind, options: LoadOptions) -> CodeDetector:
    *paths, record = own_files(folder, kind)
    training = read_training(record, kind)
    parts = [(user_file(path), read_tensors(path)) for path in paths]
    vit, head = _build(kind, parts, lambda file: TRAIN_AGAIN)
    # The report repeats what the record says, so its bytes belong to what the report was made from.
    files = (*(file for file, _ in parts), user_file(record))
    vit = vit.to(options.device, options.precision.dtype)
    return CodeDetector(vit, head, files, options, own_note=training.note(kind))


def _build(
    kind: HeadKind, parts: Sequence[Part], remedy: Callable[[WeightFile], str]
) -> tuple[nn.Module, Head]:
    """The ViT and the head. Raises CorruptWeightsError, which names the file and the remedy."""
    (vit_file, vit_tensors), (head_file, head_tensors) = parts
    with _naming(vit_file, remedy):
        vit = build_vit(vit_tensors)
    with _naming(head_file, remedy):
        head = build_head(kind, head_tensors, width=EMBEDDING_WIDTH)
    return vit, head


def _import_again(file: WeightFile) -> str:
    return f"delete {file.path.parent} and `forensics weights import {file.name} FILE` with the published one"


@contextmanager
def _naming(file: WeightFile, remedy: Callable[[WeightFile], str]) -> Iterator[None]:
    """Add the file and the remedy to what is said of its content."""
    try:
        yield
    except CorruptWeightsError as error:
        raise CorruptWeightsError(f"{file.path}: {error}; {remedy(file)}") from error
