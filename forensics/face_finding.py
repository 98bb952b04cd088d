"""How well face detectors find faces: recall, false finds and speed on pictures known to show one face."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face.detect import FaceDetector
from forensics.data.faces import DatasetError
from forensics.data.media import PICTURE_SUFFIXES, VIDEO_SUFFIXES
from forensics.progress import Progress, no_progress
from video.errors import printable
from video.isolated import open_video
from video.sampling import Sampling

# In a folder these are pictures and videos; a file that is named itself is opened whatever its suffix.
SUFFIXES = PICTURE_SUFFIXES | VIDEO_SUFFIXES
# Searches before the clock runs: the first ones also allocate and choose algorithms.
WARM_UP_SEARCHES = 2

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Search:
    """What one detector found in one picture: `found` if a box covers its centre, `extra` all other boxes.

    `seconds` is the wall time of the search of this picture alone.
    """

    found: bool
    boxes: int
    seconds: float

    @property
    def extra(self) -> int:
        return self.boxes - self.found


@dataclass(frozen=True)
class PictureFigures:
    """Of pictures with one face near the middle: the share where a box covers the centre, and the mean
    number of further boxes."""

    pictures: int
    recall: float
    extra_boxes: float


@dataclass(frozen=True)
class VideoFigures:
    """Of the sampled frames of one video, the share in which any face was found."""

    name: str
    frames: int
    with_face: float


@dataclass(frozen=True)
class FindingFigures:
    """One detector's figures; `pictures` is None where only videos were given.

    `milliseconds` is the median time to search one picture or frame, from full size to boxes.
    """

    pictures: PictureFigures | None
    videos: tuple[VideoFigures, ...]
    milliseconds: float


def list_media(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The given files, and the pictures and videos in the given folders, folder by folder in name order.

    Raises DatasetError for a path that does not exist and a folder that holds none.
    """
    listed: list[Path] = []
    for path in paths:
        if not path.exists():
            raise DatasetError(f"{printable(path)}: no such file or folder; give pictures, videos or folders")
        if not path.is_dir():
            listed.append(path)
            continue
        inside = sorted(
            each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES and each.is_file()
        )
        if not inside:
            raise DatasetError(f"{printable(path)}: holds no picture and no video; give a folder with some")
        listed += inside
    return tuple(dict.fromkeys(listed))


def compare_detectors(
    detectors: Sequence[FaceDetector],
    paths: Sequence[Path],
    *,
    frames_per_video: int,
    progress: Progress = no_progress,
) -> dict[str, FindingFigures]:
    """The figures of each detector by name, all of them on the same decoded frames, one at a time.

    `paths` is not empty. Raises VideoError for a file that cannot be read.
    """
    pictures: dict[str, list[Search]] = {detector.name: [] for detector in detectors}
    videos: dict[str, list[tuple[str, list[Search]]]] = {detector.name: [] for detector in detectors}
    warm = False
    for done, path in enumerate(paths, start=1):
        with open_video(path, sampling=Sampling.spread(frames_per_video)) as reader:
            is_picture = reader.info.still
            of_file: dict[str, list[Search]] = {detector.name: [] for detector in detectors}
            for batch in reader.batches(1):
                for detector in detectors:
                    for _ in range(0 if warm else WARM_UP_SEARCHES):
                        detector.detect(batch.data)
                    of_file[detector.name].append(_search(detector, batch.data))
                warm = True
        for name, searches in of_file.items():
            if is_picture:
                pictures[name] += searches
            else:
                videos[name].append((path.name, searches))
        progress(done, len(paths))
    return {name: _figures(pictures[name], videos[name]) for name in pictures}


def _search(detector: FaceDetector, frames: Image) -> Search:
    started = time.perf_counter()
    boxes = detector.detect(frames).boxes_xyxy
    seconds = time.perf_counter() - started
    height, width = frames.shape[1:3]
    centre = np.array([width / 2, height / 2])
    covers = (boxes[:, :2] <= centre).all(axis=1) & (centre <= boxes[:, 2:]).all(axis=1)
    return Search(bool(covers.any()), len(boxes), seconds)


def _figures(pictures: Sequence[Search], videos: Sequence[tuple[str, Sequence[Search]]]) -> FindingFigures:
    every = [*pictures, *(search for _, searches in videos for search in searches)]
    return FindingFigures(
        pictures=PictureFigures(
            len(pictures),
            float(np.mean([search.found for search in pictures])),
            float(np.mean([search.extra for search in pictures])),
        )
        if pictures
        else None,
        videos=tuple(
            VideoFigures(name, len(searches), float(np.mean([search.boxes > 0 for search in searches])))
            for name, searches in videos
        ),
        milliseconds=float(np.median([search.seconds for search in every])) * 1000,
    )
