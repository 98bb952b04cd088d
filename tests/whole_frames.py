"""Evidence without faces, for tests of whole-frame detectors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch

from face.types import FaceDetections, FaceQuality
from forensics.evidence import Evidence
from video.frames import FrameBatch

FIRST_FRAME, FRAME_STEP = 40, 5


def evidence_of(frames: torch.Tensor) -> Evidence:
    """A chunk of [T,H,W,3] uint8 frames, every fifth of its video from the 40th on, in which nobody is."""
    index = FIRST_FRAME + FRAME_STEP * np.arange(len(frames), dtype=np.int64)
    nothing = np.zeros(0, np.float32)
    return Evidence(
        frames=frames,
        batch=FrameBatch(frames.numpy(), index, index, Fraction(1, 25)),
        detections=FaceDetections(
            np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), nothing, np.zeros(0, np.int64)
        ),
        quality=FaceQuality(nothing, nothing, nothing, nothing, nothing, nothing, ()),
        track=np.zeros(0, np.int64),
        identities={},
    )
