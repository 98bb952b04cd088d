"""The linear probe: what it learns, what it scores by, and that it runs on its own CLIP and crops or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import media
import numpy as np
import pytest
import torch
from command_line import assert_refused, run
from pydantic import TypeAdapter
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from stubs import OneIdentity
from tiny import tiny_clip
from tiny_towers import NAME, PAIRS, evidence_of, tiny_store, write_cache

from face.types import CropSpec
from forensics.backbones import BACKBONES, STARTER
from forensics.clip_linear import ClipLinearConfig, Probe, read_probe, save_probe
from forensics.data.cache import (
    GENERATED,
    FeatureCache,
    load_cache,
    load_shard,
    read_spec,
    save_shard,
    shard_path,
    write_spec,
)
from forensics.detector import LoadOptions
from forensics.detectors import clip_linear
from forensics.errors import ExitCode, ForensicsError
from forensics.models import load_options
from forensics.repdfd_checkpoint import read_config
from forensics.repdfd_config import OperatingPoint
from forensics.reprogram import CLIP_MEAN, CLIP_STD
from forensics.scores import ScoreKind
from forensics.settings import AnalysisSettings
from forensics.train.clip_linear import PROBE_FILE, fit
from weights.errors import CorruptWeightsError
from weights.registry import DEFAULT
from weights.sources import Starter
from weights.store import Store

CONFIG = ClipLinearConfig(NAME, "0" * 64, CropSpec(22, 1.3), OperatingPoint(1.5, -0.5, "test"), "for a test")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return tiny_store(tmp_path, monkeypatch)


@pytest.fixture
def cache(tmp_path: Path, store: Store) -> Path:
    """Pairs whose fake member is brighter, every pair of a video and a person of its own."""
    folder = tmp_path / "cache"
    write_cache(folder, store)
    shard = load_shard(shard_path(folder, 0))
    numbers = shard.pair * 16_000_000
    identity = np.array([f"person{number}" for number in shard.pair])
    save_shard(replace(shard, pair=numbers, identity=identity), shard_path(folder, 0))
    return folder


def digest(store: Store) -> str:
    return store.fetch(BACKBONES[NAME].weights).sha256


def written(path: Path, store: Store, **changes: object) -> Path:
    """A probe on the tiny tower with random weights; `changes` are to its configuration."""
    weight = np.random.default_rng(2).normal(0, 9, 32)
    save_probe(Probe(weight, 0.25, replace(CONFIG, tower_sha256=digest(store), **changes)), path)
    return path


def faces(count: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (count, 96, 128, 3), generator=torch.Generator().manual_seed(1)).byte()


def with_generated(cache: FeatureCache) -> FeatureCache:
    """The faces and, in each split, some generated ones of another kind, in one video."""
    extra = cache.where(cache.label == 0)
    rng = np.random.default_rng(4)
    alone = replace(
        extra,
        label=np.full(len(extra), GENERATED, np.int8),
        pair=np.where(extra.split == "val", 10**9, 2 * 10**9) + np.arange(len(extra)),
        features=rng.normal(size=extra.features.shape).astype(np.float32) + 3,
        identity=np.full(len(extra), "nobody"),
    )
    return FeatureCache.join([cache, alone])


def test_the_probe_is_the_logistic_regression_of_unit_features(cache: Path, tmp_path: Path) -> None:
    found = fit(load_cache(cache, expected={}), read_spec(cache), tmp_path / "out")
    shard = load_shard(shard_path(cache, 0))
    learnt = shard.split == "train"
    unit = shard.features.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    expected = LogisticRegression(C=found.strength, max_iter=10_000).fit(unit[learnt], shard.label[learnt])
    kept = read_probe(tmp_path / "out" / PROBE_FILE)
    # Rows in another order: the optimiser stops elsewhere within its tolerance.
    np.testing.assert_allclose(kept.logits(unit), expected.decision_function(unit), rtol=2e-3, atol=2e-3)
    logits = kept.logits(unit)
    assert logits[shard.label == 1].mean() > logits[shard.label == 0].mean()


def test_the_strength_of_the_best_validation_auc_is_kept(cache: Path, tmp_path: Path) -> None:
    found = fit(load_cache(cache, expected={}), read_spec(cache), tmp_path)
    best = max(found.validation_auc.values())
    assert found.validation_auc[found.strength] == best
    assert found.strength == min(each for each, auc in found.validation_auc.items() if auc == best)
    assert f"C = {found.strength:g}" in found.probe.config.training


def test_what_the_probe_was_fitted_on_goes_with_it(cache: Path, tmp_path: Path) -> None:
    config = fit(load_cache(cache, expected={}), read_spec(cache), tmp_path).probe.config
    spec = read_spec(cache)
    assert (config.backbone, config.tower_sha256, config.crop) == (NAME, spec.tower_sha256, spec.crop)
    point = config.operating_point
    assert point.clear_logit <= point.cue_logit
    assert f"of {PAIRS // 3} real ones" in point.source
    assert read_probe(tmp_path / PROBE_FILE).config == config


def test_faces_without_a_counterpart_are_learnt_from_unless_left_out(cache: Path, tmp_path: Path) -> None:
    spec, plain = read_spec(cache), load_cache(cache, expected={})
    more = with_generated(plain)
    generated = more.features[more.label == GENERATED].astype(np.float64)
    generated /= np.linalg.norm(generated, axis=1, keepdims=True)
    alone = fit(plain, spec, tmp_path / "plain").probe
    left_out = fit(more, spec, tmp_path / "pairs", pairs_only=True).probe
    np.testing.assert_array_equal(left_out.weight, alone.weight)
    learnt = fit(more, spec, tmp_path / "all").probe
    assert learnt.logits(generated).min() > 0
    assert "pairs" in left_out.config.training
    assert "pairs" not in learnt.config.training


def test_a_long_video_counts_as_much_as_a_short_one(cache: Path, tmp_path: Path) -> None:
    spec, plain = read_spec(cache), load_cache(cache, expected={})
    first = plain.pair == plain.pair[plain.split == "train"][0]
    repeats = [replace(plain.where(first), pair=plain.pair[first] + n) for n in range(1, 60)]
    one = fit(plain, spec, tmp_path / "one").probe
    longer = fit(FeatureCache.join([plain, *repeats]), spec, tmp_path / "longer").probe
    np.testing.assert_allclose(longer.weight, one.weight, atol=2e-3 * np.abs(one.weight).max())


def test_scores_are_the_probe_on_the_towers_unit_features(store: Store, tmp_path: Path) -> None:
    path, evidence = written(tmp_path / "probe.safetensors", store), evidence_of(faces(), [OneIdentity()])
    detector = clip_linear.load(store, LoadOptions(weights=str(path)))
    scores = detector.score(evidence)
    crops = evidence.crops(CropSpec(22, 1.3)).data.float() / 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
    canvas = torch.zeros(len(crops), 3, 32, 32)
    canvas[:, :, 5:27, 5:27] = (crops - mean) / std
    with torch.no_grad():
        features = tiny_clip().visual(canvas).double().numpy()
    probe = read_probe(path)
    logits = features @ probe.weight / np.linalg.norm(features, axis=1) + 0.25
    assert np.ptp(logits) > 0.01
    np.testing.assert_allclose(scores.score, logits, atol=1e-4)
    assert scores.probability is not None
    np.testing.assert_allclose(scores.probability, 1 / (1 + np.exp(-scores.score)))
    assert (scores.detector, scores.kind) == ("clip_linear", ScoreKind.LOGIT)
    assert (detector.thresholds.cue, detector.thresholds.clear) == (1.5, -0.5)
    assert [file.pinned for file in detector.weights] == ["as given", "first use"]
    assert "no publication" in detector.notes[0]
    assert "for a test" in detector.notes[0]


def test_it_runs_at_once_with_what_ships_here_on_the_starters_crops_and_tower() -> None:
    assert clip_linear.weights_needed(LoadOptions()) == ("clip-linear-starter", STARTER.weights)
    (mine,), (repdfd,) = (DEFAULT.get(name).sources for name in ("clip-linear-starter", "repdfd-starter"))
    assert isinstance(mine, Starter)
    assert isinstance(repdfd, Starter)
    config = read_probe(mine.path()).config
    assert config.crop == read_config(repdfd.path()).crop
    assert (config.backbone, config.tower_sha256) == (STARTER.name, DEFAULT.get(STARTER.weights).sha256)


def test_a_training_is_one_command_and_its_file_is_scored_with(
    cache: Path, store: Store, tmp_path: Path
) -> None:
    trained = run("train", "clip_linear", cache, "-o", tmp_path / "out")
    assert trained.exit_code == ExitCode.DONE, trained.output
    *tried, last = trained.stdout.splitlines()
    assert sum(line.endswith("kept") for line in tried) == 1
    probe = tmp_path / "out" / PROBE_FILE
    assert last == f"written: {probe}"
    options = LoadOptions(weights=str(probe))
    assert clip_linear.weights_needed(options) == (BACKBONES[NAME].weights,)
    dark, bright = torch.full((1, 96, 128, 3), 70).byte(), torch.full((1, 96, 128, 3), 170).byte()
    evidence = evidence_of(torch.cat([dark, bright]), [OneIdentity()])
    scores = clip_linear.load(store, options).score(evidence).score
    assert scores[1] > scores[0]


def test_caches_of_different_towers_are_not_mixed(cache: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_spec(other, replace(read_spec(cache), tower_sha256="f" * 64))
    save_shard(load_shard(shard_path(cache, 0)), shard_path(other, 0))
    result = run("train", "clip_linear", cache, other, "-o", tmp_path / "out")
    assert_refused(result, ExitCode.INPUT, str(other), "tower_sha256")
    assert not (tmp_path / "out").exists()


def test_a_cache_without_features_is_refused(cache: Path, tmp_path: Path) -> None:
    bare = load_cache(cache, expected={})
    bare = replace(bare, features=np.zeros((len(bare), 0), np.float32))
    with pytest.raises(ForensicsError, match="no features"):
        fit(bare, read_spec(cache), tmp_path)


def test_another_tower_than_the_one_it_was_fitted_on_is_refused(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "probe.safetensors"
    save_probe(Probe(np.ones(32), 0.0, CONFIG), path)
    with pytest.raises(CorruptWeightsError, match="fitted on") as refused:
        clip_linear.load(store, LoadOptions(weights=str(path)))
    assert all(
        word in str(refused.value) for word in (str(path), "0" * 64, digest(store), "train clip_linear")
    )
    save_probe(Probe(np.ones(31), 0.0, replace(CONFIG, tower_sha256=digest(store))), path)
    with pytest.raises(CorruptWeightsError, match="31 values for features of 32"):
        clip_linear.load(store, LoadOptions(weights=str(path)))


def rewrite(text: str | None = None, **arrays: object) -> Callable[[Path], None]:
    """Put other content in the place of a probe's."""

    def change(path: Path) -> None:
        good = read_probe(path)
        content = {"weight": good.weight, "bias": np.array([good.bias])} | arrays
        own = TypeAdapter(ClipLinearConfig).dump_json(good.config).decode()
        save_file(content, path, metadata={"clip_linear": own if text is None else text})

    return change


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b"none"), ["not a safetensors file"]),
        (lambda path: path.write_bytes(path.read_bytes()[:200]), ["not a safetensors file"]),
        (lambda path: save_file({"weight": np.ones(3)}, path), ["not a linear probe"]),
        (rewrite(text="{}"), ["configuration", "backbone"]),
        (rewrite(text='{"backbone": "vit-z"}'), ["configuration"]),
        (rewrite(weight=np.full(32, np.nan)), ["not finite"]),
        (rewrite(weight=np.ones((2, 32))), ["[D] float64"]),
        (rewrite(bias=np.ones(2)), ["one bias"]),
    ],
)
def test_what_is_no_probe_ends_with_5_and_one_line(
    spoil: Callable[[Path], object], words: list[str], store: Store, tmp_path: Path
) -> None:
    path = written(tmp_path / "probe.safetensors", store)
    spoil(path)
    clip = media.h264(tmp_path / "clip.mp4", count=3)
    result = run("analyze", clip, "--detector", "clip_linear", "--weights", path, "--offline")
    assert_refused(result, ExitCode.WEIGHTS, str(path), *words, "forensics train clip_linear")


def test_a_file_that_is_not_there_is_a_matter_of_usage(tmp_path: Path) -> None:
    clip = media.h264(tmp_path / "clip.mp4", count=3)
    result = run("analyze", clip, "--detector", "clip_linear", "--weights", "official", "--offline")
    assert_refused(result, ExitCode.USAGE, "--weights official", "train clip_linear")


def test_beside_repdfd_only_a_probes_file_is_for_it(store: Store, tmp_path: Path) -> None:
    def given(weights: str) -> list[str | None]:
        names = ("repdfd", "clip_linear")
        settings = AnalysisSettings(device="cpu", detectors=names, weights=weights)
        return [load_options(settings, name).weights for name in names]

    path = str(written(tmp_path / "probe.safetensors", store))
    assert given(path) == [None, path]
    assert given("official") == ["official", None]
    assert given("nowhere.safetensors") == ["nowhere.safetensors", None]
