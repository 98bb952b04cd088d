"""Which faces stand behind another face, judged by the boxes of one frame.

Hands and things before a face are not named, because nothing measured tells them apart. On 110 UTKFace
photographs with half of the face under a dark, skin-coloured, noisy or foreign patch, MTCNN missed 9 to 84 %
of the faces. Where it found one, its confidence separated at an AUC of 0.78 to 0.97, but for seven of the
twelve patches its median was 0.995 or more, and 1.2 % of the clear faces of video lie below that. Likeness of
the left and right half separated patches on one side (0.81 to 0.92) and no others (0.25 to 0.65). The cosine
to the clear face fell to a median of 0.954 or less, but so it does where someone turns, and a swapped face
must not be excused as a hidden one.
"""

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
