"""How well identity encoders tell people apart: the figures of labelled pairs of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import rankdata

from face.align import make_crops
from face.detect import FaceDetector
from face.embed import IdentityEmbedder, all_numbers
from face.types import CropSpec, FaceCrops
from forensics.metrics import Interval, bootstrap_interval, roc
from forensics.pairs import PairSheet, check_both_kinds
from forensics.progress import Progress, no_progress
from video.isolated import open_video
from video.sampling import Sampling

# Strict false match rates at which encoders are usually compared.
STRICT_FALSE_MATCH_RATES = (0.01, 0.001)
# Rule of three: n pairs without one false match only show, at 95 %, that the rate lies below 3/n.
PAIRS_TIMES_RATE = 3
BOOTSTRAP_RESAMPLES = 1000
BOOTSTRAP_SEED = 7
# Pictures whose crops wait for the encoders together, which bounds the memory.
_PICTURES_PER_BATCH = 64

Cosines = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class StrictPoint:
    """The least cosine at which no more than `false_match_rate` of the pairs of two people pass."""

    false_match_rate: float
    similarity: float
    false_non_match_rate: float


@dataclass(frozen=True)
class VerificationFigures:
    """What labelled cosines say of an encoder; a pair passes as one person from the limit's cosine on.

    FMR is the share of pairs of two people that pass, FNMR that of pairs of one person that fail
    (ISO/IEC 19795-1). `accuracy` and the two rates without a limit in their name belong to the operating
    point `similarity`. `strict` lacks the rates for which there are too few pairs of two people.
    """

    pairs: int
    same: int
    auc: float
    auc_interval: Interval
    equal_error_rate: float
    equal_error_similarity: float
    similarity: float
    accuracy: float
    false_match_rate: float
    false_non_match_rate: float
    strict: tuple[StrictPoint, ...]


@dataclass(frozen=True)
class Verification:
    """The figures of each encoder by name, and what had no face and so no part in them."""

    pairs: int
    pairs_without_face: int
    pictures: int
    pictures_without_face: tuple[str, ...]
    figures: Mapping[str, VerificationFigures]


def verify_pairs(
    sheet: PairSheet,
    detector: FaceDetector,
    embedders: Sequence[IdentityEmbedder],
    *,
    device: torch.device,
    progress: Progress = no_progress,
) -> Verification:
    """Compare the largest faces of each pair by every encoder, each at its own operating point.

    Of a video its middle frame counts. A pair with a picture without a face is left out and counted.
    Raises VideoError for a picture that cannot be read, DatasetError where too few faces are left.
    """
    vectors = _unit_vectors(sheet, detector, embedders, device, progress)
    faceless = tuple(name for name in sheet.pictures if name not in vectors)
    used = [pair for pair in sheet.pairs if pair.first in vectors and pair.second in vectors]
    check_both_kinds(
        sheet.path, used, f"{len(faceless)} pictures have no face; try another face detector or --detect-size"
    )
    labels = np.array([pair.same for pair in used])
    figures = {}
    for place, embedder in enumerate(embedders):
        cosines = np.array([vectors[pair.first][place] @ vectors[pair.second][place] for pair in used])
        figures[embedder.name] = verification_figures(
            cosines, labels, similarity=embedder.same_person_similarity
        )
    return Verification(
        len(sheet.pairs), len(sheet.pairs) - len(used), len(sheet.pictures), faceless, figures
    )


def verification_figures(cosines: Cosines, labels: Labels, *, similarity: float) -> VerificationFigures:
    """The figures of [N] cosines whose `labels` [N] say whether each pair shows one person.

    The interval of the AUC is a percentile bootstrap over the pairs: those that share pictures make it too
    narrow. ValueError unless both kinds are there.
    """
    if labels.all() or not labels.any():
        raise ValueError("figures need pairs of one person and pairs of two")
    curve = roc(cosines, labels)
    equal_error_rate, equal_error_similarity = curve.equal_error
    passed = cosines >= similarity
    strict = []
    for rate in STRICT_FALSE_MATCH_RATES:
        if np.count_nonzero(~labels) * rate >= PAIRS_TIMES_RATE:
            last = int(np.searchsorted(curve.false_alarms, rate, side="right")) - 1
            strict.append(StrictPoint(rate, float(curve.limits[last]), float(1 - curve.hits[last])))
    return VerificationFigures(
        pairs=len(labels),
        same=int(np.count_nonzero(labels)),
        auc=curve.area,
        auc_interval=bootstrap_interval(
            lambda drawn: _auc_by_ranks(cosines[drawn], labels[drawn]),
            labels,
            groups=[str(number) for number in range(len(labels))],
            resamples=BOOTSTRAP_RESAMPLES,
            seed=BOOTSTRAP_SEED,
        ),
        equal_error_rate=equal_error_rate,
        equal_error_similarity=equal_error_similarity,
        similarity=similarity,
        accuracy=float(np.mean(passed == labels)),
        false_match_rate=float(np.mean(passed[~labels])),
        false_non_match_rate=float(np.mean(~passed[labels])),
        strict=tuple(strict),
    )


def _auc_by_ranks(cosines: Cosines, labels: Labels) -> float:
    """The same area as under the curve, by the ranks (Mann and Whitney): over ten times as fast."""
    same = int(np.count_nonzero(labels))
    beaten = rankdata(cosines)[labels].sum() - same * (same + 1) / 2
    return float(beaten / (same * (len(labels) - same)))


def _unit_vectors(
    sheet: PairSheet,
    detector: FaceDetector,
    embedders: Sequence[IdentityEmbedder],
    device: torch.device,
    progress: Progress,
) -> dict[str, tuple[Cosines, ...]]:
    """For each picture with a face the unit vectors of its largest one, in the order of the encoders."""
    vectors: dict[str, tuple[Cosines, ...]] = {}
    waiting: dict[str, dict[CropSpec, torch.Tensor]] = {}
    specs = {embedder.spec for embedder in embedders}

    def embed() -> None:
        units = []
        for embedder in embedders:
            crops = torch.stack([each[embedder.spec] for each in waiting.values()])
            embedded = all_numbers(embedder.embed(FaceCrops(crops, embedder.spec)))
            units.append(embedded.unit().double().cpu().numpy())
        vectors.update(zip(waiting, zip(*units, strict=True), strict=True))
        waiting.clear()

    for done, name in enumerate(sheet.pictures, start=1):
        with open_video(sheet.path.parent / name, sampling=Sampling.spread(1)) as reader:
            frames = [batch.data for batch in reader.batches(1)][-1]
        found = detector.detect(frames)
        if len(found):
            largest = int((found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]).max(axis=1).argmax())
            on_device = torch.from_numpy(frames).to(device)
            waiting[name] = {spec: make_crops(on_device, found, spec).data[largest] for spec in specs}
        if len(waiting) == _PICTURES_PER_BATCH:
            embed()
        progress(done, len(sheet.pictures))
    if waiting:
        embed()
    return vectors
