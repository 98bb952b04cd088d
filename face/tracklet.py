"""A tracklet: faces seen shortly after one another that are one person's, and what is remembered of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass
class Tracklet:
    """A run of faces joined frame by frame; a person has one or more of them.

    Only usable faces make the identity. Those too poor for it are summed apart, so that a tracklet without
    any usable face still has something to show. `last_vector` [D] is that of the last face of either kind.
    """

    id: int
    first_index: int
    first_seconds: float
    last_index: int
    last_seconds: float
    last_box: npt.NDArray[np.float32]
    last_vector: npt.NDArray[np.float32]
    usable_sum: npt.NDArray[np.float64]
    poor_sum: npt.NDArray[np.float64]
    usable_faces: int = 0
    faces: int = 0

    @staticmethod
    def begin(id: int, box: npt.NDArray[np.float32], dimension: int, index: int, seconds: float) -> Tracklet:
        """A tracklet at the place of its first face, which `add` then takes in."""
        return Tracklet(
            id=id,
            first_index=index,
            first_seconds=seconds,
            last_index=index,
            last_seconds=seconds,
            last_box=box,
            last_vector=np.zeros(dimension, np.float32),
            usable_sum=np.zeros(dimension),
            poor_sum=np.zeros(dimension),
        )

    def add(
        self,
        box: npt.NDArray[np.float32],
        vector: npt.NDArray[np.float32],
        usable: bool,
        index: int,
        seconds: float,
    ) -> None:
        """Take in the face at `box` [4] with the unit `vector` [D]."""
        self.last_index, self.last_seconds, self.last_box = index, seconds, box
        self.last_vector = vector
        self.faces += 1
        if usable:
            self.usable_faces += 1
            self.usable_sum += vector
        else:
            self.poor_sum += vector

    @property
    def identity(self) -> npt.NDArray[np.float32]:
        """[D] unit mean of the usable faces, or of all where none is usable."""
        return unit_mean(self.usable_sum if self.usable_faces else self.poor_sum)


def unit_mean(total: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """[D] float32 direction of a sum of unit vectors; zero where they cancel out."""
    length = float(np.linalg.norm(total))
    return np.asarray(total / length if length > 0 else total, np.float32)
