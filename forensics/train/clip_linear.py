"""Fits the linear probe: a logistic regression on the features that RepDFD's text side is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression

from forensics.clip_linear import ClipLinearConfig, Probe, save_probe
from forensics.data.cache import REAL, CacheSpec, FeatureCache
from forensics.errors import ForensicsError
from forensics.train.faces import Faces
from forensics.train.operating_point import choose_thresholds
from forensics.whole_file import make_folder

PROBE_FILE = "clip_linear.safetensors"
# The inverse strengths of regularisation that are tried; unit features want weak ones.
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_MOST_ITERATIONS = 10_000


@dataclass(frozen=True)
class Fit:
    """The probe that is kept, its `strength` C, and the validation AUC of every strength tried."""

    probe: Probe
    strength: float
    validation_auc: Mapping[float, float]


def fit(cache: FeatureCache, spec: CacheSpec, out: Path, *, pairs_only: bool = False) -> Fit:
    """Fit a probe for each strength, keep that of the best validation AUC, write it to the folder `out`.

    Real faces stand against all others, as much as they; within a class every video counts alike. With
    `pairs_only` faces without a counterpart are left out. The AUC is that of `Faces.auc`. Raises
    ForensicsError for a cache without features, or without real or fake faces in both splits.
    """
    if not cache.features.shape[1]:
        raise ForensicsError("the cache holds no features; extract it with a tower")
    cpu = torch.device("cpu")
    learn, check = (_Rows(Faces(cache, split, cpu), pairs_only) for split in ("train", "val"))
    tried = {strength: _fitted(learn, strength) for strength in STRENGTHS}
    logits = {strength: check.features @ weight + bias for strength, (weight, bias) in tried.items()}
    auc = {strength: check.faces.auc(each, check.rows) for strength, each in logits.items()}
    # Of equals the most regularised.
    best = max(STRENGTHS, key=lambda strength: (auc[strength], -strength))
    weight, bias = tried[best]
    what = "pairs of a real and a pseudo-fake face" if pairs_only else "faces"
    training = f"on {learn.count(pairs_only)} {what}, C = {best:g} chosen on {check.count(pairs_only)} others"
    config = ClipLinearConfig(
        backbone=spec.backbone,
        tower_sha256=spec.tower_sha256,
        crop=spec.crop,
        operating_point=choose_thresholds(logits[best], ~check.fake),
        training=training,
    )
    probe = Probe(weight, bias, config)
    make_folder(out)
    save_probe(probe, out / PROBE_FILE)
    return Fit(probe, best, auc)


class _Rows:
    """The chosen faces of a split: `features` [N,D] float64, `fake` [N] bool, `video` [N]."""

    def __init__(self, faces: Faces, pairs_only: bool) -> None:
        self.faces = faces
        self.rows: npt.NDArray[np.intp] = np.arange(2 * faces.pairs if pairs_only else len(faces))
        if not len(self.rows):
            raise ForensicsError("the cache holds no pair of a real and a fake face in one of its splits")
        self.features = faces.features.numpy()[self.rows].astype(np.float64)
        self.fake = faces.label.numpy()[self.rows] != REAL
        self.video = faces.video[self.rows]

    def count(self, pairs_only: bool) -> int:
        return self.faces.pairs if pairs_only else len(self.rows)

    def share(self) -> npt.NDArray[np.float64]:
        """[N] how much each face counts: classes alike, in a class its videos alike, 1 a video on average."""
        groups, place, faces_in = np.unique(
            np.column_stack([self.video, self.fake]), axis=0, return_inverse=True, return_counts=True
        )
        share = 1 / faces_in[place.ravel()]
        for kind in (self.fake, ~self.fake):
            share[kind] *= len(groups) / 2 / share[kind].sum()
        return np.asarray(share, np.float64)


def _fitted(learn: _Rows, strength: float) -> tuple[npt.NDArray[np.float64], float]:
    model = LogisticRegression(C=strength, max_iter=_MOST_ITERATIONS)
    model.fit(learn.features, learn.fake, sample_weight=learn.share())
    return np.asarray(model.coef_[0], np.float64), float(model.intercept_[0])
