"""The converters recover what the published files hold: heads, checkpoints, state dicts."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import OneClassSVM
from weights_local import digest, registry, spec

from weights import registry as registered
from weights.convert.pickles import RefusedPickleError
from weights.convert.repdfd import convert as convert_repdfd
from weights.convert.run import run_converter
from weights.convert.sklearn_heads import convert as convert_head
from weights.errors import CorruptWeightsError
from weights.sources import Converted, Imported
from weights.store import Store
from weights.streams import sha256_of

# The acceptance of the issue; what is measured is exact or at 1e-13.
TOLERANCE = 1e-6
FEATURES = 192
LIVE_BORDER_VALUES = 77_520

Array = NDArray[Any]
Dump = Callable[[Any, Path], None]


def faces(rows: int, *, seed: int) -> Array:
    return np.random.default_rng(seed).normal(size=(rows, FEATURES))


def _pickle(protocol: int) -> Dump:
    return lambda head, path: path.write_bytes(pickle.dumps(head, protocol)) and None


DUMPS: dict[str, Dump] = {
    "joblib": lambda head, path: joblib.dump(head, path) and None,
    **{f"pickle {protocol}": _pickle(protocol) for protocol in (2, 3, 4, 5)},
}


@pytest.fixture(params=DUMPS)
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Any], dict[str, Array]]:
    """Save a fitted head as the parameter says and convert it."""

    def save_and_convert(head: Any) -> dict[str, Array]:
        path = tmp_path / "head.sav"
        DUMPS[request.param](head, path)
        return convert_head(path)

    return save_and_convert


def test_the_logistic_head_is_recovered(saved: Callable[[Any], dict[str, Array]]) -> None:
    x = faces(300, seed=1)
    labels = (x[:, 0] + x[:, 1] > 0.5).astype(int)
    head = LogisticRegression(C=0.316, class_weight="balanced").fit(x, labels)
    found = saved(head)
    new = faces(50, seed=2)
    np.testing.assert_allclose(
        new @ found["coef"] + found["intercept"], head.decision_function(new), atol=TOLERANCE
    )
    assert sorted(found) == ["classes", "coef", "intercept"]
    assert found["classes"].tolist() == [0, 1]


def test_the_nearest_neighbour_head_is_recovered(saved: Callable[[Any], dict[str, Array]]) -> None:
    x, new = faces(300, seed=3).astype(np.float32), faces(50, seed=4).astype(np.float32)
    # Labels that are not their own indices show that the classes were applied.
    labels = np.where(x[:, 0] > 0, 7, 3)
    head = KNeighborsClassifier(n_neighbors=1, metric="cosine").fit(x, labels)
    found = saved(head)
    unit = [points / np.linalg.norm(points, axis=1, keepdims=True) for points in (new, found["points"])]
    nearest = (unit[0] @ unit[1].T).argmax(axis=1)
    assert found["labels"][nearest].tolist() == head.predict(new).tolist()
    np.testing.assert_array_equal(found["points"], x)


def test_the_one_class_head_is_recovered_with_its_polarity(saved: Callable[[Any], dict[str, Array]]) -> None:
    x = faces(200, seed=5) + 1
    head = OneClassSVM(kernel="poly", gamma="auto", nu=0.1).fit(x)
    found = saved(head)
    new = np.concatenate([faces(40, seed=6) + 1, faces(40, seed=7) * 5])
    kernel = (found["gamma"] * new @ found["support_vectors"].T + found["coef0"]) ** found["degree"]
    decision = kernel @ found["dual_coef"] + found["intercept"]
    np.testing.assert_allclose(decision, head.decision_function(new), atol=TOLERANCE, rtol=TOLERANCE)
    # scikit-learn's inlier is +1: the decision is positive for what the head was fitted on.
    assert np.array_equal(np.where(decision > 0, 1, -1), head.predict(new))


def _fitted(head: Any) -> Any:
    x = faces(30, seed=8)
    return head.fit(x, np.arange(30) % 3)


OTHER_HEADS = {
    "three classes": LogisticRegression(),
    "three neighbours": KNeighborsClassifier(n_neighbors=3, metric="cosine"),
    "another metric": KNeighborsClassifier(n_neighbors=1, metric="manhattan", algorithm="brute"),
    "another kernel": OneClassSVM(kernel="rbf"),
}


@pytest.mark.parametrize("kind", OTHER_HEADS)
def test_a_head_with_other_settings_is_refused(kind: str, tmp_path: Path) -> None:
    joblib.dump(_fitted(OTHER_HEADS[kind]), tmp_path / "head.sav")
    with pytest.raises(RefusedPickleError):
        convert_head(tmp_path / "head.sav")


def test_an_unfitted_head_is_refused(tmp_path: Path) -> None:
    joblib.dump(LogisticRegression(), tmp_path / "head.sav")
    with pytest.raises(RefusedPickleError, match="where an array must be"):
        convert_head(tmp_path / "head.sav")


def save_checkpoint(path: Path, *, delta: torch.Tensor, word_map: torch.Tensor) -> None:
    """A file of the form of the official RepDFD release."""
    moments = {"step": torch.tensor(1.0), "exp_avg": delta.clone(), "exp_avg_sq": delta**2}
    group = {"lr": 1.0, "betas": (0.9, 0.999), "weight_decay": 0.0, "amsgrad": False, "params": [0]}
    content = {
        "pretrained_model": "clip_large_openclip",
        "resize_dict": {},
        "perturb_dict": {"delta": delta},
        "face_random_proj_dict": {"weight": word_map},
        "outmap_dict": {},
        "optimizer_dict": {"state": {0: moments}, "param_groups": [group]},
        "face_emb_dict": {},
    }
    torch.save(content, path)


def test_a_repdfd_checkpoint_gives_border_and_map_and_drops_the_optimiser(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(3)
    delta, word_map = (
        torch.randn(3, 224, 224, generator=generator),
        torch.randn(768, 512, generator=generator),
    )
    save_checkpoint(tmp_path / "c.pth", delta=delta.clone(), word_map=word_map)
    found = convert_repdfd(tmp_path / "c.pth")
    assert sorted(found) == ["delta", "map"]
    assert found["delta"].shape == (3, 224, 224)
    np.testing.assert_array_equal(found["map"], word_map.numpy())


@pytest.mark.parametrize(("delta_shape", "map_shape"), [((3, 336, 336), (768, 512)), ((3, 224, 224), (768,))])
def test_a_checkpoint_of_another_shape_is_refused(
    delta_shape: tuple[int, ...], map_shape: tuple[int, ...], tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "c.pth", delta=torch.zeros(delta_shape), word_map=torch.zeros(map_shape))
    with pytest.raises(RefusedPickleError, match="expected float32"):
        convert_repdfd(tmp_path / "c.pth")


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"w": torch.zeros(2)}}, tmp_path / "c.pth")
    with pytest.raises(RefusedPickleError, match="not a RepDFD checkpoint"):
        convert_repdfd(tmp_path / "c.pth")


def test_the_official_checkpoint_converts_to_the_registered_bytes(tmp_path: Path) -> None:
    source = Store(offline=True).present("repdfd-official-checkpoint")
    if source is None:
        pytest.skip("the checkpoint is not in the cache; `forensics weights fetch repdfd-official`")
    converted = tmp_path / "repdfd.safetensors"
    run_converter("repdfd", source.path, converted, source_sha256=source.sha256)
    assert sha256_of(converted) == registered.get("repdfd-official").sha256
    found = convert_repdfd(source.path)
    assert np.count_nonzero(found["delta"]) == LIVE_BORDER_VALUES
    assert not found["delta"][:, 34:190, 34:190].any()
    assert found["map"].shape == (768, 512)
    assert found["map"].std() == pytest.approx(1 / 768, rel=0.01)


def tiny_registry(raw_sha256: str | None) -> Any:
    raw = spec("raw", Imported("its authors"), file="raw.pt", sha256=raw_sha256)
    return registry(raw, spec("tensors", Converted("raw"), sha256=None))


def test_importing_a_raw_file_converts_it(tmp_path: Path) -> None:
    torch.save({"w": torch.arange(3.0)}, tmp_path / "mine.pt")
    raw_sha256 = sha256_of(tmp_path / "mine.pt")
    store = Store(tmp_path / "cache", offline=True, registry=tiny_registry(raw_sha256))
    weight = store.import_file("tensors", tmp_path / "mine.pt")
    assert weight.source == "converted from raw, imported by the user (mine.pt)"
    assert store.tensors("tensors")["w"].tolist() == [0, 1, 2]
    assert store.present("raw") is not None
    weight.path.unlink()
    assert store.fetch("tensors").sha256 == weight.sha256, "converted again from the raw file in the cache"


def test_importing_a_converted_file_takes_it_as_it_is(tmp_path: Path) -> None:
    torch.save({"w": torch.arange(3.0)}, tmp_path / "mine.pt")
    first = Store(tmp_path / "first", registry=tiny_registry(None)).import_file(
        "tensors", tmp_path / "mine.pt"
    )
    second = Store(tmp_path / "second", registry=tiny_registry(None))
    assert second.import_file("tensors", first.path).sha256 == first.sha256
    assert second.present("raw") is None


def test_a_raw_file_that_does_not_convert_is_neither_kept_nor_pinned(tmp_path: Path) -> None:
    (tmp_path / "wrong.pt").write_bytes(b"another file")
    torch.save({"w": torch.arange(3.0)}, tmp_path / "right.pt")
    store = Store(tmp_path / "cache", registry=tiny_registry(None))
    with pytest.raises(CorruptWeightsError, match=r"wrong\.pt: cannot be imported as tensors"):
        store.import_file("tensors", tmp_path / "wrong.pt")
    assert store.import_file("tensors", tmp_path / "right.pt").pinned == "first use"


def test_a_pinned_raw_file_is_hashed_before_anything_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("read before it was checked")

    monkeypatch.setattr("weights.intake.run_converter", fail)
    (tmp_path / "mine.pt").write_bytes(b"other bytes")
    store = Store(tmp_path / "cache", registry=tiny_registry(digest(b"the right bytes")))
    with pytest.raises(CorruptWeightsError, match="registered is"):
        store.import_file("tensors", tmp_path / "mine.pt")


def test_an_unknown_converter_is_a_fault_of_the_registry(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no converter is named"):
        run_converter("os", tmp_path / "a", tmp_path / "b", source_sha256="")
