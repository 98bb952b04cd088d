"""RepDFD (Lin et al., AAAI 2025): CLIP reprogrammed by a border and an identity prompt, per face."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from forensics.attribution import METHOD, Each, integrated_gradients, patch_heat
from forensics.detector import WEIGHT_VARIANTS, FaceInputs, LoadOptions, Scope
from forensics.errors import ForensicsError
from forensics.evidence import Evidence
from forensics.face2text import PromptMode, random_identities
from forensics.face_scores import score_faces
from forensics.repdfd import RepDFD, fake_logit, prompt_logits
from forensics.repdfd_weights import Setup, load_chosen, weights_needed
from forensics.reprogram import squash
from forensics.scores import FrameScores
from weights.results import WeightFile
from weights.store import Store

__all__ = ["SCOPE", "SUMMARY", "RepDFDDetector", "load", "weights_needed"]

SUMMARY = "reprogrammed CLIP with an identity pseudo-word: face swaps and re-enactments, per face"
SCOPE = Scope.FACE


class RepDFDDetector:
    """The loaded detector. Its score is the logit of P(fake): of not being real, over the prompts.

    Where more than one prompt is not the real one, each one's log-odds against that are the components.
    `model` scores the faces cropped by `crop`.
    """

    name = "repdfd"
    scope = Scope.FACE
    explanation = METHOD

    def __init__(
        self, model: RepDFD, setup: Setup, weights: tuple[WeightFile, ...], options: LoadOptions
    ) -> None:
        self.model = model
        self.crop = setup.crop
        self.embedder = setup.embedder
        self.thresholds = setup.thresholds
        self.weights = weights
        self.notes: tuple[str, ...] = (setup.note,)
        mode = model.face2text.mode
        self.options = replace(options, prompt=mode, weights=options.weights or WEIGHT_VARIANTS[0], head=None)
        if mode is not setup.trained_prompt:
            self.notes += (
                f"The prompt mode {mode.value!r} is an ablation: the weights were trained with "
                f"{setup.trained_prompt.value!r}, and the thresholds were chosen for that.",
            )

    def score(self, evidence: Evidence) -> FrameScores:
        """Score the faces that are good enough; the others abstain with their first quality reason."""
        _, *others = self.model.face2text.names
        # Of two prompts the score itself is the only one.
        components = others if len(others) > 1 else []

        def logits_of(chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
            faces = self.inputs(evidence, chosen)
            with torch.inference_mode():
                logits = self.model(faces.crops, faces.identities).double()
                # Those of the softmax over the prompts, then of each prompt alone.
                columns = torch.cat([fake_logit(logits).unsqueeze(1), prompt_logits(logits)], dim=1)
            return np.asarray(columns[:, : 1 + len(components)].cpu())

        return score_faces(self.name, evidence, logits_of, components=components)

    def inputs(self, evidence: Evidence, chosen: npt.NDArray[np.intp]) -> FaceInputs:
        """The crops and identities that the `chosen` [K] faces are scored by."""
        return FaceInputs(evidence.crops(self.crop).data[chosen], self._identities(evidence, chosen))

    def explain(self, inputs: FaceInputs, *, each: Each = map) -> torch.Tensor:
        """[K,F,F] float32 heat over each face as the tower sees it, F pixels wide, one value for each patch.

        It says where the pixels are whose detail moved the score; the identity is held as it is.
        """
        model, reprogram = self.model, self.model.reprogram
        with torch.no_grad():
            text = model.face2text(inputs.identities)
        faces = squash(inputs.crops, reprogram.face_pixels) * 255
        found = [
            integrated_gradients(partial(self._score_against, words), face.unsqueeze(0), each=each)
            for face, words in zip(faces, text, strict=True)
        ]
        return patch_heat(
            torch.cat(found),
            patch_pixels=model.patch_pixels,
            offset_pixels=reprogram.offset_pixels,
        )

    def _score_against(self, words: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        """[N,3,F,F] float32 faces in 0..255 and [K,D] text features -> [N] scores."""
        features = self.model.image_features(faces)
        return fake_logit(self.model.compare(features, words.expand(len(faces), -1, -1)))

    def _identities(self, evidence: Evidence, chosen: npt.NDArray[np.intp]) -> torch.Tensor:
        if self.embedder is None:
            return torch.zeros(len(chosen), 0, device=self.model.logit_scale.device)
        if self.embedder not in evidence.identities:
            there = ", ".join(evidence.identities) or "none"
            raise ForensicsError(
                f"{self.name}: trained with the identities of {self.embedder}, but the evidence has those of "
                f"{there}; gather it with that encoder, no other fits"
            )
        data = evidence.identities[self.embedder].data
        if self.model.face2text.mode is PromptMode.RANDOM:
            frame, order = evidence.frame_index[chosen], evidence.order_in_frame[chosen]
            words = random_identities(torch.from_numpy(frame), torch.from_numpy(order), data.shape[1])
            return words.to(data.device)
        return data[torch.from_numpy(chosen)]


def load(store: Store, options: LoadOptions) -> RepDFDDetector:
    """Load the starter, the published model, or a checkpoint of `forensics train repdfd`.

    Raises WeightsError when a weight is missing, damaged or of another shape, and UsageFault when
    `options.weights` is neither a variant nor a file.
    """
    loaded = load_chosen(store, options)
    return RepDFDDetector(loaded.model.to(options.device), loaded.setup, loaded.files, options)
