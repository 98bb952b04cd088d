"""MTCNN, the face detector that facenet-pytorch ships with its weights, over chunks of frames.

Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks" (2016),
in the port of facenet-pytorch 2.5.3, whose wheel holds the three networks.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from face.detect import DetectSettings
from face.errors import FaceError
from face.types import FaceDetections

# sha256 of the networks inside the wheel of facenet-pytorch 2.5.3.
MODEL_FILES = (
    ("pnet.pt", "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f"),
    ("rnet.pt", "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86"),
    ("onet.pt", "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d"),
)
# Thresholds of the three stages and the pyramid's step, as the paper's authors and facenet-pytorch set them.
STAGE_THRESHOLDS = (0.6, 0.7, 0.7)
PYRAMID_FACTOR = 0.709
# The window of the first network. A smaller face would make MTCNN enlarge the frame, which finds textures.
PNET_WINDOW_PIXELS = 12
# Frames searched together. It bounds the memory, and it is fixed because the size of a batch changes the
# last bits of its results: chunks that are multiples of it give a video the same results.
FRAMES_PER_BATCH = 8


class Mtcnn:
    """The three networks on a device, with the settings of the search; make one with `load_mtcnn`."""

    name = "mtcnn"

    def __init__(
        self, networks: tuple[torch.nn.Module, ...], device: torch.device, settings: DetectSettings
    ) -> None:
        self._networks = networks
        self._device = device
        self._settings = settings

    def files(self) -> tuple[tuple[str, str], ...]:
        """(file name, sha256) of the three networks."""
        return MODEL_FILES

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        """The faces in [T,H,W,3] uint8 RGB frames, boxes and landmarks in their pixels.

        A frame without a face, or too small to hold one, gives none. ValueError for other shapes or dtypes.
        """
        if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
            raise ValueError(f"frames must be [T,H,W,3] uint8, not {list(frames.shape)} {frames.dtype}")
        found = [FaceDetections.empty()]
        for start in range(0, len(frames), FRAMES_PER_BATCH):
            found.extend(self._search(frames[start : start + FRAMES_PER_BATCH], start))
        return FaceDetections(
            boxes_xyxy=np.concatenate([one.boxes_xyxy for one in found]),
            landmarks=np.concatenate([one.landmarks for one in found]),
            confidence=np.concatenate([one.confidence for one in found]),
            frame=np.concatenate([one.frame for one in found]),
        )

    def _search(self, frames: npt.NDArray[np.uint8], start: int) -> Iterator[FaceDetections]:
        """The faces of each frame of a batch whose first frame is number `start` of the chunk."""
        # MTCNN.detect wraps this function for images that it also crops; the smallest face can only be
        # given for each call here.
        from facenet_pytorch.models.utils.detect_face import detect_face

        height, width = frames.shape[1:3]
        scale = min(1.0, self._settings.longest_side_pixels / max(height, width, 1))
        min_face_pixels = max(self._settings.min_face_pixels * scale, PNET_WINDOW_PIXELS)
        # facenet-pytorch fails on an empty list of scales where the smallest face does not fit.
        if min(height, width) * scale <= min_face_pixels:
            return
        searched = _shrunk(frames, scale)
        to_full = np.array([width / searched.shape[2], height / searched.shape[1]], np.float32)
        with torch.inference_mode():
            boxes, landmarks = detect_face(
                searched, min_face_pixels, *self._networks, STAGE_THRESHOLDS, PYRAMID_FACTOR, self._device
            )
        for position in range(len(frames)):
            # Both come as object arrays; a row of boxes is x0, y0, x1, y1, confidence.
            rows = np.asarray(boxes[position], np.float32).reshape(-1, 5)
            points = np.asarray(landmarks[position], np.float32).reshape(-1, 5, 2) * to_full
            corners, confidence = rows[:, :4] * np.tile(to_full, 2), np.clip(rows[:, 4], 0.0, 1.0)
            longer_side = (corners[:, 2:] - corners[:, :2]).max(axis=1)
            keep = np.flatnonzero(
                (longer_side >= self._settings.min_face_pixels)
                & (confidence >= self._settings.min_confidence)
            )
            # Position breaks ties, so that equal confidences cannot change the order between runs.
            keep = keep[np.lexsort((corners[keep, 1], corners[keep, 0], -confidence[keep]))]
            yield FaceDetections(
                boxes_xyxy=corners[keep],
                landmarks=points[keep],
                confidence=confidence[keep],
                frame=np.full(len(keep), start + position, np.int64),
            )


def load_mtcnn(*, device: torch.device, settings: DetectSettings) -> Mtcnn:
    """MTCNN with the weights that facenet-pytorch ships; FaceError when they are not the known ones."""
    package = find_spec("facenet_pytorch")
    if package is None or package.origin is None:
        raise FaceError("facenet-pytorch is not installed: pip install 'facenet-pytorch>=2.5.3,<2.6'")
    folder = Path(package.origin).parent / "data"
    contents = [_verified(folder / name, sha256) for name, sha256 in MODEL_FILES]

    from facenet_pytorch.models.mtcnn import ONet, PNet, RNet

    networks: list[torch.nn.Module] = []
    for network_class, content in zip((PNet, RNet, ONet), contents, strict=True):
        network: torch.nn.Module = network_class(pretrained=False)
        # The bytes that were checked are the bytes that are loaded, and weights_only runs no code of theirs.
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        network.load_state_dict(state, strict=True)
        networks.append(network.eval().requires_grad_(False).to(device))
    return Mtcnn(tuple(networks), device, settings)


def _verified(path: Path, sha256: str) -> bytes:
    """The content of a model file; FaceError unless it is the known one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FaceError(f"{path}: cannot be read ({error}); reinstall facenet-pytorch 2.5.3") from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise FaceError(f"{path}: sha256 {actual} is not {sha256}; reinstall facenet-pytorch 2.5.3")
    return content


def _shrunk(frames: npt.NDArray[np.uint8], scale: float) -> npt.NDArray[np.uint8]:
    """The frames at `scale` of their size, averaged over areas so that fine texture does not alias."""
    if scale == 1.0:
        return frames
    size = (max(1, round(frames.shape[2] * scale)), max(1, round(frames.shape[1] * scale)))
    shrunk = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
    return np.stack(shrunk).astype(np.uint8, copy=False)
