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

import numpy as np
import numpy.typing as npt
import torch

from face.detect import DetectSettings
from face.errors import FaceError
from face.mtcnn_cascade import PNET_WINDOW_PIXELS, find_faces
from face.pooling import with_split_pools
from face.search import check_frames, joined, kept, shrunk
from face.types import FaceDetections

# sha256 of the networks inside the wheel of facenet-pytorch 2.5.3.
MODEL_FILES = (
    ("pnet.pt", "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f"),
    ("rnet.pt", "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86"),
    ("onet.pt", "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d"),
)
# 99 % of 299 faces of LFW got 0.96 and more; what got 0.7 to 0.85 in video was mostly texture.
MIN_CONFIDENCE = 0.9
# Frames searched together. It bounds the memory, and it is fixed because the size of a batch changes the
# last bits of its results: chunks that are multiples of it give a video the same results. What two frames
# need fits into a processor's caches; eight took a third longer each.
FRAMES_PER_BATCH = {"cpu": 2, "cuda": 8}


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
        check_frames(frames)
        found: list[FaceDetections] = []
        step = FRAMES_PER_BATCH[self._device.type]
        for start in range(0, len(frames), step):
            found.extend(self._search(frames[start : start + step], start))
        return joined(found)

    def _search(self, frames: npt.NDArray[np.uint8], start: int) -> Iterator[FaceDetections]:
        """The faces of each frame of a batch whose first frame is number `start` of the chunk."""
        height, width = frames.shape[1:3]
        scale = min(1.0, self._settings.longest_side_pixels / max(height, width, 1))
        # A smaller face would make MTCNN enlarge the frame, which finds textures.
        min_face_pixels = max(self._settings.min_face_pixels * scale, PNET_WINDOW_PIXELS)
        # Where the smallest face does not fit, there is no scale to search at.
        if min(height, width) * scale <= min_face_pixels:
            return
        searched = np.stack([shrunk(frame, self._settings.longest_side_pixels) for frame in frames])
        to_full = np.array([width / searched.shape[2], height / searched.shape[1]], np.float32)
        found = find_faces(searched, self._networks, min_face_pixels=min_face_pixels, device=self._device)
        for position in range(len(frames)):
            own = found.frame == position
            yield kept(
                found.boxes[own] * np.tile(to_full, 2),
                found.landmarks[own] * to_full,
                found.confidence[own],
                frame=start + position,
                settings=self._settings,
                min_confidence=MIN_CONFIDENCE,
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
        network.eval().requires_grad_(False)
        networks.append(with_split_pools(network) if device.type == "cpu" else network.to(device))
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
