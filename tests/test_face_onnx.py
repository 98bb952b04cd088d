"""ArcFace and SCRFD in onnx files built here, and YuNet's reading of what OpenCV gives."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from face.detect import DetectSettings, detector_names, detector_weights, load_detector
from face.embed import load_embedder
from face.errors import FaceError
from face.scrfd import decode
from face.session import open_session
from face.types import Alignment, CropSpec, FaceCrops
from face.yunet import Yunet
from weights import registry

CPU = torch.device("cpu")
WEIGHT = "arcface-buffalo-l"
ALIGNED = CropSpec(112, alignment=Alignment.ARCFACE)


def save(path: Path, nodes: list[Any], given: dict[str, list[Any]], **constants: npt.NDArray[Any]) -> Path:
    """An onnx file that takes `input` and gives the outputs `given`; shapes as named."""
    taken = given.pop("input")
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, taken)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in given.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def pooling_network(path: Path, *, batch: int | str = "N", side: int = 112, dimension: int = 512) -> Path:
    """The mean of each channel times a fixed matrix: an ArcFace network by its shapes alone."""
    matrix = np.random.default_rng(7).normal(size=(3, dimension)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["vectors"]),
    ]
    return save(path, nodes, {"input": [batch, 3, side, side], "vectors": [batch, dimension]}, matrix=matrix)


def crops(count: int) -> FaceCrops:
    generator = torch.Generator().manual_seed(5)
    return FaceCrops(
        torch.randint(0, 256, (count, 3, 112, 112), generator=generator).to(torch.uint8), ALIGNED
    )


@pytest.mark.parametrize("batch", ["N", 1])
def test_arcface_takes_rgb_from_minus_one_to_one(tmp_path: Path, batch: int | str) -> None:
    path = pooling_network(tmp_path / "arcface.onnx", batch=batch)
    embedder = load_embedder("arcface", {WEIGHT: path}, device=CPU)
    faces = crops(35)
    matrix = np.random.default_rng(7).normal(size=(3, 512)).astype(np.float32)
    want = (faces.data.numpy().mean((2, 3)) / 127.5 - 1) @ matrix
    got = embedder.embed(faces)
    np.testing.assert_allclose(got.data.numpy(), want, atol=1e-4)
    assert got.embedder == "arcface"
    assert embedder.embed(crops(0)).data.shape == (0, 512)


@pytest.mark.parametrize("other", [{"side": 160}, {"dimension": 128}, {"batch": 4}])
def test_other_onnx_networks_are_no_arcface(tmp_path: Path, other: dict[str, int]) -> None:
    path = pooling_network(tmp_path / "other.onnx", **other)  # type: ignore[arg-type]
    with pytest.raises(FaceError, match=r"other\.onnx"):
        load_embedder("arcface", {WEIGHT: path}, device=CPU)


def test_an_arcface_that_normalises_itself_is_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Sub", ["input", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["scaled"]),
        helper.make_node("GlobalAveragePool", ["scaled"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["vectors"]),
    ]
    path = save(
        tmp_path / "mxnet.onnx",
        nodes,
        {"input": ["N", 3, 112, 112], "vectors": ["N", 512]},
        mean=np.float32([127.5]),
        scale=np.float32([1 / 127.5]),
        matrix=np.ones((3, 512), np.float32),
    )
    with pytest.raises(FaceError, match="normalises its input itself"):
        load_embedder("arcface", {WEIGHT: path}, device=CPU)


def test_a_file_that_is_no_onnx_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(FaceError, match=r"broken\.onnx: onnxruntime cannot load it as ArcFace"):
        load_embedder("arcface", {WEIGHT: path}, device=CPU)
    with pytest.raises(FaceError, match=r"broken\.onnx: onnxruntime cannot load it as SCRFD"):
        load_detector("scrfd", device=CPU, model_paths={"scrfd-10g": path})
    with pytest.raises(FaceError, match=r"broken\.onnx: OpenCV cannot use it as YuNet"):
        load_detector("yunet", device=CPU, model_paths={"yunet-2026may": path})


def scrfd_outputs(height: int, width: int) -> list[npt.NDArray[np.float32]]:
    """Outputs of an SCRFD that sees nothing."""
    cells = [2 * (height // stride) * (width // stride) for stride in (8, 16, 32)]
    return [np.zeros((count, values), np.float32) for values in (1, 4, 10) for count in cells]


def test_scrfd_outputs_mean_distances_and_offsets_in_strides() -> None:
    outputs = scrfd_outputs(64, 96)
    # Stride 16, row 2, column 3, second anchor: at (48, 32).
    anchor = 2 * (2 * (96 // 16) + 3) + 1
    outputs[1][anchor] = 0.8
    outputs[4][anchor] = [1, 0.5, 2, 1.5]
    outputs[7][anchor] = np.arange(10) / 4
    boxes, landmarks, scores = decode(outputs, height=64, width=96)
    best = int(scores.argmax())
    assert best == 2 * 8 * 12 + anchor
    assert boxes[best].tolist() == [48 - 16, 32 - 8, 48 + 32, 32 + 24]
    want = [[48 + 16 * i / 4, 32 + 16 * (i + 1) / 4] for i in range(0, 10, 2)]
    assert landmarks[best].tolist() == want
    # Of cells that see nothing the box is the anchor itself, row by row from the corner.
    assert boxes[2].tolist() == [8, 0, 8, 0]
    assert boxes[2 * 12].tolist() == [0, 8, 0, 8]
    batched = [output[None] for output in outputs]
    assert np.array_equal(decode(batched, height=64, width=96)[0], boxes)


def brightness_scrfd(path: Path) -> Path:
    """An SCRFD by its shapes: a cell's score is the brightness of its top left pixel, boxes reach two
    strides in every direction, landmarks lie on the anchor."""
    nodes, given = [], {}
    for stride in (8, 16, 32):
        nodes += [
            helper.make_node(
                "Slice", ["input", "starts", "ends", "axes", f"steps{stride}"], [f"cells{stride}"]
            ),
            helper.make_node("Transpose", [f"cells{stride}"], [f"last{stride}"], perm=[0, 2, 3, 1]),
            helper.make_node("Reshape", [f"last{stride}", "rows_of_two"], [f"pairs{stride}"]),
        ]
    for kind, values in (("score", 1), ("box", 4), ("point", 10)):
        for stride in (8, 16, 32):
            name = f"{kind}{stride}"
            nodes += [
                helper.make_node("Mul", [f"pairs{stride}", f"{kind}_gain"], [f"{name}_scaled"]),
                helper.make_node("Add", [f"{name}_scaled", f"{kind}_shift"], [name]),
            ]
            given[name] = ["M", values]
    constants: dict[str, npt.NDArray[Any]] = {
        # Both anchors of a cell have the first two channels' values, which are equal in grey pictures.
        "starts": np.int64([0, 0, 0]),
        "ends": np.int64([2, 10**6, 10**6]),
        "axes": np.int64([1, 2, 3]),
        "rows_of_two": np.int64([-1, 1]),
        **{f"steps{stride}": np.int64([1, stride, stride]) for stride in (8, 16, 32)},
    }
    for kind, values, gain, shift in (("score", 1, 0.5, 0.5), ("box", 4, 0.0, 2.0), ("point", 10, 0.0, 0.0)):
        constants[f"{kind}_gain"] = np.full((1, values), gain, np.float32)
        constants[f"{kind}_shift"] = np.full((1, values), shift, np.float32)
    return save(path, nodes, {"input": [1, 3, "H", "W"], **given}, **constants)


def test_scrfd_finds_in_pixels_of_the_full_frame_and_each_face_once(tmp_path: Path) -> None:
    path = brightness_scrfd(tmp_path / "scrfd.onnx")
    settings = DetectSettings(longest_side_pixels=320, min_face_pixels=150)
    detector = load_detector("scrfd", device=CPU, settings=settings, model_paths={"scrfd-10g": path})
    frames = np.zeros((2, 400, 640, 3), np.uint8)
    # Searched at half size, where this is the pixel (32, 64) and its right neighbours: an anchor of strides
    # 8, 16 and 32, of which only the coarsest gives a box of 150 pixels and more.
    frames[1, 128:132, 64:68] = 255
    found = detector.detect(frames)
    assert found.frame.tolist() == [1]
    np.testing.assert_allclose(found.boxes_xyxy, [[64 - 128, 128 - 128, 64 + 128, 128 + 128]], atol=1e-3)
    np.testing.assert_allclose(found.landmarks, np.tile([64.0, 128.0], (1, 5, 1)), atol=1e-3)
    np.testing.assert_allclose(found.confidence, [0.5 + 0.5 * 127.5 / 128], atol=1e-3)
    assert detector.files()[0][0] == "scrfd.onnx"
    assert len(detector.detect(np.zeros((0, 40, 60, 3), np.uint8))) == 0
    assert len(detector.detect(np.zeros((1, 3, 5, 3), np.uint8))) == 0


def test_other_onnx_networks_are_no_scrfd(tmp_path: Path) -> None:
    path = pooling_network(tmp_path / "other.onnx")
    with pytest.raises(FaceError, match=r"other\.onnx: not an SCRFD network"):
        load_detector("scrfd", device=CPU, model_paths={"scrfd-10g": path})


class _SeesBlue:
    """Stands in for OpenCV's detector: one face around each picture's brightest blue, as OpenCV writes it."""

    def __init__(self) -> None:
        self.size = (0, 0)

    def setInputSize(self, size: tuple[int, int]) -> None:
        self.size = size

    def detect(self, bgr: npt.NDArray[np.uint8]) -> tuple[int, npt.NDArray[np.float32] | None]:
        assert self.size == (bgr.shape[1], bgr.shape[0])
        blue = bgr[:, :, 0]
        if not blue.max():
            return 1, None
        y, x = np.unravel_index(int(blue.argmax()), blue.shape)
        points = [x - 9, y - 9, x + 9, y - 9, x, y, x - 7, y + 9, x + 7, y + 9]
        return 1, np.float32([[x - 20, y - 25, 40, 50, *points, 0.9]])


def test_yunet_is_given_bgr_and_read_in_pixels_of_the_full_frame(tmp_path: Path) -> None:
    settings = DetectSettings(longest_side_pixels=160)
    path = tmp_path / "yunet.onnx"
    path.write_bytes(b"network")
    detector = Yunet(_SeesBlue(), settings, path)
    assert detector.files() == (("yunet.onnx", hashlib.sha256(b"network").hexdigest()),)
    frames = np.zeros((3, 200, 320, 3), np.uint8)
    frames[1, 100:102, 160:162] = (10, 20, 250)
    frames[2, :, :, 0] = 250
    found = detector.detect(frames)
    assert found.frame.tolist() == [1]
    np.testing.assert_allclose(found.boxes_xyxy, [[160 - 40, 100 - 50, 160 + 40, 100 + 50]])
    np.testing.assert_allclose(found.landmarks[0, :3], [[142, 82], [178, 82], [160, 100]])
    np.testing.assert_allclose(found.confidence, [0.9])


def test_yunet_shows_small_pictures_on_black(tmp_path: Path) -> None:
    sizes: list[tuple[int, int]] = []

    class Recorder(_SeesBlue):
        def setInputSize(self, size: tuple[int, int]) -> None:
            super().setInputSize(size)
            sizes.append(size)

    path = tmp_path / "yunet.onnx"
    path.write_bytes(b"network")
    detector = Yunet(Recorder(), DetectSettings(), path)
    assert len(detector.detect(np.zeros((1, 5, 50, 3), np.uint8))) == 0
    assert sizes == [(50, 32)]


def test_every_detector_s_weight_is_in_the_registry() -> None:
    assert detector_names() == ("mtcnn", "scrfd", "yunet")
    for name in detector_names():
        assert set(detector_weights(name)) <= set(registry.names())
    with pytest.raises(FaceError, match="needs the weight scrfd-10g"):
        load_detector("scrfd", device=CPU)


def test_opencv_offers_the_detector_that_yunet_needs() -> None:
    assert hasattr(cv2, "FaceDetectorYN")


def test_running_on_the_cpu_instead_of_the_gpu_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import onnxruntime

    path = pooling_network(tmp_path / "arcface.onnx")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    session = open_session(path, title="ArcFace", device=torch.device("cuda", 0))
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert "ArcFace runs on the CPU" in caplog.text
    caplog.clear()
    open_session(path, title="ArcFace", device=CPU)
    assert not caplog.text
