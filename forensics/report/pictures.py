"""Keeps small pictures of faces during a pass: some over time, the most and the least suspicious."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from face.track import Tracks
from face.types import CropSpec
from forensics.evidence import Evidence
from forensics.report.rows import FacePicture
from forensics.scores import FrameScores

PICTURE_SPEC = CropSpec(size=112, margin_ratio=1.3)
JPEG_QUALITY = 85
# Pictures of one person over time, of all people together, and at either end of the scores. Some 3 kB each,
# all people's fit a page that opens at once.
MAX_OVER_TIME = 24
MAX_OVER_TIME_IN_ALL = 480
MIN_OVER_TIME = 2
EXTREMES = 3


@dataclass(frozen=True)
class _Kept:
    frame_index: int
    score: float | None
    jpeg: bytes


@dataclass
class _Album:
    """The pictures of one tracklet; its size does not grow with the tracklet's length."""

    seen: int = 0
    stride: int = 1
    over_time: list[_Kept] = field(default_factory=list)
    extremes: list[_Kept] = field(default_factory=list)

    def add(self, kept: _Kept) -> None:
        if self.seen % self.stride == 0:
            self.over_time.append(kept)
            if len(self.over_time) > 2 * MAX_OVER_TIME:
                self.over_time = self.over_time[::2]
                self.stride *= 2
        self.seen += 1
        self.extremes = _extremes([*self.extremes, kept])


class PictureKeeper:
    """Collects pictures chunk by chunk; `ranked_by` names the detector whose scores rank them."""

    def __init__(self, ranked_by: str | None) -> None:
        self._ranked_by = ranked_by
        self._albums: defaultdict[int, _Album] = defaultdict(_Album)

    def add(self, evidence: Evidence, scores: dict[str, FrameScores]) -> None:
        """Look at the faces of the next chunk, whose tracks are still provisional."""
        if not len(evidence.track):
            return
        crops = evidence.crops(PICTURE_SPEC).data.permute(0, 2, 3, 1).cpu().numpy()
        ranking = scores.get(self._ranked_by) if self._ranked_by is not None else None
        frames = evidence.frame_index.tolist()
        for number, track in enumerate(evidence.track.tolist()):
            score = None if ranking is None else float(ranking.score[number])
            known = score is not None and np.isfinite(score)
            kept = _Kept(frames[number], score if known else None, jpeg(crops[number]))
            self._albums[track].add(kept)

    def pictures(self, tracks: Tracks) -> tuple[FacePicture, ...]:
        """The pictures to show of every person, by person and time."""
        albums: defaultdict[int, list[_Album]] = defaultdict(list)
        for provisional in sorted(self._albums):
            person = int(tracks.resolve(np.array([provisional]))[0])
            albums[person].append(self._albums[provisional])
        share = min(MAX_OVER_TIME, max(MIN_OVER_TIME, MAX_OVER_TIME_IN_ALL // max(len(albums), 1)))
        return tuple(
            FacePicture(person, kept.frame_index, base64.b64encode(kept.jpeg).decode("ascii"))
            for person in sorted(albums)
            for kept in _chosen(albums[person], share)
        )


def _chosen(albums: Sequence[_Album], share: int) -> list[_Kept]:
    """`share` pictures spread over the person's time, with the extremes, each frame once."""
    over_time = sorted((kept for album in albums for kept in album.over_time), key=_frame)
    spread = np.unique(np.linspace(0, len(over_time) - 1, min(share, len(over_time))).round().astype(int))
    extremes = _extremes([kept for album in albums for kept in album.extremes])
    chosen = {kept.frame_index: kept for kept in (*(over_time[place] for place in spread), *extremes)}
    return sorted(chosen.values(), key=_frame)


def _extremes(kept: Iterable[_Kept]) -> list[_Kept]:
    """The highest and the lowest scores; of equal ones the earlier."""
    ranked = sorted(
        (one for one in kept if one.score is not None), key=lambda one: (one.score, -one.frame_index)
    )
    return ranked if len(ranked) <= 2 * EXTREMES else ranked[:EXTREMES] + ranked[-EXTREMES:]


def _frame(kept: _Kept) -> int:
    return kept.frame_index


def jpeg(rgb: npt.NDArray[np.uint8]) -> bytes:
    """An [H,W,3] uint8 RGB picture as JPEG, the same bytes for the same picture."""
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    return data.tobytes()
