"""What a training of CoDE leaves: the three heads fitted on its embeddings, and files as the detector reads.

Source of the heads' settings: src/quantitative_evaluation/linear_training.py of github aimagelab/CoDE.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.svm import OneClassSVM

from forensics.code_heads import REAL, HeadKind, build_head
from forensics.code_model import BLOCK_NAMES, QKV_NAMES, STEM_NAMES, TOKEN_NAMES
from forensics.code_own import BACKBONE_FILE, CONFIG_FILE, head_file
from forensics.whole_file import whole_file

INVERSE_REGULARISATION = 0.316
OUTLIER_SHARE = 0.1
DEGREE = 3
MOST_ITERATIONS = 1500

Features = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Tensors = dict[str, torch.Tensor]


def fit_head(kind: HeadKind, features: Features, labels: Labels) -> Tensors:
    """The head of `kind` on `features` [N,D] with `labels` [N] (0 real, 1 fake), as the detector reads it."""
    return {name: torch.from_numpy(array) for name, array in _FITTERS[kind](features, labels).items()}


def auc(kind: HeadKind, head: Tensors, features: Features, labels: Labels) -> float:
    """The area under the ROC curve of the detector's own decision, fake being the positive class."""
    scores = build_head(kind, head, width=features.shape[1]).score(features)
    return float(roc_auc_score(labels, scores))


def _linear(features: Features, labels: Labels) -> dict[str, npt.NDArray[np.generic]]:
    model = LogisticRegression(
        C=INVERSE_REGULARISATION, class_weight="balanced", max_iter=MOST_ITERATIONS
    ).fit(features, labels)
    return {"coef": model.coef_[0], "intercept": model.intercept_, "classes": model.classes_}


def _neighbours(features: Features, labels: Labels) -> dict[str, npt.NDArray[np.generic]]:
    """The nearest of all points decides, so that fitting is keeping them."""
    return {"points": features, "labels": labels}


def _one_class(features: Features, labels: Labels) -> dict[str, npt.NDArray[np.generic]]:
    model = OneClassSVM(kernel="poly", nu=OUTLIER_SHARE, gamma="auto", degree=DEGREE, coef0=0.0)
    model.fit(features[labels == REAL])
    # "auto" is one over the number of features.
    scalars = {"gamma": 1 / features.shape[1], "coef0": 0.0, "degree": float(DEGREE)}
    return {
        "support_vectors": model.support_vectors_,
        "dual_coef": model.dual_coef_[0],
        "intercept": model.intercept_,
        **{name: np.array([value]) for name, value in scalars.items()},
    }


_FITTERS: dict[HeadKind, Callable[[Features, Labels], dict[str, npt.NDArray[np.generic]]]] = {
    HeadKind.LINEAR: _linear,
    HeadKind.KNN: _neighbours,
    HeadKind.SVM: _one_class,
}


def to_transformers(state: Mapping[str, torch.Tensor]) -> Tensors:
    """A timm ViT's `state` under the names of transformers' `ViTModel`; undoes `code_model.to_timm`."""
    named: Tensors = {theirs: state[ours] for ours, theirs in TOKEN_NAMES.items()}
    depth = len({name.split(".")[1] for name in state if name.startswith("blocks.")})
    for kind in ("weight", "bias"):
        for ours, theirs in STEM_NAMES.items():
            named[f"{theirs}.{kind}"] = state[f"{ours}.{kind}"]
        for block in range(depth):
            ours_block, theirs_block = f"blocks.{block}", f"encoder.layer.{block}"
            parts = state[f"{ours_block}.attn.qkv.{kind}"].chunk(len(QKV_NAMES))
            named |= {
                f"{theirs_block}.{name}.{kind}": part for name, part in zip(QKV_NAMES, parts, strict=True)
            }
            for ours, theirs in BLOCK_NAMES.items():
                named[f"{theirs_block}.{theirs}.{kind}"] = state[f"{ours_block}.{ours}.{kind}"]
    return named


def save_result(
    out: Path, backbone: Mapping[str, torch.Tensor], heads: Mapping[HeadKind, Tensors], facts: object
) -> None:
    """Write the backbone, given under timm's names, the heads and the facts; no file is ever half there.

    Raises OutputError where one cannot be written.
    """
    files = {BACKBONE_FILE: to_transformers(backbone)}
    files |= {head_file(kind): tensors for kind, tensors in heads.items()}
    for name, tensors in files.items():
        with whole_file(out / name) as partial:
            save_file({key: value.cpu().contiguous() for key, value in tensors.items()}, partial)
    with whole_file(out / CONFIG_FILE) as partial:
        partial.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n")
