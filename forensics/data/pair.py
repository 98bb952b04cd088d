"""One training pair: a real picture and its pseudo-fake, treated alike and ready for the face crop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.types import FaceDetections
from forensics.data.augment import (
    DEFAULT_AUGMENTATION,
    NO_AUGMENTATION,
    WORLD,
    Augmentation,
    AugmentSettings,
    draw_augmentation,
)
from forensics.data.mixture import DEFAULT_MIXTURE, BlendSettings, Family
from forensics.data.paste import Donor, Image, Mask
from forensics.data.selfblend import self_blend

Box = npt.NDArray[np.float64]

# Only this many box sides around the face are blended, treated and kept: more than any margin crop takes,
# and far less work than a whole video frame.
CONTEXT_RATIO = 2.0
_MIRRORED_LANDMARKS = [1, 0, 2, 4, 3]


@dataclass(frozen=True)
class PairSettings:
    """How pairs are made. A detector's boxes wander: the pair's common box is scaled by up to
    `box_scale_ratio` and shifted by up to `box_shift_ratio` of its longer side.

    Where a tight photograph ends inside the crop, `reflect_share` of the pairs go on with its mirror image
    and the rest with black. Faces in video seldom touch the frame's edge: on held-out video frames, probes
    trained on mirrored photographs did better than those trained on black ones (AUC 0.80 against 0.76).
    """

    blend: BlendSettings = DEFAULT_MIXTURE
    augment: AugmentSettings = DEFAULT_AUGMENTATION
    reflect_share: float = 0.85
    box_scale_ratio: float = 0.05
    box_shift_ratio: float = 0.03


DEFAULT_PAIR = PairSettings()
# By the names of `--augment`: nothing, as RepDFD was trained; a little, the default; as the world does.
TREATMENTS = {
    "none": PairSettings(
        augment=NO_AUGMENTATION, reflect_share=0.0, box_scale_ratio=0.0, box_shift_ratio=0.0
    ),
    "mild": DEFAULT_PAIR,
    "world": PairSettings(augment=WORLD),
}


@dataclass(frozen=True)
class TrainingPair:
    """`real` and `fake` are [H,W,3] uint8 RGB of one size; `mask` [H,W] float32 in [0,1] is how much of the
    fake is pasted where; `detection` is where the one face lies in both."""

    real: Image
    fake: Image
    mask: Mask
    detection: FaceDetections
    family: Family


def training_pair(
    image: Image,
    detection: FaceDetections,
    rng: np.random.Generator,
    settings: PairSettings = DEFAULT_PAIR,
    *,
    donor: Donor | None = None,
    dense: npt.NDArray[np.float64] | None = None,
) -> TrainingPair:
    """Blend on the original picture [H,W,3] uint8 RGB, then treat both members alike.

    Blends follow the `dense` landmarks [68,2], if there are any, else those of the detection. The crop is
    left to `face.align`, as at analysis. Raises ValueError unless `detection` holds one face.
    """
    near, box, landmarks = _surroundings(image, detection, rng.random() < settings.reflect_share)
    shape = landmarks
    if dense is not None:
        shape = dense + (landmarks[0] - detection.landmarks[0, 0])
    blend = self_blend(near, shape, box, rng, settings=settings.blend, donor=donor)
    treatment = draw_augmentation(_side(box), rng, settings=settings.augment)
    place = _wander(box, rng, settings)
    moved = _moved(treatment, near, place, landmarks, detection)
    return TrainingPair(
        treatment.apply(blend.real),
        treatment.apply(blend.fake),
        treatment.move_mask(blend.mask),
        moved,
        blend.family,
    )


def treated_single(
    image: Image,
    detection: FaceDetections,
    rng: np.random.Generator,
    settings: PairSettings = DEFAULT_PAIR,
) -> tuple[Image, FaceDetections]:
    """A picture that has no counterpart (a generated face) through the same treatment as pairs."""
    near, box, landmarks = _surroundings(image, detection, rng.random() < settings.reflect_share)
    treatment = draw_augmentation(_side(box), rng, settings=settings.augment)
    moved = _moved(treatment, near, _wander(box, rng, settings), landmarks, detection)
    return treatment.apply(near), moved


def _wander(box: Box, rng: np.random.Generator, settings: PairSettings) -> Box:
    centre = (box[:2] + box[2:]) / 2 + _side(box) * settings.box_shift_ratio * rng.uniform(-1, 1, 2)
    half = (box[2:] - box[:2]) / 2 * (1 + settings.box_scale_ratio * rng.uniform(-1, 1))
    return np.concatenate([centre - half, centre + half])


def _moved(
    treatment: Augmentation, near: Image, box: Box, landmarks: Box, detection: FaceDetections
) -> FaceDetections:
    corners = treatment.move_points(box.reshape(2, 2), near)
    points = treatment.move_points(landmarks, near)
    if treatment.flip:
        points = points[_MIRRORED_LANDMARKS]
    return FaceDetections(
        boxes_xyxy=np.concatenate([corners.min(axis=0), corners.max(axis=0)])[None].astype(np.float32),
        landmarks=points[None].astype(np.float32),
        confidence=detection.confidence,
        frame=np.zeros(1, np.int64),
    )


def _surroundings(
    image: Image, detection: FaceDetections, reflect: bool
) -> tuple[Image, Box, npt.NDArray[np.float64]]:
    """The part of the picture around the face, and the box [4] and landmarks [5,2] in it."""
    if len(detection) != 1:
        raise ValueError(f"a pair is made of one face, not {len(detection)}")
    box = detection.boxes_xyxy[0].astype(np.float64)
    reach = CONTEXT_RATIO * _side(box) / 2
    centre = (box[:2] + box[2:]) / 2
    size = np.array([image.shape[1], image.shape[0]])
    start, end = np.floor(centre - reach).astype(int), np.ceil(centre + reach).astype(int)
    low, high = np.maximum(start, 0), np.minimum(end, size)
    near = np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]])
    origin = low
    if reflect:
        before, after = low - start, end - high
        near = np.pad(near, ((before[1], after[1]), (before[0], after[0]), (0, 0)), mode="reflect")
        origin = start
    return near, box - np.tile(origin, 2), detection.landmarks[0].astype(np.float64) - origin


def _side(box: Box) -> float:
    return float(max(box[2] - box[0], box[3] - box[1]))
