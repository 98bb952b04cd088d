"""MTCNN's three networks, one after the other, over frames of one size.

Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks" (2016).
What it finds is what `facenet_pytorch.models.utils.detect_face.detect_face` finds, with that module's steps
between the networks; the pictures that they see are made many at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torchvision.ops import batched_nms

from face.area_means import AreaMeans

# As the paper's authors and facenet-pytorch set them: what each network's score must exceed, the step of the
# pyramid, and the overlap from which the weaker of two boxes goes.
STAGE_THRESHOLDS = (0.6, 0.7, 0.7)
PYRAMID_FACTOR = 0.709
_OVERLAP_AT_A_SCALE, _OVERLAP = 0.5, 0.7
# The sides of the pictures that the networks see, in pixels; the first slides over the whole frame.
PNET_WINDOW_PIXELS, _RNET_PIXELS, _ONET_PIXELS = 12, 24, 48
# Pictures that the second and the third network see at once, which bounds the memory.
_BATCH = 512


@dataclass(frozen=True)
class Found:
    """Faces in the pixels of the frames searched: boxes [N,4] x0, y0, x1, y1, their confidence [N], landmarks
    [N,5,2], and the frame [N] each lies in."""

    boxes: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    landmarks: npt.NDArray[np.float32]
    frame: npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Candidates:
    """Boxes [N,4], the latest network's score of each [N], and the frame [N]."""

    boxes: torch.Tensor
    score: torch.Tensor
    frame: torch.Tensor

    def chosen(self, which: torch.Tensor) -> _Candidates:
        return _Candidates(self.boxes[which], self.score[which], self.frame[which])


@torch.inference_mode()
def find_faces(
    frames: npt.NDArray[np.uint8],
    networks: tuple[nn.Module, ...],
    *,
    min_face_pixels: float,
    device: torch.device,
) -> Found:
    """The faces in [T,H,W,3] RGB frames that are at least so many pixels large, by PNet, RNet and ONet."""
    proposing, refining, placing = networks
    means = AreaMeans(frames, device)
    proposed = _proposed(means, proposing, PNET_WINDOW_PIXELS / min_face_pixels)
    refined = _refined(means, refining, proposed)
    return _placed(means, placing, refined)


def _proposed(means: AreaMeans, network: nn.Module, scale: float) -> _Candidates:
    """What the first network takes for a face at any scale from `scale` down, as square boxes."""
    from facenet_pytorch.models.utils.detect_face import generateBoundingBox, rerec

    found = []
    for factor in _pyramid(min(means.height, means.width), scale):
        pictures = means.shrunk(int(means.height * factor + 1), int(means.width * factor + 1))
        offsets, scores = network(_levelled(pictures))
        rows, frame = generateBoundingBox(offsets, scores[:, 1], factor, STAGE_THRESHOLDS[0])
        chosen = batched_nms(rows[:, :4], rows[:, 4], frame, _OVERLAP_AT_A_SCALE)
        found.append((rows[chosen], frame[chosen]))
    rows, frame = (torch.cat(parts) for parts in zip(*found, strict=True))
    chosen = batched_nms(rows[:, :4], rows[:, 4], frame, _OVERLAP)
    rows, frame = rows[chosen], frame[chosen]
    # Each row: the box, its score, and by how much of its sides each edge is to be moved.
    sides = (rows[:, 2:4] - rows[:, :2]).repeat(1, 2)
    return _Candidates(rerec(rows[:, :4] + rows[:, 5:9] * sides), rows[:, 4], frame)


def _pyramid(shorter_side: int, scale: float) -> Iterator[float]:
    """The scales at which the shorter side still holds a window of the first network."""
    side = shorter_side * scale
    while side >= PNET_WINDOW_PIXELS:
        yield scale
        scale, side = scale * PYRAMID_FACTOR, side * PYRAMID_FACTOR


def _refined(means: AreaMeans, network: nn.Module, proposed: _Candidates) -> _Candidates:
    """Those that the second network takes for faces too, moved to where it sees them, as square boxes."""
    from facenet_pytorch.models.utils.detect_face import bbreg, rerec

    candidates, (offsets, scores) = _looked_at(means, network, proposed, _RNET_PIXELS)
    sure = scores[:, 1] > STAGE_THRESHOLDS[1]
    passed = _Candidates(candidates.boxes[sure], scores[sure, 1], candidates.frame[sure])
    chosen = batched_nms(passed.boxes, passed.score, passed.frame, _OVERLAP)
    passed = passed.chosen(chosen)
    return _Candidates(rerec(bbreg(passed.boxes, offsets[sure][chosen])), passed.score, passed.frame)


def _placed(means: AreaMeans, network: nn.Module, refined: _Candidates) -> Found:
    """Those that the third network takes for faces too, with their landmarks."""
    from facenet_pytorch.models.utils.detect_face import batched_nms_numpy, bbreg

    candidates, (offsets, points, scores) = _looked_at(means, network, refined, _ONET_PIXELS)
    sure = scores[:, 1] > STAGE_THRESHOLDS[2]
    boxes, score, frame = candidates.boxes[sure], scores[sure, 1], candidates.frame[sure]
    sides = boxes[:, 2:4] - boxes[:, :2] + 1
    # The network gives five x, then five y, as shares of the box.
    shares = points[sure].reshape(-1, 2, 5).transpose(1, 2)
    landmarks = sides[:, None] * shares + boxes[:, None, :2] - 1
    boxes = bbreg(boxes, offsets[sure])
    # Of a box within another one only the surer is a face, however much smaller it is.
    chosen = batched_nms_numpy(boxes, score, frame, _OVERLAP, "Min")
    return Found(*(each[chosen].cpu().numpy() for each in (boxes, score, landmarks, frame)))


def _looked_at(
    means: AreaMeans, network: nn.Module, candidates: _Candidates, side: int
) -> tuple[_Candidates, tuple[torch.Tensor, ...]]:
    """The candidates of which something lies within the frame, and what the network says of each."""
    from facenet_pytorch.models.utils.detect_face import pad

    top, bottom, left, right = (
        torch.from_numpy(edge.astype(np.int64)).to(candidates.frame.device)
        for edge in pad(candidates.boxes, means.width, means.height)
    )
    # Counted from 1, the last one included.
    windows = torch.stack([left - 1, top - 1, right, bottom], dim=1)
    inside = (windows[:, 2:] > windows[:, :2]).all(dim=1)
    candidates = candidates.chosen(inside)
    crops = means.crops(candidates.frame, windows[inside], side)
    return candidates, _in_batches(network, _levelled(crops))


def _in_batches(network: nn.Module, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The network's outputs for all pictures, or for none, which it does not take itself."""
    if not len(pictures):
        return tuple(part[:0] for part in network(pictures.new_zeros(1, *pictures.shape[1:])))
    batches = (pictures[first : first + _BATCH] for first in range(0, len(pictures), _BATCH))
    parts = [network(batch) for batch in batches]
    return tuple(torch.cat(outputs) for outputs in zip(*parts, strict=True))


def _levelled(pictures: torch.Tensor) -> torch.Tensor:
    """Levels 0..255 as the networks were trained on them, -1..1."""
    return (pictures - 127.5) * 0.0078125
