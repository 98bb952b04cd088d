"""SCRFD, insightface's face detector, from its onnx file, over chunks of frames.

Guo et al., "Sample and Computation Redistribution for Efficient Face Detection" (ICLR 2022). The files with
landmarks have nine outputs: for the strides 8, 16 and 32 the scores, then the boxes, then the landmarks,
each with two anchors on every cell, as insightface's model_zoo/scrfd.py reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from face.detect import DetectSettings
from face.errors import FaceError
from face.search import FrameByFrame, kept, shrunk
from face.session import open_session
from face.types import FaceDetections

STRIDES = (8, 16, 32)
ANCHORS_PER_CELL = 2
# insightface's limits: least score of a face, and overlap from which on two finds are one face.
MIN_CONFIDENCE = 0.5
NMS_OVERLAP = 0.4
# insightface's input: RGB, (value - 127.5) / 128; black beyond the picture.
MEAN, SCALE = 127.5, 128.0

Found = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]


class Scrfd(FrameByFrame):
    """An SCRFD session with the settings of the search; make one with `load_scrfd`."""

    name = "scrfd"

    def __init__(self, session: Any, settings: DetectSettings, path: Path) -> None:
        super().__init__(path)
        self._session = session
        self._settings = settings
        (self._input,) = session.get_inputs()

    def _search(self, frame: npt.NDArray[np.uint8], position: int) -> FaceDetections:
        fixed = [side for side in self._input.shape[2:] if isinstance(side, int)]
        picture = shrunk(frame, min([self._settings.longest_side_pixels, *fixed]))
        sides = (
            fixed
            if len(fixed) == 2
            else [-(-side // STRIDES[-1]) * STRIDES[-1] for side in picture.shape[:2]]
        )
        canvas = np.zeros((*sides, 3), np.float32)
        canvas[: picture.shape[0], : picture.shape[1]] = picture
        outputs = self._session.run(
            None, {self._input.name: (canvas.transpose(2, 0, 1)[None] - MEAN) / SCALE}
        )
        boxes, landmarks, score = decode(outputs, height=sides[0], width=sides[1])
        least = self._settings.min_confidence
        sides_too = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
        once = np.asarray(
            cv2.dnn.NMSBoxes(
                sides_too.tolist(), score.tolist(), MIN_CONFIDENCE if least is None else least, NMS_OVERLAP
            ),
            np.int64,
        )
        to_full = np.array([frame.shape[1] / picture.shape[1], frame.shape[0] / picture.shape[0]])
        return kept(
            boxes[once] * np.tile(to_full, 2),
            landmarks[once] * to_full,
            score[once],
            frame=position,
            settings=self._settings,
            min_confidence=MIN_CONFIDENCE,
        )


def decode(outputs: Sequence[npt.NDArray[np.float32]], *, height: int, width: int) -> Found:
    """Boxes [M,4], landmarks [M,5,2] and scores [M] of all anchors, in pixels of the searched picture.

    A box is given by its distances left, up, right and down from the anchor, a landmark by its offset,
    both in strides; the anchors of a stride lie on the corners of its cells, row by row.
    """
    boxes, landmarks, scores = [], [], []
    for level, stride in enumerate(STRIDES):
        score, distance, offset = (
            # Files exported for batches have a leading dimension of 1.
            np.asarray(outputs[kind * len(STRIDES) + level], np.float64).reshape(-1, values)
            for kind, values in enumerate((1, 4, 10))
        )
        y, x = np.mgrid[: height // stride, : width // stride]
        anchors = np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), ANCHORS_PER_CELL, axis=0) * stride
        boxes.append(
            np.concatenate([anchors - distance[:, :2] * stride, anchors + distance[:, 2:] * stride], 1)
        )
        landmarks.append(anchors[:, None] + offset.reshape(-1, 5, 2) * stride)
        scores.append(score[:, 0])
    return np.concatenate(boxes), np.concatenate(landmarks), np.concatenate(scores)


def load_scrfd(path: Path, *, device: torch.device, settings: DetectSettings) -> Scrfd:
    """The detector from an onnx file with landmarks; FaceError for the file of another network."""
    session = open_session(path, title="SCRFD", device=device)
    taken = [list(each.shape) for each in session.get_inputs()]
    values = [each.shape[-1] for each in session.get_outputs()]
    if len(taken) != 1 or len(taken[0]) != 4 or values != [1] * 3 + [4] * 3 + [10] * 3:
        raise FaceError(
            f"{path}: not an SCRFD network with landmarks: it takes {taken} and gives {len(values)} outputs "
            f"of {values} values; fetch the weight scrfd-10g again"
        )
    return Scrfd(session, settings, path)
