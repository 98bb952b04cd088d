"""MesoNet: the port against the published arithmetic written plainly, its polarity, its weights, refusals."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import media
import numpy as np
import numpy.typing as npt
import pytest
import torch
from command_line import assert_refused, run
from stubs import OneIdentity
from tiny_towers import evidence_of

from forensics.detector import LoadOptions
from forensics.detectors import mesonet
from forensics.errors import ExitCode, UsageFault
from forensics.evidence import Evidence
from forensics.mesonet import PUBLISHED_SETS
from forensics.models import load_options
from forensics.scores import Abstention, ScoreKind
from forensics.settings import AnalysisSettings
from weights.errors import CorruptWeightsError
from weights.registry import DEFAULT, Registry
from weights.store import Store

Array = npt.NDArray[np.float64]
Layers = dict[str, list[dict[str, Array]]]

# Keras' kernels [height,width,in,out] in the order of the published code.
MESO4 = [(3, 3, 3, 8), (5, 5, 8, 8), (5, 5, 8, 16), (5, 5, 16, 16)]
INCEPTION4 = [
    *[(1, 1, 3, 1), (1, 1, 3, 4), (3, 3, 4, 4), (1, 1, 3, 4), (3, 3, 4, 4), (1, 1, 3, 2), (3, 3, 2, 2)],
    *[(1, 1, 11, 2), (1, 1, 11, 4), (3, 3, 4, 4), (1, 1, 11, 4), (3, 3, 4, 4), (1, 1, 11, 2), (3, 3, 2, 2)],
    (5, 5, 12, 16),
    (5, 5, 16, 16),
]
NETWORKS = {"meso4-df": (MESO4, [8, 8, 16, 16]), "mesoinception-df": (INCEPTION4, [11, 12, 16, 16])}


def seeded(name: str) -> Layers:
    """Random weights of one of the two networks, by kind of layer in order of creation."""
    rng, (kernels, norms) = np.random.default_rng(5), NETWORKS[name]

    def with_kernel(shape: tuple[int, ...], scale: float) -> dict[str, Array]:
        fan_in = np.prod(shape[:-1])
        kernel = rng.normal(0, scale / np.sqrt(fan_in), shape)
        return {"kernel": kernel, "bias": rng.normal(0, 0.05, shape[-1])}

    def norm(width: int) -> dict[str, Array]:
        return {
            "gamma": rng.uniform(0.5, 1.5, width),
            "beta": rng.normal(0, 0.3, width),
            "moving_mean": rng.normal(0.1, 0.1, width),
            # So small that an epsilon of 1e-5 instead of 1e-3 shows.
            "moving_variance": rng.uniform(0.02, 0.2, width),
        }

    layers = {
        "conv2d": [with_kernel(shape, 1.0) for shape in kernels],
        "batch_normalization": [norm(width) for width in norms],
        "dense": [with_kernel((1024, 16), 1.0), with_kernel((16, 1), 2.0)],
    }
    return {
        kind: [
            {key: value.astype(np.float32).astype(np.float64) for key, value in one.items()} for one in all_
        ]
        for kind, all_ in layers.items()
    }


def write_keras(path: Path, layers: Layers) -> Path:
    """The weights in the layout of Keras 2.1.5, with numbers that start anywhere and pass from 9 to 10."""
    with h5py.File(path, "w") as file:
        file.create_group("dropout_3").attrs["weight_names"] = np.array([], np.float64)
        for kind, those in layers.items():
            for number, arrays in enumerate(those, start=7):
                for name, values in arrays.items():
                    where = f"{kind}_{number}/{kind}_{number}/{name}:0"
                    file.create_dataset(where, data=values.astype(np.float32))
    return path


def convolve(x: Array, layer: dict[str, Array], dilation: int = 1) -> Array:
    """[H,W,in] -> [H,W,out]: zeros around, one product per tap of the kernel, then ReLU."""
    kernel = layer["kernel"]
    side = kernel.shape[0]
    edge = dilation * (side // 2)
    around = np.pad(x, ((edge, edge), (edge, edge), (0, 0)))
    height, width = x.shape[:2]
    total = np.zeros((height, width, kernel.shape[3])) + layer["bias"]
    for i in range(side):
        for j in range(side):
            top, left = i * dilation, j * dilation
            total += around[top : top + height, left : left + width] @ kernel[i, j]
    return np.maximum(total, 0)


def inception(x: Array, layers: list[dict[str, Array]]) -> Array:
    branches = [convolve(x, layers[0])]
    for first, dilation in ((1, 1), (3, 2), (5, 3)):
        branches.append(convolve(convolve(x, layers[first]), layers[first + 1], dilation))
    return np.concatenate(branches, axis=2)


def published_logit(picture: npt.NDArray[np.uint8], layers: Layers) -> float:
    """What the published code gives before its sigmoid, for a picture [256,256,3]: written plainly."""
    x, convs = picture / 255.0, layers["conv2d"]
    stages: list[Callable[[Array], Array]]
    if len(convs) == 16:
        stages = [lambda y: inception(y, convs[:7]), lambda y: inception(y, convs[7:14])]
    else:
        stages = [lambda y: convolve(y, convs[0]), lambda y: convolve(y, convs[1])]
    stages += [lambda y: convolve(y, convs[-2]), lambda y: convolve(y, convs[-1])]
    for stage, norm, pool in zip(stages, layers["batch_normalization"], (2, 2, 2, 4), strict=True):
        x = stage(x)
        x = (x - norm["moving_mean"]) / np.sqrt(norm["moving_variance"] + 1e-3) * norm["gamma"] + norm["beta"]
        height, width, channels = x.shape
        x = x.reshape(height // pool, pool, width // pool, pool, channels).max(axis=(1, 3))
    first, last = layers["dense"]
    hidden = x.reshape(-1) @ first["kernel"] + first["bias"]
    assert (hidden < 0).any(), "the leak must matter"
    hidden = np.where(hidden > 0, hidden, 0.1 * hidden)
    return float((hidden @ last["kernel"] + last["bias"])[0])


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that takes any file for the published ones, for the command line too."""
    specs = [DEFAULT.get(name) for name in DEFAULT.names()]
    unpinned = Registry([replace(each, sha256=None) if "meso" in each.name else each for each in specs])
    for place in ("weights.store.Store", "forensics.cli.weights.Store"):
        monkeypatch.setattr(place, functools.partial(Store, registry=unpinned))
    return Store(tmp_path / "cache", offline=True, registry=unpinned)


def loaded(store: Store, folder: Path, name: str, layers: Layers) -> mesonet.MesoNetDetector:
    store.import_file(name, write_keras(folder / f"{name}.h5", layers))
    return mesonet.load(store, LoadOptions(weights=name))


def faces(count: int = 2) -> Evidence:
    """A coarse coloured mosaic in each frame, which no stage averages away."""
    tiles = torch.randint(0, 256, (count, 8, 12, 3), generator=torch.Generator().manual_seed(1))
    frames = tiles.repeat_interleave(12, dim=1).repeat_interleave(12, dim=2)
    return evidence_of(frames.to(torch.uint8), [OneIdentity()])


@pytest.mark.parametrize("name", NETWORKS)
def test_scores_are_the_published_networks_turned_round(name: str, store: Store, tmp_path: Path) -> None:
    layers, evidence = seeded(name), faces()
    scores = loaded(store, tmp_path, name, layers).score(evidence)
    crops = evidence.crops(mesonet.CROP).data.permute(0, 2, 3, 1).numpy()
    assert crops.shape == (2, 256, 256, 3)
    real = np.array([published_logit(crop, layers) for crop in crops])
    assert abs(real[0] - real[1]) > 0.1
    # float32 against float64; the largest difference seen is 3e-6 of the value.
    np.testing.assert_allclose(scores.score, -real, rtol=1e-5)
    assert scores.probability is not None
    np.testing.assert_allclose(scores.probability, 1 - 1 / (1 + np.exp(-real)), atol=1e-5)
    assert (scores.detector, scores.kind, scores.abstained) == ("mesonet", ScoreKind.LOGIT, (None, None))


@pytest.mark.parametrize(("bias", "sign"), [(120.0, -1), (-120.0, 1)])
def test_a_score_stays_a_number_where_the_published_output_is_0_or_1(
    bias: float, sign: int, store: Store, tmp_path: Path
) -> None:
    layers = seeded("meso4-df")
    layers["dense"][1]["bias"] = np.array([bias])
    scores = loaded(store, tmp_path, "meso4-df", layers).score(faces())
    assert (scores.score * sign > 60).all()
    assert np.isfinite(scores.score).all()


def test_a_face_that_gives_no_number_abstains(store: Store, tmp_path: Path) -> None:
    layers = seeded("meso4-df")
    layers["dense"][0]["bias"] = np.full(16, 3e38)
    layers["dense"][1]["kernel"] = np.full((16, 1), 3e38)
    scores = loaded(store, tmp_path, "meso4-df", layers).score(faces())
    assert scores.abstained == (Abstention.NOT_FINITE,) * 2


def test_the_report_is_told_what_was_published_and_what_is_assumed(store: Store, tmp_path: Path) -> None:
    detector = loaded(store, tmp_path, "mesoinception-df", seeded("mesoinception-df"))
    published, assumed = detector.notes
    assert "mesoinception-df" in published
    assert "real face" in published
    assert "1.3 times" in assumed
    assert (detector.thresholds.cue, detector.thresholds.clear) == (0.0, 0.0)
    assert "published 0.5" in detector.thresholds.source
    assert detector.options.weights == "mesoinception-df"
    assert [file.name for file in detector.weights] == ["mesoinception-df"]


def test_one_of_four_published_sets_is_chosen_by_name(tmp_path: Path) -> None:
    assert mesonet.weights_needed(LoadOptions()) == ("meso4-df",)
    for name in PUBLISHED_SETS:
        assert mesonet.weights_needed(LoadOptions(weights=name)) == (name,)
        spec = DEFAULT.get(name)
        assert spec.sha256 is not None
        assert DEFAULT.get(spec.raw_names[0]).sha256 is not None
    with pytest.raises(UsageFault, match="mesoinception-f2f"):
        mesonet.weights_needed(LoadOptions(weights="meso5"))
    clip = media.h264(tmp_path / "clip.mp4", count=3)
    result = run("analyze", clip, "--detector", "mesonet", "--weights", "starter", "--offline")
    assert_refused(result, ExitCode.USAGE, "--weights starter", "meso4-f2f")


def test_beside_other_detectors_only_a_set_s_name_is_for_mesonet(tmp_path: Path) -> None:
    def given(weights: str) -> list[str | None]:
        names = ("repdfd", "mesonet", "code")
        settings = AnalysisSettings(device="cpu", detectors=names, weights=weights)
        return [load_options(settings, name).weights for name in names]

    assert given("meso4-f2f") == [None, "meso4-f2f", None]
    assert given("official") == ["official", None, None]
    assert given("own.safetensors") == ["own.safetensors", None, None]
    assert given(str(tmp_path)) == [None, None, str(tmp_path)]


def test_weights_of_the_other_network_are_refused_where_they_are_loaded(store: Store, tmp_path: Path) -> None:
    store.import_file("mesoinception-df", write_keras(tmp_path / "other.h5", seeded("meso4-df")))
    with pytest.raises(CorruptWeightsError, match="MesoInception4") as refused:
        mesonet.load(store, LoadOptions(weights="mesoinception-df"))
    assert "weights import mesoinception-df FILE" in str(refused.value)
    assert "\n" not in str(refused.value)


def replaced(name: str, **how: object) -> Callable[[Path], None]:
    """Put another array in the place of `name`."""

    def change(path: Path) -> None:
        with h5py.File(path, "a") as file:
            values = file[name][()]
            del file[name]
            file.create_dataset(name, **{"data": values, **how})

    return change


def elsewhere(path: Path) -> None:
    """The array's bytes lie in another file, which reading the array would open."""
    name = "conv2d_7/conv2d_7/kernel:0"
    other = path.with_suffix(".raw")
    other.write_bytes(bytes(864))
    with h5py.File(path, "a") as file:
        del file[name]
        file.create_dataset(name, shape=(3, 3, 3, 8), dtype="<f4", external=[(str(other), 0, 864)])


def removed(name: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with h5py.File(path, "a") as file:
            del file[name]

    return change


KERNEL = "conv2d_8/conv2d_8/kernel:0"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b"no HDF5 at all"), ["not a readable HDF5 file"]),
        (lambda path: path.write_bytes(path.read_bytes()[:4000]), ["not a readable HDF5 file"]),
        (removed("dense_8/dense_8/bias:0"), ["no dense.1.bias"]),
        (removed("conv2d_9"), ["3 convolutions", "has 4"]),
        (replaced(KERNEL, data=np.zeros((3, 3, 8, 8), np.float32)), ["conv.1.weight", "[3, 3, 8, 8]"]),
        (replaced(KERNEL, data=np.full((5, 5, 8, 8), np.nan, np.float32)), ["conv.1.weight", "not finite"]),
        (replaced(KERNEL, data=np.zeros((5, 5, 8, 8))), [KERNEL, "float32"]),
        (replaced(KERNEL, compression="gzip"), [KERNEL, "plainly"]),
        (elsewhere, ["conv2d_7", "plainly"]),
        (
            lambda path: (
                replaced("dense_8/dense_8/bias:0")(path)
                or h5py.File(path, "a").create_dataset("dense_9/dense_9/bias:0", data=np.zeros(1, np.float32))
            ),
            ["dense.2.bias", "too many"],
        ),
        (
            lambda path: h5py.File(path, "a").create_dataset("optimizer/steps", data=np.zeros(1)),
            ["unexpected array 'optimizer/steps'"],
        ),
    ],
)
def test_what_is_not_such_a_file_is_not_imported(
    spoil: Callable[[Path], object], words: list[str], store: Store, tmp_path: Path
) -> None:
    path = write_keras(tmp_path / "given.h5", seeded("meso4-df"))
    spoil(path)
    result = run("weights", "import", "meso4-df", path, "--cache-dir", store.cache_dir)
    assert_refused(result, ExitCode.WEIGHTS, f"{path}: cannot be imported as meso4-df", *words, "Meso4_DF.h5")
    assert not list(store.cache_dir.rglob("*.safetensors"))
    assert not list(store.cache_dir.rglob("*.h5"))


def test_any_other_file_than_the_published_one_is_refused_by_its_digest(tmp_path: Path) -> None:
    path = write_keras(tmp_path / "given.h5", seeded("meso4-df"))
    result = run("weights", "import", "meso4-df", path, "--cache-dir", tmp_path / "cache")
    assert_refused(result, ExitCode.WEIGHTS, str(path), "registered is 036ed30d")
