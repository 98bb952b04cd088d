"""The detector `clip_probe`: the package's own preparation, frame by frame, in saturating int8 arithmetic."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from code_weights import pictures
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from whole_frames import evidence_of

from forensics.detector import LoadOptions, Precision, Scope, detector_module
from forensics.detectors.clip_probe import ClipProbeDetector, ProbeHead, load, prepare, read_head
from forensics.findings import Thresholds
from forensics.saturating_int8 import SaturatingMatrix, open_saturating
from forensics.scores import Abstention, ScoreKind
from weights.errors import CorruptWeightsError, MissingWeightsError
from weights.results import WeightFile
from weights.store import Store

DRAW = np.random.default_rng(3)
COLOUR_MAP = DRAW.normal(size=(3, 512)).astype(np.float32)
HEAD = ProbeHead(DRAW.normal(size=512), 0.2)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def initializer(name: str, array: npt.NDArray[Any]) -> onnx.TensorProto:
    return numpy_helper.from_array(array, name)


def write_model(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: dict[str, npt.NDArray[Any]],
    *,
    input_name: str,
    output: tuple[str, int],
) -> Path:
    name, kind = output
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info(name, kind, None)],
        [initializer(constant, array) for constant, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> ClipProbeDetector:
    """A tower that maps a picture's mean colour to 512 values and takes one picture only."""
    path = write_model(
        tmp_path_factory.mktemp("clip") / "tower.onnx",
        [
            helper.make_node("ReduceMean", ["pixel_values"], ["mean"], axes=[2, 3], keepdims=0),
            helper.make_node("MatMul", ["mean", "map"], ["mapped"]),
            helper.make_node("Reshape", ["mapped", "one"], ["image_embeds"]),
        ],
        {"map": COLOUR_MAP, "one": np.array([1, 512])},
        input_name="pixel_values",
        output=("image_embeds", TensorProto.FLOAT),
    )
    files = (WeightFile("tower", path, "0" * 64, "MIT", True, "sha256", "test"),)
    return ClipProbeDetector(open_saturating(path), HEAD, files, LoadOptions())


def published(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """The package's preparation, written plainly: [3,224,224]."""
    image = Image.fromarray(frame)
    scale = 224 / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float64) / 255
    return ((pixels - CLIP_MEAN) / CLIP_STD).transpose(2, 0, 1)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (301, 227), (128, 300), (720, 405)])
def test_a_frame_is_prepared_as_in_the_package(height: int, width: int) -> None:
    frame = pictures(1, height, width)[0].numpy()
    prepared = prepare(frame)
    assert (prepared.shape, prepared.dtype) == ((1, 3, 224, 224), np.float32)
    np.testing.assert_allclose(prepared[0], published(frame), atol=1e-5)


def test_a_score_is_the_packages_calibrated_logit(detector: ClipProbeDetector) -> None:
    frames = pictures(3, 200, 300)
    scores = detector.score(evidence_of(frames))
    for frame, score in zip(frames.numpy(), scores.score, strict=True):
        embedding = published(frame).mean(axis=(1, 2)) @ COLOUR_MAP
        raw = embedding @ HEAD.weights / np.linalg.norm(embedding) + HEAD.bias
        assert score == pytest.approx(1.641967 * raw + 0.087735, abs=1e-4)
    assert scores.probability is not None
    np.testing.assert_allclose(scores.probability, 1 / (1 + np.exp(-scores.score)))
    assert scores.frame_index.tolist() == [40, 45, 50]
    assert (scores.detector, scores.kind, scores.track) == ("clip_probe", ScoreKind.LOGIT, None)


def test_a_frames_score_does_not_depend_on_the_others(detector: ClipProbeDetector) -> None:
    frames = pictures(3, 224, 224)
    together = detector.score(evidence_of(frames)).score
    alone = [detector.score(evidence_of(frames[[n]])).score[0] for n in range(3)]
    assert together.tolist() == alone


def test_fake_is_up_as_the_package_documents() -> None:
    """Its thresholds lie at P = 0.26 and 0.88, and a larger product with the head is more likely AI-made."""
    assert HEAD.score(HEAD.weights) > HEAD.score(np.roll(HEAD.weights, 1)) > HEAD.score(-HEAD.weights)
    found = ClipProbeDetector.thresholds
    assert 1 / (1 + np.exp([-found.cue, -found.clear])) == pytest.approx([0.8794084, 0.263823])
    assert isinstance(found, Thresholds)


def test_small_frames_are_not_scored(detector: ClipProbeDetector) -> None:
    scores = detector.score(evidence_of(pictures(2, 127, 400)))
    assert scores.abstained == (Abstention.FRAME_TOO_SMALL,) * 2


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_an_embedding_without_a_direction_is_an_abstention(value: float, detector: ClipProbeDetector) -> None:
    class Broken:
        def run(self, outputs: object, inputs: object) -> list[npt.NDArray[np.float32]]:
            return [np.full((1, 512), value, np.float32)]

    broken = ClipProbeDetector(Broken(), HEAD, detector.weights, LoadOptions())
    assert broken.score(evidence_of(pictures(1, 224, 224))).abstained == (Abstention.NOT_FINITE,)


def test_the_report_will_say_what_the_score_is_no_evidence_of() -> None:
    notes = ClipProbeDetector.notes
    assert any("no face-swap detector" in note for note in notes)
    assert any("int8" in note for note in notes)


def clamped(activations: npt.NDArray[np.uint8], weights: npt.NDArray[np.int8], zero: int) -> list[list[int]]:
    """The product as vpmaddubsw makes it, one pair after the other, in Python's own integers."""
    rows = []
    for row in activations.tolist():
        rows.append([])
        for column in weights.T.tolist():
            pairs = (row[k] * column[k] + row[k + 1] * column[k + 1] for k in range(0, len(row), 2))
            total = sum(min(max(pair, -32768), 32767) for pair in pairs)
            rows[-1].append(total - zero * sum(column))
    return rows


@pytest.mark.parametrize("spread", [10, 60, 128])
def test_saturating_products_are_those_of_the_instruction(spread: int) -> None:
    draw = np.random.default_rng(spread)
    weights = np.clip(draw.normal(0, spread, (32, 12)), -128, 127).astype(np.int8)
    weights[:2, 0], weights[:2, 1] = 127, -128
    activations = draw.integers(0, 256, (9, 32), dtype=np.uint8)
    activations[0] = 255
    found = SaturatingMatrix(weights).product(activations, 131)
    assert found.dtype == np.int32
    assert found.tolist() == clamped(activations, weights, 131)
    exact = (activations.astype(int) - 131) @ weights.astype(int)
    # 255 * 127 twice is more, and 255 * -128 twice is less, than 16 bits hold.
    assert np.any(found != exact)


def test_nothing_is_taken_from_a_product_that_fits() -> None:
    draw = np.random.default_rng(0)
    weights = draw.integers(-64, 65, (32, 12)).astype(np.int8)
    activations = draw.integers(0, 256, (9, 32), dtype=np.uint8)
    exact = (activations.astype(int) - 7) @ weights.astype(int)
    assert SaturatingMatrix(weights).product(activations, 7).tolist() == exact.tolist()


def integer_network(path: Path, weights: npt.NDArray[Any], zero_points: npt.NDArray[Any]) -> Path:
    quantised = ["values", "scale", "zero"]
    return write_model(
        path,
        [
            helper.make_node("DynamicQuantizeLinear", ["x"], quantised),
            helper.make_node("MatMulInteger", ["values", "weights", "zero", "zeros"], ["y"]),
        ],
        {"weights": weights, "zeros": zero_points},
        input_name="x",
        output=("y", TensorProto.INT32),
    )


def test_a_network_is_run_with_saturating_products(tmp_path: Path) -> None:
    weights = np.full((4, 2), 127, np.int8)
    path = integer_network(tmp_path / "int8.onnx", weights, np.zeros(2, np.int8))
    # Quantised: 255 everywhere, zero point 0, in a shape with two leading dimensions.
    (found,) = open_saturating(path).run(["y"], {"x": np.ones((1, 3, 4), np.float32)})
    assert found.tolist() == [[[2 * 32767] * 2] * 3]


@pytest.mark.parametrize(("dtype", "zero"), [(np.uint8, 0), (np.int8, 1)])
def test_weights_that_saturate_otherwise_are_refused(dtype: Any, zero: int, tmp_path: Path) -> None:
    path = integer_network(tmp_path / "x.onnx", np.ones((4, 2), dtype), np.full(2, zero, dtype))
    with pytest.raises(ValueError, match="only signed int8"):
        open_saturating(path).run(["y"], {"x": np.ones((1, 4), np.float32)})


def write_head(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps({"weights": [0.5] * 512, "bias": -1.0, **changes}))
    return path


def write_text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_head_is_read_from_the_packages_file(tmp_path: Path) -> None:
    head = read_head(write_head(tmp_path / "head.json"))
    assert (head.weights.tolist(), head.bias) == ([0.5] * 512, -1.0)


HEADS: dict[str, Callable[[Path], Path]] = {
    "another width": lambda path: write_head(path, weights=[0.5] * 768),
    "no bias": lambda path: write_head(path, bias=None),
    "a NaN": lambda path: write_head(path, bias=float("nan")),
    "text": lambda path: write_head(path, weights="many"),
    "a list": lambda path: write_text(path, "[]"),
    "no JSON": lambda path: write_text(path, "{"),
    "nothing": lambda path: path,
}


@pytest.mark.parametrize("kind", HEADS)
def test_another_file_is_no_head(kind: str, tmp_path: Path) -> None:
    with pytest.raises(CorruptWeightsError, match="weights fetch clip-probe-head"):
        read_head(HEADS[kind](tmp_path / "head.json"))


def test_missing_weights_are_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError, match="clip-vit-b16-int8-onnx: not here"):
        load(Store(tmp_path, offline=True), LoadOptions(precision=Precision.BF16))


def test_the_module_is_listed_as_a_whole_frame_detector() -> None:
    module = detector_module("clip_probe")
    assert module.SCOPE is Scope.FRAME
    assert module.weights_needed(LoadOptions()) == ("clip-vit-b16-int8-onnx", "clip-probe-head")
