"""CoDE's heads: scikit-learn's decisions recovered from the converted files, each with fake upwards."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import cosine_distances
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import OneClassSVM

from forensics.code_heads import Head, HeadKind, build_head
from forensics.scores import ScoreKind
from weights.convert.sklearn_heads import convert
from weights.errors import CorruptWeightsError

WIDTH = 192
TOLERANCE = 1e-6

Array = NDArray[Any]


def embeddings(rows: int, *, seed: int, centre: float = 0.0) -> Array:
    """Rows around `centre` in every coordinate, as the model gives them."""
    return np.random.default_rng(seed).normal(centre, 1.0, (rows, WIDTH)).astype(np.float32)


REALS, FAKES = embeddings(120, seed=1, centre=1.0), embeddings(180, seed=2, centre=-1.0)
LABELS = np.repeat([0, 1], [len(REALS), len(FAKES)])
BOTH = np.concatenate([REALS, FAKES])
# In and between the two clouds, so that every head gives both labels.
NEW = np.concatenate([embeddings(40, seed=3 + n, centre=centre) for n, centre in enumerate((-0.5, 0, 1))])


def fitted(kind: HeadKind) -> Any:
    """A head with the published settings; the one-class machine sees real images only."""
    if kind is HeadKind.LINEAR:
        return LogisticRegression(C=0.316, class_weight="balanced").fit(BOTH, LABELS)
    if kind is HeadKind.KNN:
        return KNeighborsClassifier(n_neighbors=1, metric="cosine").fit(BOTH, LABELS)
    return OneClassSVM(kernel="poly", gamma="auto", nu=0.1).fit(REALS)


def tensors_of(head: Any, folder: Path) -> dict[str, torch.Tensor]:
    path = folder / "head.sav"
    path.write_bytes(pickle.dumps(head))
    return {name: torch.tensor(array) for name, array in convert(path).items()}


def built(kind: HeadKind, head: Any, folder: Path) -> Head:
    return build_head(kind, tensors_of(head, folder), width=WIDTH)


def test_the_linear_head_gives_scikit_learns_logit(tmp_path: Path) -> None:
    reference = fitted(HeadKind.LINEAR)
    found = built(HeadKind.LINEAR, reference, tmp_path)
    assert found.score_kind is ScoreKind.LOGIT
    logits = found.score(NEW.astype(np.float64))
    np.testing.assert_allclose(logits, reference.decision_function(NEW), atol=TOLERANCE)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), reference.predict_proba(NEW)[:, 1], atol=TOLERANCE)


def test_the_neighbour_heads_sign_is_scikit_learns_label(tmp_path: Path) -> None:
    reference = fitted(HeadKind.KNN)
    found = built(HeadKind.KNN, reference, tmp_path)
    assert found.score_kind is ScoreKind.MARGIN
    margin = found.score(NEW.astype(np.float64))
    assert set(reference.predict(NEW)) == {0, 1}
    np.testing.assert_array_equal(margin > 0, reference.predict(NEW) == 1)
    nearest = [cosine_distances(NEW, points).min(axis=1) for points in (REALS, FAKES)]
    np.testing.assert_allclose(margin, nearest[0] - nearest[1], atol=TOLERANCE)


def test_the_one_class_head_gives_minus_scikit_learns_decision(tmp_path: Path) -> None:
    reference = fitted(HeadKind.SVM)
    found = built(HeadKind.SVM, reference, tmp_path)
    assert found.score_kind is ScoreKind.MARGIN
    scores = found.score(NEW.astype(np.float64))
    np.testing.assert_allclose(scores, -reference.decision_function(NEW), atol=TOLERANCE, rtol=TOLERANCE)
    assert set(reference.predict(NEW)) == {-1, 1}
    np.testing.assert_array_equal(scores < 0, reference.predict(NEW) == 1)


@pytest.mark.parametrize("kind", HeadKind)
def test_fake_is_up_in_every_head(kind: HeadKind, tmp_path: Path) -> None:
    """New pictures beyond the middle of each cloud: every fake above 0, every real one under it."""
    found = built(kind, fitted(kind), tmp_path)
    assert found.score(embeddings(30, seed=8, centre=-1.5).astype(np.float64)).min() > 0
    assert found.score(embeddings(30, seed=9, centre=1.5).astype(np.float64)).max() < 0


def test_a_picture_equally_near_to_both_scores_zero(tmp_path: Path) -> None:
    real, fake = np.eye(WIDTH)[:2]
    reference = KNeighborsClassifier(n_neighbors=1, metric="cosine").fit(np.stack([real, fake]), [0, 1])
    found = built(HeadKind.KNN, reference, tmp_path)
    assert found.score(np.stack([real + fake, np.zeros(WIDTH), np.eye(WIDTH)[2]])).tolist() == [0, 0, 0]


def test_a_zero_vector_among_the_neighbours_is_at_distance_one_as_in_scikit_learn(tmp_path: Path) -> None:
    points = np.stack([np.zeros(WIDTH), np.eye(WIDTH)[0]])
    reference = KNeighborsClassifier(n_neighbors=1, metric="cosine").fit(points, [0, 1])
    new = np.stack([np.eye(WIDTH)[0], -np.eye(WIDTH)[0]])
    assert built(HeadKind.KNN, reference, tmp_path).score(new).tolist() == [1.0, -1.0]
    assert reference.predict(new).tolist() == [1, 0]


@pytest.mark.parametrize("kind", HeadKind)
@pytest.mark.filterwarnings("ignore:(invalid value|overflow):RuntimeWarning")
def test_an_embedding_that_is_not_finite_never_gives_a_finite_score(kind: HeadKind, tmp_path: Path) -> None:
    broken = np.full((1, WIDTH), np.nan)
    assert not np.isfinite(built(kind, fitted(kind), tmp_path).score(broken)).any()


@pytest.mark.parametrize("kind", HeadKind)
@pytest.mark.parametrize("other", HeadKind)
def test_each_head_takes_its_own_file_only(kind: HeadKind, other: HeadKind, tmp_path: Path) -> None:
    tensors = tensors_of(fitted(other), tmp_path)
    if kind is other:
        build_head(kind, tensors, width=WIDTH)
        return
    with pytest.raises(CorruptWeightsError, match=f"code-head-{kind.value}: not CoDE's {kind.value} head"):
        build_head(kind, tensors, width=WIDTH)


@pytest.mark.parametrize("kind", HeadKind)
def test_a_head_on_another_width_or_with_a_nan_is_refused(kind: HeadKind, tmp_path: Path) -> None:
    tensors = tensors_of(fitted(kind), tmp_path)
    with pytest.raises(CorruptWeightsError, match="head: "):
        build_head(kind, tensors, width=WIDTH + 1)
    name = "intercept" if "intercept" in tensors else "points"
    tensors[name] = torch.full_like(tensors[name], torch.nan)
    with pytest.raises(CorruptWeightsError, match="not finite"):
        build_head(kind, tensors, width=WIDTH)


@pytest.mark.parametrize("labels", [(1, 2), (-1, 1)])
@pytest.mark.parametrize("kind", [HeadKind.LINEAR, HeadKind.KNN])
def test_labels_that_are_not_0_for_real_and_1_for_fake_are_refused(
    kind: HeadKind, labels: tuple[int, int], tmp_path: Path
) -> None:
    head = LogisticRegression() if kind is HeadKind.LINEAR else fitted(kind)
    with pytest.raises(CorruptWeightsError, match="expected \\[0, 1\\]"):
        built(kind, head.fit(BOTH, np.array(labels)[LABELS]), tmp_path)
