"""RepDFD (Lin et al., AAAI 2025): CLIP reprogrammed by a border and an identity prompt, per face."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from forensics.aggregate import Thresholds
from forensics.detector import LoadOptions, Scope
from forensics.evidence import Evidence
from forensics.face2text import PromptMode, random_identities
from forensics.repdfd import RepDFD, RepDFDConfig, build, build_image_tower, load_learnt, read_config
from forensics.scores import Abstention, FrameScores, ScoreKind, abstain_where_not_finite
from weights.results import WeightFile
from weights.store import Store

SUMMARY = "reprogrammed CLIP with an identity pseudo-word: face swaps and re-enactments, per face"
SCOPE = Scope.FACE
STARTER = "repdfd-starter"
WEIGHTS = (STARTER, "clip-vit-b16-image")

STAND_IN_NOTE = (
    "RepDFD runs on the project's starter: its text tower is a small stand-in trained by this project, "
    "not CLIP's own, and its scores are not those of the published model."
)


class RepDFDDetector:
    """The loaded detector. Its score is the logit of P(fake): fake logit minus real logit."""

    name = "repdfd"
    scope = Scope.FACE

    def __init__(self, model: RepDFD, config: RepDFDConfig, weights: tuple[WeightFile, ...]) -> None:
        self._model = model
        self._config = config
        self.embedder = config.embedder
        point = config.operating_point
        self.thresholds = Thresholds(cue=point.cue_logit, clear=point.clear_logit, source=point.source)
        self.weights = weights
        mode = model.face2text.mode
        self.notes: tuple[str, ...] = (STAND_IN_NOTE,)
        if mode is not config.prompt:
            self.notes += (
                f"The prompt mode {mode.value!r} is an ablation: the weights were trained with "
                f"{config.prompt.value!r}, and the thresholds were chosen for that.",
            )

    def score(self, evidence: Evidence) -> FrameScores:
        """Score the faces that are good enough; the others abstain with their first quality reason."""
        abstained = tuple(
            Abstention(reasons[0].value) if reasons else None for reasons in evidence.quality.reasons
        )
        score = np.full(len(abstained), np.nan)
        scored = np.flatnonzero([reason is None for reason in abstained])
        if len(scored):
            crops = evidence.crops(self._config.crop).data[scored]
            with torch.inference_mode():
                logits = self._model(crops, self._identities(evidence, scored)).double().cpu().numpy()
            score[scored] = logits[:, 1] - logits[:, 0]
        score, abstained = abstain_where_not_finite(score, abstained)
        return FrameScores(
            detector=self.name,
            kind=ScoreKind.LOGIT,
            score=score,
            # The softmax over two logits, written so that it cannot overflow.
            probability=np.exp(-np.logaddexp(0, -score)),
            frame_index=evidence.frame_index,
            track=evidence.track,
            abstained=abstained,
        )

    def _identities(self, evidence: Evidence, chosen: npt.NDArray[np.intp]) -> torch.Tensor:
        data = evidence.identities[self.embedder].data
        if self._model.face2text.mode is PromptMode.RANDOM:
            frame, order = evidence.frame_index[chosen], evidence.order_in_frame[chosen]
            words = random_identities(torch.from_numpy(frame), torch.from_numpy(order), data.shape[1])
            return words.to(data.device)
        return data[torch.from_numpy(chosen)]


def load(store: Store, options: LoadOptions) -> RepDFDDetector:
    """Load the starter. Raises WeightsError when a weight is missing, damaged or of another shape."""
    checkpoint = store.fetch(STARTER)
    config = read_config(checkpoint.path)
    tower_file = store.fetch(config.image_weights)
    tower = build_image_tower(config.backbone, store.tensors(config.image_weights))
    model = load_learnt(build(config, tower, mode=options.prompt), store.tensors(STARTER)).eval()
    tower.to(options.precision.dtype)
    return RepDFDDetector(model.to(options.device), config, (checkpoint, tower_file))
