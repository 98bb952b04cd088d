"""CoDE's three heads on an embedding: scikit-learn's decisions, turned so that higher is more fake.

The files are those that `weights.convert.sklearn_heads` makes. Labels of the linear and the neighbour head:
0 real, 1 fake. The one-class machine was fitted on real images alone, so that scikit-learn's inlier, +1, is
real; the header of the official inference says the opposite of its own training and validation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import torch

from forensics.scores import ScoreKind
from weights.errors import CorruptWeightsError

Array = npt.NDArray[np.float64]
REAL, FAKE = 0, 1


class HeadKind(StrEnum):
    """Which head decides. The values are those of `--head`."""

    LINEAR = "linear"
    KNN = "knn"
    SVM = "svm"

    @property
    def weights(self) -> str:
        """Its name in the weights registry."""
        return f"code-head-{self.value}"


class Head(Protocol):
    """A decision on embeddings; only a logit is also a probability."""

    score_kind: ClassVar[ScoreKind]

    def score(self, features: Array) -> Array:
        """[N,D] embeddings -> [N], higher = more fake, 0 = the published boundary between the labels."""
        ...


@dataclass(frozen=True)
class LinearHead:
    """Logistic regression: the logit of fake."""

    score_kind: ClassVar = ScoreKind.LOGIT
    coef: Array
    intercept: float

    def score(self, features: Array) -> Array:
        return features @ self.coef + self.intercept


@dataclass(frozen=True)
class NeighbourHead:
    """1-nearest-neighbour by cosine: how much nearer the nearest fake is than the nearest real, in [-2,2].

    The sign is the published label. At exactly 0 both are equally near: there the published label is that
    of whichever of the two was stored first.
    """

    score_kind: ClassVar = ScoreKind.MARGIN
    unit_real: Array
    unit_fake: Array

    def score(self, features: Array) -> Array:
        unit = _unit(features)
        return _distance(unit, self.unit_real) - _distance(unit, self.unit_fake)


@dataclass(frozen=True)
class OneClassHead:
    """One-class SVM with a polynomial kernel: minus its decision, which is positive for real pictures."""

    score_kind: ClassVar = ScoreKind.MARGIN
    support_vectors: Array
    dual_coef: Array
    intercept: float
    gamma: float
    coef0: float
    degree: float

    def score(self, features: Array) -> Array:
        kernel = (self.gamma * features @ self.support_vectors.T + self.coef0) ** self.degree
        return -(kernel @ self.dual_coef + self.intercept)


def build_head(kind: HeadKind, tensors: Mapping[str, torch.Tensor], *, width: int) -> Head:
    """The head of `kind` on embeddings of `width`, from its converted file.

    Raises CorruptWeightsError when the tensors are not those of such a head.
    """
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise CorruptWeightsError(f"{kind.weights}: it holds values that are not finite")
    arrays = {name: tensor.double().numpy() for name, tensor in tensors.items()}
    try:
        return _READERS[kind](arrays, width)
    except (KeyError, ValueError) as error:
        described = {name: list(array.shape) for name, array in sorted(arrays.items())}
        raise CorruptWeightsError(
            f"{kind.weights}: not CoDE's {kind.value} head: {error} ({described})"
        ) from error


def _linear(arrays: dict[str, Array], width: int) -> LinearHead:
    coef, classes = _shaped(arrays, "coef", (width,)), _shaped(arrays, "classes", (2,))
    if classes.tolist() != [REAL, FAKE]:
        raise ValueError(f"its classes are {classes.tolist()}, expected {[REAL, FAKE]}")
    return LinearHead(coef, _number(arrays, "intercept"))


def _neighbours(arrays: dict[str, Array], width: int) -> NeighbourHead:
    labels = arrays["labels"]
    points = _shaped(arrays, "points", (len(labels), width))
    if set(labels.tolist()) != {REAL, FAKE}:
        raise ValueError(f"its labels are {sorted(set(labels.tolist()))}, expected {[REAL, FAKE]}")
    return NeighbourHead(_unit(points[labels == REAL]), _unit(points[labels == FAKE]))


def _one_class(arrays: dict[str, Array], width: int) -> OneClassHead:
    dual = arrays["dual_coef"]
    vectors = _shaped(arrays, "support_vectors", (len(dual), width))
    numbers = {name: _number(arrays, name) for name in ("intercept", "gamma", "coef0", "degree")}
    return OneClassHead(vectors, dual, **numbers)


def _shaped(arrays: dict[str, Array], name: str, shape: tuple[int, ...]) -> Array:
    if arrays[name].shape != shape:
        raise ValueError(f"{name} must be {list(shape)}")
    return arrays[name]


def _number(arrays: dict[str, Array], name: str) -> float:
    return float(_shaped(arrays, name, (1,))[0])


def _distance(unit: Array, points: Array) -> Array:
    """[N]: the cosine distance to the nearest of the unit vectors `points`."""
    nearest: Array = (unit @ points.T).max(axis=1)
    return 1 - nearest


def _unit(vectors: Array) -> Array:
    """Unit vectors; a zero vector stays zero, at distance 1 from everything, as in scikit-learn."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms == 0, 1.0, norms)


_READERS: dict[HeadKind, Callable[[dict[str, Array], int], Head]] = {
    HeadKind.LINEAR: _linear,
    HeadKind.KNN: _neighbours,
    HeadKind.SVM: _one_class,
}
