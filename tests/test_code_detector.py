"""The detector `code`: crops, heads and abstentions on whole frames, and what it says without its weights."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import media
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from code_weights import pictures, transformers_state
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import OneClassSVM
from torchvision.transforms.v2.functional import center_crop
from whole_frames import evidence_of

from forensics.cli import main
from forensics.code_heads import HeadKind
from forensics.code_model import build_vit, embed
from forensics.detector import LoadOptions, Precision, Scope, detector_module
from forensics.detectors.code import VIT, load, weights_needed
from forensics.errors import ExitCode
from forensics.face2text import PromptMode
from forensics.frame_crops import CropLayout, crop_corners
from forensics.models import load_options
from forensics.scores import Abstention, ScoreKind
from forensics.settings import AnalysisSettings
from weights.errors import CorruptWeightsError
from weights.store import Store

HEADS: dict[HeadKind, Any] = {
    HeadKind.LINEAR: LogisticRegression(C=0.316, class_weight="balanced"),
    HeadKind.KNN: KNeighborsClassifier(n_neighbors=1, metric="cosine"),
    HeadKind.SVM: OneClassSVM(kernel="poly", gamma="auto", nu=0.1),
}
SEEN = np.random.default_rng(5).normal(0, 1, (60, 192)).astype(np.float32)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store into which the user imported the seeded ViT and three heads as scikit-learn pickles them."""
    folder = tmp_path_factory.mktemp("code")
    store = Store(folder / "cache", offline=True)
    save_file(transformers_state(), folder / "model.safetensors")
    store.import_file(VIT, folder / "model.safetensors")
    for kind, head in HEADS.items():
        pickled = folder / f"{kind.value}.sav"
        fitted = head.fit(SEEN) if kind is HeadKind.SVM else head.fit(SEEN, np.arange(60) % 2)
        pickled.write_bytes(pickle.dumps(fitted))
        store.import_file(kind.weights, pickled)
    return store


@pytest.mark.parametrize("kind", HeadKind)
def test_a_frame_gets_the_decision_of_the_head_on_its_middle(kind: HeadKind, store: Store) -> None:
    frames = pictures(2, 301, 227)
    detector = load(store, LoadOptions(head=kind))
    scores = detector.score(evidence_of(frames))
    middle = center_crop(frames.permute(0, 3, 1, 2), [224, 224]).permute(0, 2, 3, 1)
    features = embed(build_vit(transformers_state()), middle).numpy()
    if kind is HeadKind.KNN:
        np.testing.assert_array_equal(scores.score > 0, HEADS[kind].predict(features) == 1)
    else:
        sign = -1 if kind is HeadKind.SVM else 1
        expected = sign * HEADS[kind].decision_function(features)
        np.testing.assert_allclose(scores.score, expected, rtol=1e-6, atol=1e-6)
    assert scores.frame_index.tolist() == [40, 45]
    assert (scores.detector, scores.track, scores.peak) == ("code", None, None)
    assert scores.abstained == (None, None)


def test_only_the_linear_head_gives_a_probability(store: Store) -> None:
    evidence = evidence_of(pictures(2, 224, 224))
    given = {kind: load(store, LoadOptions(head=kind)).score(evidence) for kind in HeadKind}
    linear = given[HeadKind.LINEAR]
    assert linear.probability is not None
    np.testing.assert_allclose(linear.probability, 1 / (1 + np.exp(-linear.score)))
    assert [given[kind].probability for kind in (HeadKind.KNN, HeadKind.SVM)] == [None, None]
    assert [given[kind].kind for kind in HeadKind] == [ScoreKind.LOGIT, ScoreKind.MARGIN, ScoreKind.MARGIN]


def test_the_published_head_is_the_linear_one(store: Store) -> None:
    assert weights_needed(LoadOptions()) == ("code-vit-tiny", "code-head-linear")
    detector = load(store, LoadOptions())
    assert [weight.name for weight in detector.weights] == ["code-vit-tiny", "code-head-linear"]
    assert (detector.scope, detector.embedder) == (Scope.FRAME, None)
    assert (detector.thresholds.cue, detector.thresholds.clear) == (0.0, 0.0)


def test_a_grid_gives_the_mean_over_its_crops_and_the_highest_beside_it(store: Store) -> None:
    frames = pictures(2, 300, 500)
    scores = load(store, LoadOptions(crops=CropLayout.GRID)).score(evidence_of(frames))
    each = []
    for top in (0, 76):
        for left in (0, 138, 276):
            crop = frames[:, top : top + 224, left : left + 224]
            each.append(
                HEADS[HeadKind.LINEAR].decision_function(embed(build_vit(transformers_state()), crop))
            )
    np.testing.assert_allclose(scores.score, np.mean(each, axis=0), rtol=1e-6, atol=1e-6)
    assert scores.peak is not None
    np.testing.assert_allclose(scores.peak, np.max(each, axis=0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("layout", CropLayout)
@pytest.mark.parametrize(("height", "width"), [(223, 400), (400, 223), (1, 1)])
def test_frames_smaller_than_a_crop_are_not_scored(
    height: int, width: int, layout: CropLayout, store: Store
) -> None:
    scores = load(store, LoadOptions(crops=layout)).score(evidence_of(pictures(3, height, width)))
    assert scores.abstained == (Abstention.FRAME_TOO_SMALL,) * 3
    assert np.isnan(scores.score).all()


@pytest.mark.parametrize("layout", CropLayout)
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_an_output_that_is_not_finite_is_an_abstention(
    broken: float, layout: CropLayout, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def embed_badly(vit: object, crops: torch.Tensor) -> torch.Tensor:
        features = torch.ones(len(crops), 192, dtype=torch.float64)
        features[1, ::2] = broken
        return features

    monkeypatch.setattr("forensics.detectors.code.embed", embed_badly)
    for kind in HeadKind:
        scores = load(store, LoadOptions(head=kind, crops=layout)).score(evidence_of(pictures(3, 300, 500)))
        assert scores.abstained == (None, Abstention.NOT_FINITE, None)


def test_half_precision_scores_nearly_the_same(store: Store) -> None:
    evidence = evidence_of(pictures(2, 224, 224))
    exact, rough = (
        load(store, LoadOptions(precision=precision)).score(evidence).score
        for precision in (Precision.FP32, Precision.BF16)
    )
    assert 0 < np.abs(rough - exact).max() < 0.3


def test_the_report_will_say_what_the_score_is_no_evidence_of(store: Store) -> None:
    published, grid = (load(store, LoadOptions(crops=layout)).notes for layout in CropLayout)
    assert any("no face-swap detector" in note for note in published)
    assert any("224 px are not scored" in note for note in published)
    assert not any("addition of this tool" in note for note in published)
    assert any("addition of this tool" in note for note in grid)


def test_a_vit_of_another_size_is_refused_with_the_file_and_the_remedy(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "cache", offline=True)
    # Not in what an import looks at.
    half = {
        name: tensor[..., :96].contiguous() if "layernorm" in name else tensor
        for name, tensor in transformers_state().items()
    }
    save_file(half, tmp_path / "m.safetensors")
    other.import_file(VIT, tmp_path / "m.safetensors")
    other.import_file(HeadKind.LINEAR.weights, store.fetch(HeadKind.LINEAR.weights).path)
    with pytest.raises(CorruptWeightsError) as refused:
        load(other, LoadOptions())
    for words in (str(other.fetch(VIT).path), "CoDE's ViT-Tiny", "weights import code-vit-tiny"):
        assert words in str(refused.value)


@pytest.mark.parametrize("head", HeadKind)
def test_without_its_weights_an_analysis_ends_with_5_and_the_remedy(head: HeadKind, tmp_path: Path) -> None:
    clip = media.h264(tmp_path / "clip.mp4", count=3)
    cache = tmp_path / "cache"
    arguments = ["analyze", str(clip), "--detector", "code", "--head", head.value, "--offline"]
    result = CliRunner().invoke(main, [*arguments, "--cache-dir", str(cache)])
    assert result.exit_code == ExitCode.WEIGHTS
    (line,) = result.stderr.splitlines()
    assert {"code-vit-tiny", f"code-head-{head.value}"} <= set(line.replace(",", "").split())
    assert "forensics weights import NAME FILE" in line


def test_the_module_is_listed_as_a_whole_frame_detector() -> None:
    module = detector_module("code")
    assert module.SCOPE is Scope.FRAME
    assert "not face swaps" in module.SUMMARY


@pytest.mark.parametrize(("height", "width"), [(224, 224), (225, 226), (301, 227), (1080, 1920), (720, 405)])
def test_the_middle_is_torchvisions(height: int, width: int) -> None:
    ((top, left),) = crop_corners(height, width, side=224, layout=CropLayout.CENTRE)
    places = torch.arange(height * width).reshape(1, height, width)
    assert torch.equal(places[:, top : top + 224, left : left + 224], center_crop(places, [224, 224]))


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"),
    [(224, 224, 1, 1), (225, 448, 2, 2), (1080, 1920, 5, 9), (1920, 1080, 9, 5), (2160, 3840, 10, 18)],
)
def test_a_grid_sees_every_pixel_with_as_few_crops_as_that_takes(
    height: int, width: int, rows: int, columns: int
) -> None:
    found = crop_corners(height, width, side=224, layout=CropLayout.GRID)
    assert len(found) == rows * columns
    seen = np.zeros((height, width), bool)
    for top, left in found:
        part = seen[top : top + 224, left : left + 224]
        assert part.shape == (224, 224)
        part[:] = True
    assert seen.all()
    assert len({top for top, _ in found}) == rows


def test_no_crop_reaches_out_of_a_small_frame() -> None:
    with pytest.raises(ValueError, match="no 224 px crop"):
        crop_corners(223, 500, side=224, layout=CropLayout.GRID)


def test_the_settings_reach_the_detector(store: Store) -> None:
    chosen = AnalysisSettings(device="cpu", head=HeadKind.SVM, crops=CropLayout.GRID)
    detector = load(store, load_options(chosen, "code"))
    assert (detector.options.head, detector.options.crops) == (HeadKind.SVM, CropLayout.GRID)


def test_the_options_it_ran_with_name_the_head_it_chose_and_nothing_it_lacks(store: Store) -> None:
    asked = LoadOptions(prompt=PromptMode.FIXED)
    ran_with = load(store, asked).options
    assert ran_with == LoadOptions(head=HeadKind.LINEAR)
