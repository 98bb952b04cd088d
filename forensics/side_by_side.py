"""What of a pass over a video runs ahead on workers, face detection and scoring, and what keeps the order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import torch

from face.manual import ManualFaces
from face.search import joined as joined_detections
from face.track import Tracker
from face.types import FaceDetections
from forensics.detector import Detector
from forensics.errors import ForensicsError
from forensics.evidence import Evidence, FrontHalf
from forensics.memory import OUT_OF_MEMORY, PartSizes
from forensics.models import Models
from forensics.scores import FrameScores, joined
from forensics.workers import Workers, ahead
from video.errors import printable
from video.frames import FrameBatch

# A worker takes so many frames of a chunk at once: that few make no tower slower on a CPU, a short clip keeps
# every core busy, and none waits long for the last part of a long one. It is fixed, whatever the machine,
# because the size of a batch changes the last bits of its results.
FRAMES_IN_PART = 4
# What `PartSizes` calls the work of the front half.
FINDING = "finding faces"
# Each waits for one detector's scores of a chunk.
Scoring = Mapping[str, Callable[[], FrameScores]]


def evidence_ahead(
    path: Path,
    batches: Iterable[FrameBatch],
    models: Models,
    workers: Workers,
    *,
    tracker: Tracker,
    manual: ManualFaces,
    failures: Mapping[str, str],
    sizes: PartSizes,
) -> Iterator[tuple[Evidence, Scoring]]:
    """The evidence of each batch in order, with the scoring of it that has been started on `workers`.

    Batches are searched and evidence is scored ahead; `tracker` and `manual` see it in order. Detectors in
    `failures` are not started, nor are those that `sizes` gives less than the evidence at once. Raises
    ForensicsError where memory does not hold a single frame, and what `FrontHalf.gather` raises.
    """
    front = models.front

    def search(batch: FrameBatch) -> Callable[[], FaceDetections]:
        return _search_started(front, batch, workers)

    def score(evidence: Evidence) -> Scoring:
        return {
            name: _scoring_started(detector, evidence, workers)
            for name, detector in models.detectors.items()
            if name not in failures and sizes.fits(name, len(evidence.batch))
        }

    gathered = (
        evidence
        for batch, found in ahead(batches, search, depth=1)
        for evidence in _gathered(path, batch, found, front, tracker, manual, sizes)
    )
    return ahead(gathered, score, depth=workers.count)


def _search_started(front: FrontHalf, batch: FrameBatch, workers: Workers) -> Callable[[], FaceDetections]:
    """The search for faces in the batch, begun, on a CPU in parts that the workers share."""
    waits = [
        (first, workers.start(front.detector.detect, batch.data[first:last]))
        for first, last in parts_at_once(len(batch), front.device)
    ]
    return lambda: joined_detections([wait().moved(first) for first, wait in waits])


def _scoring_started(detector: Detector, evidence: Evidence, workers: Workers) -> Callable[[], FrameScores]:
    """The scoring of the evidence, begun in the same way."""
    parts = parts_at_once(len(evidence.batch), evidence.frames.device)
    waits = [workers.start(detector.score, evidence.part(first, last)) for first, last in parts]
    return lambda: joined([wait() for wait in waits])


def parts_at_once(frames: int, device: torch.device) -> list[tuple[int, int]]:
    """The first and the last, not included, of the frames that a worker takes at once."""
    step = FRAMES_IN_PART if device.type == "cpu" else frames
    return [(first, min(first + step, frames)) for first in range(0, frames, step)]


def _gathered(
    path: Path,
    batch: FrameBatch,
    found: Callable[[], FaceDetections],
    front: FrontHalf,
    tracker: Tracker,
    manual: ManualFaces,
    sizes: PartSizes,
) -> Iterator[Evidence]:
    """The evidence of a batch, whole or in the parts that fit into memory. Raises ForensicsError for none."""

    def gather(first: int, last: int) -> Evidence:
        part = batch.part(first, last)
        return front.gather(part, tracker, manual, found=found if len(part) == len(batch) else None)

    try:
        yield from sizes.in_parts(FINDING, len(batch), gather)
    except OUT_OF_MEMORY as error:
        height, width = batch.data.shape[1:3]
        raise ForensicsError(
            f"{printable(path)}: {front.device} has too little memory to find faces in a single frame of "
            f"{width} x {height}; free some, or choose another device with --device"
        ) from error
