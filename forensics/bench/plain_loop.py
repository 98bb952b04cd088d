"""The comparison: a plain loop over frames, one at a time, in the shape of published code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from face.align import make_crops
from face.types import FaceDetections
from forensics.detectors.repdfd import RepDFDDetector
from forensics.evidence import FrontHalf
from forensics.face2text import Face2Text
from forensics.repdfd import fake_logit
from forensics.settings import AnalysisSettings
from video.reader import open_video

# CLIP's whole context: published code encodes all of it, however little the prompt uses.
CONTEXT_TOKENS = 77


@dataclass(frozen=True)
class PlainLoop:
    """RepDFD on every face of every sampled frame."""

    front: FrontHalf
    detector: RepDFDDetector
    settings: AnalysisSettings

    def run(self, path: Path) -> list[float]:
        """The score of every face that is found in the sampled frames; nothing else is kept or reported.

        A frame is decoded, searched, cropped, embedded and scored before the next one is touched: one
        picture a call, each prompt in all of its 77 tokens anew for every face, with the threads that torch
        takes by itself. The scores are those of the analysis but for rounding.
        """
        scores = []
        with open_video(path, sampling=self.settings.sampling, backend=self.settings.backend) as reader:
            for batch in reader.batches(1):
                frames = torch.from_numpy(batch.data).to(self.front.device)
                found = self.front.detector.detect(batch.data)
                for number in range(len(found)):
                    scores.append(self._score(frames, found.chosen(slice(number, number + 1))))
        return scores

    def _score(self, frames: torch.Tensor, face: FaceDetections) -> float:
        model = self.detector.model
        identity = torch.zeros(1, 0, device=self.front.device)
        for embedder in self.front.embedders:
            if embedder.name == self.detector.embedder:
                identity = embedder.embed(make_crops(frames, face, embedder.spec)).data
        with torch.inference_mode():
            image = model.image_features(make_crops(frames, face, self.detector.crop).data)
            text = whole_context_features(model.face2text, identity)
            return float(fake_logit(model.compare(image, text).double()))


def whole_context_features(text: Face2Text, identity: torch.Tensor) -> torch.Tensor:
    """One identity [1,E] -> [1,K,D] unit text features, as `text` gives them, from 77 tokens a prompt.

    Attention is causal, so what stands after a prompt changes no feature, only the work. Where a tower has
    fewer positions, the missing ones are zeros.
    """
    tower = text.tower
    positions = _padded(tower.positional_embedding)
    mask = torch.full((CONTEXT_TOKENS, CONTEXT_TOKENS), float("-inf"), device=positions.device).triu(1)
    features = []
    for tokens in text.token_vectors(identity):
        hidden = tower.transformer(_padded(tokens) + positions, attn_mask=mask)
        last = tower.ln_final(hidden)[:, tokens.shape[1] - 1]
        features.append(functional.normalize(last @ tower.text_projection, dim=-1))
    return torch.stack(features, dim=1)


def _padded(rows: torch.Tensor) -> torch.Tensor:
    """[...,L,W] -> [...,77,W], zeros after the rows there are."""
    return functional.pad(rows, (0, 0, 0, CONTEXT_TOKENS - rows.shape[-2]))
