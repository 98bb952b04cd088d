"""CoDE's three scikit-learn heads: from their pickles to the tensors their decision needs.

Sources: the published files of Hugging Face aimagelab/CoDE; the formulas are scikit-learn's own
(`LogisticRegression.decision_function`, `KNeighborsClassifier.predict`, `OneClassSVM.decision_function`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from weights.convert.layout import Array
from weights.convert.pickled_arrays import allowed_arrays, array_of
from weights.convert.pickles import Instance, RefusedPickleError, read_pickle, shown

LOGISTIC = ("sklearn.linear_model._logistic", "LogisticRegression")
NEIGHBOURS = ("sklearn.neighbors._classification", "KNeighborsClassifier")
ONE_CLASS = ("sklearn.svm._classes", "OneClassSVM")
# scikit-learn's integer types differ between platforms; the converted files have one.
LABEL_DTYPE = np.int64


def convert(source: Path) -> dict[str, Array]:
    """The tensors of the head in `source`; which of the three it is shows in their names.

    - logistic regression over two classes: `coef` [D], `intercept` [1], `classes` [2].
      decision = x @ coef + intercept; positive means classes[1].
    - 1-nearest-neighbour by cosine: `points` [N,D], `labels` [N].
    - one-class SVM, polynomial kernel: `support_vectors` [S,D], `dual_coef` [S], and `intercept`, `gamma`,
      `coef0`, `degree` [1] each. decision = sum(dual_coef * (gamma * sv @ x + coef0) ** degree) + intercept;
      positive means an inlier.

    Numbers are float64 or as fitted, labels int64. Raises RefusedPickleError for any other object, for other
    settings of these three, and for whatever the pickle should not contain.
    """
    head = read_pickle(BytesIO(source.read_bytes()), allowed_arrays(*HEADS))
    read = HEADS.get((head.of.module, head.of.name)) if isinstance(head, Instance) else None
    if read is None:
        raise RefusedPickleError(f"a {type(head).__name__} where a fitted head must be")
    return read(head.state)


def _logistic(state: dict[str, Any]) -> dict[str, Array]:
    coef, intercept, classes = (array_of(state.get(name)) for name in ("coef_", "intercept_", "classes_"))
    if coef.ndim != 2 or coef.shape[0] != 1 or intercept.shape != (1,) or classes.shape != (2,):
        raise RefusedPickleError(f"a logistic regression with coefficients {coef.shape}, expected [1,D]")
    return {"coef": coef[0], "intercept": intercept, "classes": classes.astype(LABEL_DTYPE)}


def _neighbours(state: dict[str, Any]) -> dict[str, Array]:
    _require(state, "n_neighbors", 1)
    _require(state, "effective_metric_", "cosine")
    points, indices, classes = (array_of(state.get(name)) for name in ("_fit_X", "_y", "classes_"))
    if points.ndim != 2 or indices.shape != points.shape[:1] or classes.ndim != 1:
        raise RefusedPickleError(f"neighbours {points.shape} with labels {indices.shape}")
    if indices.dtype.kind not in "iu":
        raise RefusedPickleError(f"neighbours with labels of the type {indices.dtype}")
    if indices.size and not 0 <= indices.min() <= indices.max() < classes.size:
        raise RefusedPickleError("neighbours with labels outside their classes")
    return {"points": points, "labels": classes[indices].astype(LABEL_DTYPE)}


def _one_class(state: dict[str, Any]) -> dict[str, Array]:
    _require(state, "kernel", "poly")
    vectors, dual, intercept = (
        array_of(state.get(name)) for name in ("support_vectors_", "_dual_coef_", "_intercept_")
    )
    if vectors.ndim != 2 or dual.shape != (1, vectors.shape[0]) or intercept.shape != (1,):
        raise RefusedPickleError(f"support vectors {vectors.shape} with coefficients {dual.shape}")
    settings = {"gamma": state.get("_gamma"), "coef0": state.get("coef0"), "degree": state.get("degree")}
    for name, value in settings.items():
        # An integer that no float64 holds is no setting either.
        if not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            raise RefusedPickleError(f"a kernel with {name} {shown(value)}")
    scalars: dict[str, Array] = {name: np.array([value], np.float64) for name, value in settings.items()}
    return {"support_vectors": vectors, "dual_coef": dual[0], "intercept": intercept, **scalars}


def _require(state: dict[str, Any], name: str, expected: object) -> None:
    if state.get(name) != expected:
        raise RefusedPickleError(f"a head with {name} {shown(state.get(name))}, expected {expected!r}")


HEADS: dict[tuple[str, str], Callable[[dict[str, Any]], dict[str, Array]]] = {
    LOGISTIC: _logistic,
    NEIGHBOURS: _neighbours,
    ONE_CLASS: _one_class,
}
