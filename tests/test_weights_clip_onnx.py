"""The converted image tower computes what the onnx export computes, and its bytes never change."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from open_clip.transformer import QuickGELU, VisionTransformer
from safetensors.torch import load_file

from weights import registry
from weights.convert import clip_onnx
from weights.convert.layout import write_safetensors
from weights.convert.run import run_converter
from weights.errors import CorruptWeightsError
from weights.store import Store
from weights.streams import sha256_of

WIDTH, HEADS, LAYERS, IMAGE_PX, PATCH_PX, OUTPUT = 16, 2, 2, 32, 16, 8
TOKENS = (IMAGE_PX // PATCH_PX) ** 2 + 1
HEAD = WIDTH // HEADS
# QuickGELU's factor.
SIGMOID_SCALE = 1.702


class TinyExport:
    """A seeded export with the names of the real one; `quantised` or with the same matrices in fp32."""

    def __init__(self, *, quantised: bool) -> None:
        self._random = np.random.default_rng(7)
        self._quantised = quantised
        self._nodes: list[onnx.NodeProto] = []
        self._tensors: dict[str, NDArray[np.generic]] = {}
        self._count = 0

    def model(self) -> onnx.ModelProto:
        v = "vision_model"
        patches = self._plain(f"{v}.embeddings.patch_embedding.weight", (WIDTH, 3, PATCH_PX, PATCH_PX), 0.05)
        x = self._op("Conv", ["pixel_values", patches], strides=[PATCH_PX, PATCH_PX])
        x = self._op("Reshape", [x, self._shape(0, WIDTH, TOKENS - 1)])
        x = self._op("Transpose", [x], perm=[0, 2, 1])
        token = self._plain(f"{v}.embeddings.class_embedding", (WIDTH,))
        first = self._op("Slice", [x, self._shape(0), self._shape(1), self._shape(1)])
        zero = self._op("Mul", [first, self._constant(np.float32(0))])
        x = self._op("Concat", [self._op("Add", [zero, token]), x], axis=1)
        x = self._op("Add", [x, self._plain(f"{v}.embeddings.position_embedding.weight", (TOKENS, WIDTH))])
        x = self._norm(x, f"{v}.pre_layrnorm")
        for layer in range(LAYERS):
            x = self._layer(x, f"{v}.encoder.layers.{layer}", f"/{v}/encoder/layers.{layer}")
        x = self._op("Gather", [x, self._constant(np.int64(0))], axis=1)
        x = self._norm(x, f"{v}.post_layernorm")
        x = self._product(x, "/visual_projection", (WIDTH, OUTPUT))
        self._nodes.append(helper.make_node("Identity", [x], ["image_embeds"]))
        graph = helper.make_graph(
            self._nodes,
            "tiny",
            [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["b", 3, IMAGE_PX, IMAGE_PX])],
            [helper.make_tensor_value_info("image_embeds", TensorProto.FLOAT, ["b", OUTPUT])],
            [numpy_helper.from_array(array, name) for name, array in self._tensors.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def _layer(self, x: str, names: str, node: str) -> str:
        normed = self._norm(x, f"{names}.layer_norm1")
        q, k, v = (self._heads(self._linear(normed, names, node, f"{p}_proj")) for p in "qkv")
        keys = self._op("Transpose", [k], perm=[0, 1, 3, 2])
        scores = self._op("Mul", [self._op("MatMul", [q, keys]), self._constant(np.float32(HEAD**-0.5))])
        mixed = self._op("MatMul", [self._op("Softmax", [scores], axis=-1), v])
        mixed = self._op("Transpose", [mixed], perm=[0, 2, 1, 3])
        mixed = self._op("Reshape", [mixed, self._shape(0, TOKENS, WIDTH)])
        x = self._op("Add", [x, self._linear(mixed, names, node, "out_proj")])
        hidden = self._product(self._norm(x, f"{names}.layer_norm2"), f"{node}/mlp/fc1", (WIDTH, 4 * WIDTH))
        hidden = self._op("Add", [hidden, self._plain(f"{names}.mlp.fc1.bias", (4 * WIDTH,))])
        gate = self._op("Sigmoid", [self._op("Mul", [hidden, self._constant(np.float32(SIGMOID_SCALE))])])
        hidden = self._product(self._op("Mul", [hidden, gate]), f"{node}/mlp/fc2", (4 * WIDTH, WIDTH))
        hidden = self._op("Add", [hidden, self._plain(f"{names}.mlp.fc2.bias", (WIDTH,))])
        return self._op("Add", [x, hidden])

    def _linear(self, x: str, names: str, node: str, projection: str) -> str:
        product = self._product(x, f"{node}/self_attn/{projection}", (WIDTH, WIDTH))
        return self._op("Add", [product, self._plain(f"{names}.self_attn.{projection}.bias", (WIDTH,))])

    def _heads(self, x: str) -> str:
        return self._op(
            "Transpose", [self._op("Reshape", [x, self._shape(0, TOKENS, HEADS, HEAD)])], perm=[0, 2, 1, 3]
        )

    def _product(self, x: str, node: str, shape: tuple[int, int]) -> str:
        """x @ W, with W quantised per output channel under the names the real export gives it."""
        base = f"onnx::MatMul_{self._count}"
        integers = self._random.integers(-127, 128, shape).astype(np.int8)
        zero = self._random.integers(-3, 4, shape[1]).astype(np.int8)
        scale = self._random.uniform(0.001, 0.004, shape[1]).astype(np.float32)
        if not self._quantised:
            # In float64, independently of the converter's own arithmetic.
            exact = (integers.astype(np.float64) - zero) * scale.astype(np.float64)
            self._tensors[base] = exact.astype(np.float32)
            return self._op("MatMul", [x, base])
        self._tensors |= {f"{base}_quantized": integers, f"{base}_zero_point": zero, f"{base}_scale": scale}
        outputs = [f"{base}_x", f"{base}_x_scale", f"{base}_x_zero"]
        self._nodes.append(helper.make_node("DynamicQuantizeLinear", [x], outputs))
        inputs = [outputs[0], f"{base}_quantized", outputs[2], f"{base}_zero_point"]
        self._nodes.append(
            helper.make_node("MatMulInteger", inputs, [f"{base}_y"], name=f"{node}/MatMul_quant")
        )
        cast = self._op("Cast", [f"{base}_y"], to=TensorProto.FLOAT)
        return self._op("Mul", [cast, self._op("Mul", [outputs[1], f"{base}_scale"])])

    def _norm(self, x: str, name: str) -> str:
        weight, bias = self._plain(f"{name}.weight", (WIDTH,), 1.0), self._plain(f"{name}.bias", (WIDTH,))
        return self._op("LayerNormalization", [x, weight, bias], axis=-1, epsilon=1e-5)

    def _plain(self, name: str, shape: tuple[int, ...], scale: float = 0.3) -> str:
        self._tensors[name] = (self._random.normal(size=shape) * scale).astype(np.float32)
        return name

    def _constant(self, value: np.generic) -> str:
        self._count += 1
        self._tensors[f"constant_{self._count}"] = np.asarray(value)
        return f"constant_{self._count}"

    def _shape(self, *sizes: int) -> str:
        return self._constant(np.array(sizes, np.int64))  # type: ignore[arg-type]

    def _op(self, kind: str, inputs: list[str], **attributes: object) -> str:
        self._count += 1
        output = f"value_{self._count}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output


def run_onnx(model: bytes, images: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["image_embeds"], {"pixel_values": images.numpy()})[0])


def mean_cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(a, b).mean())


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    onnx.save(TinyExport(quantised=True).model(), str(path))
    return path


def test_a_tiny_tower_loads_strictly_and_agrees_with_the_fp32_graph(tiny: Path, tmp_path: Path) -> None:
    converted = tmp_path / "tower.safetensors"
    run_converter("clip_onnx", tiny, converted, source_sha256=sha256_of(tiny))
    tower = VisionTransformer(
        IMAGE_PX, PATCH_PX, WIDTH, LAYERS, HEADS, mlp_ratio=4, output_dim=OUTPUT, act_layer=QuickGELU
    ).eval()
    tower.load_state_dict(load_file(converted), strict=True)
    images = torch.randn(4, 3, IMAGE_PX, IMAGE_PX, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = tower(images)
    exact = run_onnx(TinyExport(quantised=False).model().SerializeToString(), images)
    torch.testing.assert_close(ours, exact, atol=1e-5, rtol=1e-5)
    # The int8 run also rounds its activations, so it is near, not equal.
    assert mean_cosine(ours, run_onnx(tiny.read_bytes(), images)) > 0.98


def test_converting_twice_gives_the_same_bytes(tiny: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run_converter("clip_onnx", tiny, tmp_path / name, source_sha256=sha256_of(tiny))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_layout_does_not_depend_on_the_order_of_tensors(tmp_path: Path) -> None:
    tensors = {"b": np.arange(3, dtype=np.float32), "a": np.ones((2, 2)), "c": np.array([True])}
    with pytest.raises(ValueError, match="bool"):
        write_safetensors(tensors, tmp_path / "x", metadata={})
    del tensors["c"]
    write_safetensors(tensors, tmp_path / "x", metadata={"z": "1", "format": "pt"})
    write_safetensors(dict(reversed(tensors.items())), tmp_path / "y", metadata={"format": "pt", "z": "1"})
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()
    assert load_file(tmp_path / "x")["b"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [b"\x08\xff\xff", b"", b"not an onnx file at all"])
def test_something_else_than_an_onnx_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(CorruptWeightsError, match=r"other\.onnx"):
        clip_onnx.convert(path)


@pytest.mark.parametrize(
    "lost",
    ["vision_model.pre_layrnorm.bias", "vision_model.encoder.layers.0.layer_norm1.weight", "onnx::MatMul_"],
)
def test_an_export_of_another_form_is_refused(lost: str, tmp_path: Path) -> None:
    model = TinyExport(quantised=True).model()
    kept = [tensor for tensor in model.graph.initializer if not tensor.name.startswith(lost)]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    onnx.save(model, str(tmp_path / "changed.onnx"))
    with pytest.raises(CorruptWeightsError, match="not the int8 export"):
        clip_onnx.convert(tmp_path / "changed.onnx")


def test_the_real_export_converts_to_the_registered_bytes_and_agrees(tmp_path: Path) -> None:
    source = Store(offline=True).present("clip-vit-b16-int8-onnx")
    if source is None:
        pytest.skip("the weight is not in the cache; `forensics weights fetch clip-vit-b16-int8-onnx`")
    converted = tmp_path / "tower.safetensors"
    run_converter("clip_onnx", source.path, converted, source_sha256=source.sha256)
    assert sha256_of(converted) == registry.get("clip-vit-b16-image").sha256
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import open_clip

        tower = open_clip.create_model("ViT-B-16-quickgelu", pretrained=None).visual.eval()
    tower.load_state_dict(load_file(converted), strict=True)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = tower(images)
    # Measured on faces: 0.977 to 0.984; noise images lie in the same range.
    assert mean_cosine(ours, run_onnx(source.path.read_bytes(), images)) > 0.95
