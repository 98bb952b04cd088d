"""CLIP ViT-B/16's image tower: from the dynamic-int8 onnx file to the fp32 state dict of open_clip.

The onnx file is an export of the Hugging Face model (`vision_model.*`, `visual_projection`) whose matrix
products were quantised per output channel. Every matrix W is recovered as (q - zero_point) * scale in
float32: exact arithmetic on integers followed by one rounding, so the result is the same on every machine.
What the activations lose to dynamic quantisation is not part of the weights: the fp32 tower agrees with the
dequantised graph (9e-6 on faces, values up to 7), with the int8 run only at a mean cosine of 0.97 to 0.99.
That run also depends on the batch, because its activations share one scale: give it one image at a time.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray

from weights.errors import CorruptWeightsError

Float32 = NDArray[np.float32]

LAYER_PATTERN = re.compile(r"vision_model\.encoder\.layers\.(\d+)\.layer_norm1\.weight")

# open_clip name -> name in the export. `pre_layrnorm` is the export's own spelling.
PLAIN_NAMES = {
    "class_embedding": "vision_model.embeddings.class_embedding",
    "positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "ln_post.weight": "vision_model.post_layernorm.weight",
    "ln_post.bias": "vision_model.post_layernorm.bias",
}
LAYER_NAMES = {
    "ln_1.weight": "layer_norm1.weight",
    "ln_1.bias": "layer_norm1.bias",
    "ln_2.weight": "layer_norm2.weight",
    "ln_2.bias": "layer_norm2.bias",
    "attn.out_proj.bias": "self_attn.out_proj.bias",
    "mlp.c_fc.bias": "mlp.fc1.bias",
    "mlp.c_proj.bias": "mlp.fc2.bias",
}
LAYER_MATRICES = {
    "attn.out_proj.weight": "self_attn/out_proj",
    "mlp.c_fc.weight": "mlp/fc1",
    "mlp.c_proj.weight": "mlp/fc2",
}
# The order in which torch's MultiheadAttention stacks its input projections.
STACKED_PROJECTIONS = ("q_proj", "k_proj", "v_proj")


def convert(source: Path) -> dict[str, Float32]:
    """The state dict of open_clip's visual tower (`ViT-B-16-quickgelu`), float32, from the int8 onnx file.

    Raises CorruptWeightsError when `source` is no onnx file of this form.
    """
    export = _Export(source)
    layers = export.layer_count()
    state = {ours: export.plain(theirs) for ours, theirs in PLAIN_NAMES.items()}
    # open_clip multiplies by `proj` from the right as the graph does, so this one is not transposed.
    state["proj"] = export.matrix("/visual_projection")
    for layer in range(layers):
        ours, theirs = f"transformer.resblocks.{layer}", f"vision_model.encoder.layers.{layer}"
        node = f"/vision_model/encoder/layers.{layer}"
        for name, exported in LAYER_NAMES.items():
            state[f"{ours}.{name}"] = export.plain(f"{theirs}.{exported}")
        for name, exported in LAYER_MATRICES.items():
            state[f"{ours}.{name}"] = export.matrix(f"{node}/{exported}").T
        stacked = [export.matrix(f"{node}/self_attn/{name}").T for name in STACKED_PROJECTIONS]
        biases = [export.plain(f"{theirs}.self_attn.{name}.bias") for name in STACKED_PROJECTIONS]
        state[f"{ours}.attn.in_proj_weight"] = np.concatenate(stacked)
        state[f"{ours}.attn.in_proj_bias"] = np.concatenate(biases)
    return state


class _Export:
    """The initialisers of the onnx file, found by name, and its quantised matrices, found by their node."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # External data would make the model read files it names itself; this export has none.
            graph = onnx.load(str(path), load_external_data=False).graph
        except DecodeError as error:
            raise CorruptWeightsError(f"{path}: not an onnx file ({error}); fetch it again") from error
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._matrix_of = {node.name: node.input[1] for node in graph.node if node.op_type == "MatMulInteger"}

    def layer_count(self) -> int:
        layers = {int(found[1]) for name in self._tensors if (found := LAYER_PATTERN.fullmatch(name))}
        if not layers or layers != set(range(len(layers))):
            raise self._refused("no consecutive vision_model.encoder.layers")
        return len(layers)

    def plain(self, name: str) -> Float32:
        array = self._array(name)
        if array.dtype != np.float32:
            raise self._refused(f"{name} is {array.dtype}, expected float32")
        return array.astype(np.float32, copy=False)

    def matrix(self, node: str) -> Float32:
        """The fp32 matrix [in, out] of the product at `node`, dequantised per output channel."""
        quantised = self._matrix_of.get(f"{node}/MatMul_quant")
        if quantised is None:
            raise self._refused(f"no quantised product at {node}")
        base = quantised.removesuffix("_quantized")
        integers, zero, scale = (self._array(base + part) for part in ("_quantized", "_zero_point", "_scale"))
        if integers.dtype != np.int8 or zero.dtype != np.int8 or scale.dtype != np.float32:
            raise self._refused(f"{quantised} is not int8 with an int8 zero point and a float32 scale")
        if scale.shape != (integers.shape[-1],) or zero.shape != scale.shape:
            raise self._refused(f"{quantised} is not quantised per output channel")
        whole = integers.astype(np.int32) - zero.astype(np.int32)
        return whole.astype(np.float32) * scale.astype(np.float32, copy=False)

    def _array(self, name: str) -> NDArray[np.generic]:
        if name not in self._tensors:
            raise self._refused(f"no tensor {name}")
        array: NDArray[np.generic] = onnx.numpy_helper.to_array(self._tensors[name])
        return array

    def _refused(self, reason: str) -> CorruptWeightsError:
        return CorruptWeightsError(f"{self._path}: not the int8 export of CLIP's image tower: {reason}")
