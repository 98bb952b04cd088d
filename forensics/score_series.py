"""The scores of one track in order of time, with the breaks that nothing may be read across."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forensics.sampled_frames import SampledFrames


@dataclass(frozen=True)
class ScoreSeries:
    """N finite scores in order of frames.

    `frame_index` [N] int64, `seconds` and `score` [N] float64; `piece` [N] int64 numbers the unbroken pieces
    from 0. `step_seconds` is the usual time between frames that were looked at.
    """

    frame_index: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]
    piece: npt.NDArray[np.int64]
    step_seconds: float

    def __len__(self) -> int:
        return len(self.score)


def score_series(
    frame_index: npt.NDArray[np.int64], score: npt.NDArray[np.float64], sampled: SampledFrames
) -> ScoreSeries:
    """The series of one track's faces, or of whole frames, which may come in any order.

    `frame_index` and `score` [N]; a score that is not finite is an abstention of a face that was seen. A
    piece ends where no score follows for too long (`SampledFrames.near`), and where the picture cuts away
    from the face: what was shown instead is no part of a segment. Raises ValueError for arrays of different
    lengths and for a frame that was not looked at.
    """
    if len(frame_index) != len(score):
        raise ValueError(f"{len(frame_index)} frames and {len(score)} scores")
    order = np.lexsort((score, frame_index))
    frame_index, score = frame_index[order], score[order]
    place = sampled.places(frame_index)
    # Of all faces that were seen, so that a face too blurred to score still keeps its shot in view.
    cuts_before = np.cumsum(np.r_[False, sampled.cut_away(place[:-1], place[1:])][: len(place)])
    given = np.isfinite(score)
    place, cuts_before = place[given], cuts_before[given]
    broken = ~sampled.near(place[:-1], place[1:]) | (np.diff(cuts_before) > 0)
    return ScoreSeries(
        frame_index=frame_index[given],
        seconds=sampled.seconds[place],
        score=score[given],
        piece=np.cumsum(np.r_[False, broken][: len(place)]).astype(np.int64),
        step_seconds=sampled.step_seconds,
    )
