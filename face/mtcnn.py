"""Face detection by MTCNN (Zhang et al. 2016) as facenet-pytorch ships it, weights included."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import interpolate

from face.detect import DetectSettings
from face.errors import FaceError
from face.types import FaceDetections

# The three files inside facenet-pytorch's wheel (equal in 2.5.2, 2.5.3 and 2.6.0). They are pickles, so
# they are compared with these hashes before the package reads them.
_SHA256 = {
    "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}
# The smallest face MTCNN was trained for, in pixels of the image it searches.
_SMALLEST_SEARCHED_PIXELS = 20
# Larger batches are no faster on a CPU and hold more memory; the number is fixed so that the same video
# always gives the same bits.
_FRAMES_PER_PASS = 8


class MtcnnDetector:
    """See `face.detect.FaceDetector`."""

    name = "mtcnn"

    def __init__(self, network: Any, settings: DetectSettings, *, device: torch.device) -> None:
        self._network = network
        self._settings = settings
        self._device = device
        self.weight_files = weight_files()

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
            raise ValueError(f"frames must be [T,H,W,3] uint8, not {frames.shape} {frames.dtype}")
        scale = min(1.0, self._settings.longest_side_pixels / max(frames.shape[1:3], default=1))
        searched = [max(1, round(side * scale)) for side in frames.shape[1:3]]
        self._network.min_face_size = max(_SMALLEST_SEARCHED_PIXELS, self._settings.min_face_pixels * scale)
        # Where not even the smallest face fits, the package fails on an empty list of scales.
        if min(searched) < self._network.min_face_size:
            return FaceDetections.empty()
        found = [FaceDetections.empty()]
        for start in range(0, len(frames), _FRAMES_PER_PASS):
            shrunk = self._shrink(frames[start : start + _FRAMES_PER_PASS], searched)
            ratio = np.array([frames.shape[2] / searched[1], frames.shape[1] / searched[0]], np.float32)
            found.extend(self._search(shrunk, start, ratio))
        return _join(found)

    def _shrink(self, frames: npt.NDArray[np.uint8], searched: list[int]) -> torch.Tensor:
        """[T,h,w,3] float32 0..255 on the device."""
        images = torch.from_numpy(np.ascontiguousarray(frames)).to(self._device).permute(0, 3, 1, 2).float()
        if list(images.shape[2:]) != searched:
            images = interpolate(images, size=searched, mode="bilinear", antialias=True)
        return images.permute(0, 2, 3, 1)

    def _search(
        self, images: torch.Tensor, start: int, ratio: npt.NDArray[np.float32]
    ) -> Iterator[FaceDetections]:
        """The faces of each image, in pixels of the full frame: `ratio` (x, y) times those searched."""
        for position, (boxes, confidence, landmarks) in enumerate(
            zip(*self._network.detect(images, landmarks=True), strict=True)
        ):
            # The package gives None, [None], None where it finds nothing, and object arrays elsewhere.
            if boxes is None:
                continue
            boxes = np.asarray(boxes, np.float32) * np.tile(ratio, 2)
            confidence = np.asarray(confidence, np.float32)
            landmarks = np.asarray(landmarks, np.float32) * ratio
            longer_side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
            keep = np.flatnonzero(
                (longer_side >= self._settings.min_face_pixels)
                & (confidence >= self._settings.min_confidence)
            )
            # Position breaks ties, so that equal confidences cannot change the order between runs.
            keep = keep[np.lexsort((boxes[keep, 1], boxes[keep, 0], -confidence[keep]))]
            yield FaceDetections(
                boxes[keep], landmarks[keep], confidence[keep], np.full(len(keep), start + position, np.int64)
            )


def weight_files() -> tuple[Path, ...]:
    """The three files MTCNN reads. Raises FaceError if one is not byte for byte the published one."""
    package = find_spec("facenet_pytorch")
    if package is None or package.origin is None:
        raise FaceError("facenet-pytorch is not installed: pip install 'facenet-pytorch>=2.5.3,<2.6'")
    files = tuple(Path(package.origin).parent / "data" / name for name in _SHA256)
    for file in files:
        try:
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError as error:
            raise FaceError(f"{file}: cannot be read ({error}); reinstall facenet-pytorch") from error
        if digest != _SHA256[file.name]:
            raise FaceError(f"{file}: not the published file (sha256 {digest}); reinstall facenet-pytorch")
    return files


def load(model_paths: Mapping[str, Path], *, device: torch.device, settings: DetectSettings) -> MtcnnDetector:
    """MTCNN on `device`; `model_paths` is not used. Raises FaceError if its files are not the published ones."""
    weight_files()
    from facenet_pytorch import MTCNN

    network = MTCNN(keep_all=True, select_largest=False, device=device).eval()
    return MtcnnDetector(network, settings, device=device)


def _join(parts: list[FaceDetections]) -> FaceDetections:
    return FaceDetections(
        np.concatenate([part.boxes_xyxy for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
        np.concatenate([part.confidence for part in parts]),
        np.concatenate([part.frame for part in parts]),
    )
