"""MesoNet (Afchar et al., WIFS 2018): a small network on face crops, with its published weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from face.types import CropSpec
from forensics.detector import LoadOptions, Scope
from forensics.errors import UsageFault
from forensics.evidence import Evidence
from forensics.face_scores import score_faces
from forensics.findings import Thresholds
from forensics.mesonet import INPUT_PIXELS, PUBLISHED_SETS, MesoNet, build_mesonet
from forensics.scores import FrameScores
from weights.errors import CorruptWeightsError
from weights.results import WeightFile
from weights.store import Store

SUMMARY = "small network of 2018, a peer to compare with: face swaps and re-enactments, per face"
SCOPE = Scope.FACE
DEFAULT_SET = "meso4-df"
CROP = CropSpec(size=INPUT_PIXELS, margin_ratio=1.3)

PUBLISHED_NOTE = (
    "MesoNet runs with its published weights {name}, which learnt from {fakes}. Its output is the "
    "probability of a real face; the score here is the log-odds of its complement: higher is more fake."
)
ASSUMED_NOTE = (
    "MesoNet's authors cut faces by landmarks and turned them upright, 2.86 times as wide as the larger of "
    "the distances between the eyes and from eyes to mouth, and judged a video by its share of faces above "
    "0.5. The square of 1.3 times the face's box, its resizing and the mean score are assumptions of this "
    "tool."
)


class MesoNetDetector:
    """The loaded detector. Its score is the logit of P(fake), one minus the published output."""

    name = "mesonet"
    scope = Scope.FACE
    embedder = None
    thresholds = Thresholds(0.0, 0.0, "the published 0.5 on the network's output, for single faces")

    def __init__(self, model: MesoNet, file: WeightFile, options: LoadOptions) -> None:
        self._model = model
        self.weights = (file,)
        self.options = replace(options, prompt=None, weights=file.name, head=None)
        published = PUBLISHED_NOTE.format(name=file.name, fakes=PUBLISHED_SETS[file.name].fakes)
        self.notes = (published, ASSUMED_NOTE)

    def score(self, evidence: Evidence) -> FrameScores:
        """Score the faces that are good enough; the others abstain with their first quality reason."""
        return score_faces(
            self.name, evidence, lambda chosen: self._logits(evidence.crops(CROP).data[chosen])
        )

    def _logits(self, crops: torch.Tensor) -> npt.NDArray[np.float64]:
        """[N,3,256,256] uint8 RGB -> [N] logits of P(fake).

        The sigmoid is never taken: the log-odds of 1 - sigmoid(x) are -x, also where it would round to 1.
        """
        dtype = next(self._model.parameters()).dtype
        with torch.inference_mode():
            real = self._model((crops.float() / 255).to(dtype)).double()
        return np.asarray(-real.cpu())


def weights_needed(options: LoadOptions) -> tuple[str, ...]:
    """The name in the weights registry of the chosen set.

    Raises UsageFault when `options.weights` is none of the published sets.
    """
    name = options.weights or DEFAULT_SET
    if name not in PUBLISHED_SETS:
        raise UsageFault(
            f"--weights {name}: MesoNet has the published sets {', '.join(PUBLISHED_SETS)}; choose one"
        )
    return (name,)


def load(store: Store, options: LoadOptions) -> MesoNetDetector:
    """Load the chosen set, by default the one that learnt from deepfakes with the smaller network.

    Raises WeightsError when it is missing or damaged, and UsageFault as `weights_needed` does.
    """
    (name,) = weights_needed(options)
    file = store.fetch(name)
    try:
        model = build_mesonet(PUBLISHED_SETS[name].network, store.tensors(name))
    except CorruptWeightsError as error:
        raise CorruptWeightsError(
            f"{file.path}: {error}; delete {file.path.parent} and `forensics weights import {name} FILE` "
            "with the published one"
        ) from error
    return MesoNetDetector(model.to(options.device, options.precision.dtype), file, options)
