"""Which faces stand behind another face, judged by the boxes of one frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from face.types import FaceDetections

# Heads differ by less than this in size; a box that is larger by more belongs to a face nearer to the camera.
NEARER_SIZE_RATIO = 1.25


def covered_ratio(detections: FaceDetections) -> npt.NDArray[np.float32]:
    """[N] share of each box that the box of one other face of its frame, which is before it, covers.

    Of two faces the nearer one is before the other: the larger, or where they are of about one size the one
    the detector is surer of, since it sees less of a hidden face. Of several before it the greatest share
    counts; a box without area has 0. What else may hide a face, as a hand or a microphone, is not seen.
    """
    covered = np.zeros(len(detections), np.float32)
    for frame in np.unique(detections.frame):
        here = detections.frame == frame
        boxes, confidence = detections.boxes_xyxy[here].astype(np.float64), detections.confidence[here]
        sides = (boxes[:, 2:] - boxes[:, :2]).clip(min=0)
        low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
        high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
        shared = (high - low).clip(min=0).prod(-1)
        # Row: the face that may be hidden; column: the one that may be before it.
        longer = sides.max(1)
        larger = longer[None] > longer[:, None] * NEARER_SIZE_RATIO
        smaller = longer[None] * NEARER_SIZE_RATIO < longer[:, None]
        before = larger | (~smaller & (confidence[None] > confidence[:, None]))
        area = np.broadcast_to(sides.prod(1)[:, None], shared.shape)
        share = np.divide(shared, area, out=np.zeros_like(shared), where=before & (area > 0))
        covered[here] = share.max(1)
    return covered
