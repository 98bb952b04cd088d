"""The frames of a video that were looked at, and whether what was seen in one went on in another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Over so long unseen, nothing says that what was seen before went on. As long as a tracklet goes on without
# a face.
MAX_GAP_SECONDS = 2.0

Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class SampledFrames:
    """T frames in order: `frame_index` [T] int64, ascending, `seconds` [T] float64 and `shot` [T] int64.

    A place is a frame's number among them, from 0.
    """

    frame_index: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    shot: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        lengths = [len(of) for of in (self.frame_index, self.seconds, self.shot)]
        if len(set(lengths)) != 1:
            raise ValueError(f"frames, times and shots come in arrays of different lengths: {lengths}")
        if not (np.diff(self.frame_index) > 0).all():
            raise ValueError("the frames do not come in order")

    @property
    def step_seconds(self) -> float:
        """The usual time from one frame to the next, 0 for fewer than two frames."""
        return float(np.median(np.diff(self.seconds))) if len(self.seconds) > 1 else 0.0

    def places(self, frame_index: npt.NDArray[np.int64]) -> Places:
        """[N] the places of the frames numbered `frame_index` [N]; ValueError for one not looked at."""
        place = np.searchsorted(self.frame_index, frame_index)
        inside = place < len(self.frame_index)
        if not inside.all() or not np.array_equal(self.frame_index[place], frame_index):
            raise ValueError("a frame with a face or a score is none of those that were looked at")
        return place

    def near(self, earlier: Places, later: Places) -> npt.NDArray[np.bool_]:
        """[N] whether two places are neighbours in time: at most MAX_GAP_SECONDS apart, or one after the
        other where frames lie further apart than that."""
        return (self.seconds[later] - self.seconds[earlier] <= MAX_GAP_SECONDS) | (later - earlier <= 1)

    def cut_away(self, earlier: Places, later: Places) -> npt.NDArray[np.bool_]:
        """[N] whether other pictures came between two places of a face seen in neither of the frames
        between: another shot follows, and not at once."""
        cuts = self.shot[later] - self.shot[earlier]
        # A shot that no frame was taken from lies between as well.
        return (cuts > 0) & ((later - earlier > 1) | (cuts > 1))
