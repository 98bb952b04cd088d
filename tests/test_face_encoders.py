"""Identity networks against their published formulas written plainly, on random weights."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from published import State, batch_norm, published_transface
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from face.embed import all_numbers, embedder_facts, embedder_names, load_embedder, weights_needed
from face.encoder import CROPS_PER_BATCH, TorchEmbedder
from face.errors import FaceError
from face.facts import EmbedderFacts
from face.iresnet import IResNet
from face.onednn import without_onednn_products
from face.state import load_network
from face.transface import TransFace
from face.types import Alignment, CropSpec, FaceCrops
from weights import registry

CPU = torch.device("cpu")
ALIGNED = CropSpec(112, alignment=Alignment.ARCFACE)


def randomised(network: nn.Module, seed: int) -> nn.Module:
    """The network with weights and running statistics that make every layer matter."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if tensor.dtype == torch.float32:
            fan_in = tensor[0].numel() if tensor.ndim > 1 else 16
            tensor.copy_(torch.randn(tensor.shape, generator=generator) / math.sqrt(fan_in))
            if name.endswith("running_var"):
                tensor.abs_().add_(0.5)
    return network.eval()


def crops(count: int, spec: CropSpec = ALIGNED) -> FaceCrops:
    generator = torch.Generator().manual_seed(3)
    shape = (count, 3, spec.size, spec.size)
    return FaceCrops(torch.randint(0, 256, shape, generator=generator).to(torch.uint8), spec)


def published_iresnet(state: State, images: torch.Tensor) -> torch.Tensor:
    """iresnet of insightface's arcface_torch, with one block in each stage."""

    def prelu(x: torch.Tensor, name: str) -> torch.Tensor:
        return torch.where(x > 0, x, x * state[f"{name}.weight"].view(1, -1, 1, 1))

    x = functional.conv2d(images, state["conv1.weight"], padding=1)
    x = prelu(batch_norm(x, state, "bn1", 1e-5), "prelu")
    for stage in range(1, 5):
        name = f"layer{stage}.0"
        kept = functional.conv2d(x, state[f"{name}.downsample.0.weight"], stride=2)
        kept = batch_norm(kept, state, f"{name}.downsample.1", 1e-5)
        x = functional.conv2d(
            batch_norm(x, state, f"{name}.bn1", 1e-5), state[f"{name}.conv1.weight"], padding=1
        )
        x = prelu(batch_norm(x, state, f"{name}.bn2", 1e-5), f"{name}.prelu")
        x = functional.conv2d(x, state[f"{name}.conv2.weight"], stride=2, padding=1)
        x = batch_norm(x, state, f"{name}.bn3", 1e-5) + kept
    x = batch_norm(x, state, "bn2", 1e-5).flatten(1) @ state["fc.weight"].T + state["fc.bias"]
    return batch_norm(x, state, "features", 1e-5)


@torch.no_grad()
def test_transface_computes_the_published_formula() -> None:
    network = randomised(TransFace(width=16, depth=2, heads=4, dimension=12), 1)
    images = (crops(3).data.float() - 127.5) / 127.5
    want = published_transface(network.state_dict(), images, depth=2, heads=4)
    assert want.std() > 0.1
    torch.testing.assert_close(network(images), want, rtol=1e-4, atol=1e-4)


def test_transface_has_the_published_names_and_shapes() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in TransFace().state_dict().items()}
    assert shapes["patch_embed.proj.weight"] == (768, 3, 9, 9)
    assert shapes["pos_embed"] == (1, 144, 768)
    assert shapes["mask_token"] == (1, 1, 768)
    assert shapes["blocks.23.attn.qkv.weight"] == (2304, 768)
    assert shapes["blocks.23.mlp.fc2.bias"] == (768,)
    assert shapes["senet.0.weight"] == (144, 144 * 768)
    assert shapes["senet.2.weight"] == (144, 144)
    assert shapes["feature.0.weight"] == (768, 144 * 768)
    assert shapes["feature.3.running_var"] == (512,)
    # 11 names in each of 24 blocks, and those of the embedding, the norm, the gate and the head.
    assert len(shapes) == 24 * 11 + 4 + 2 + 2 + 2 + 2 * 5
    assert "blocks.0.attn.qkv.bias" not in shapes


@torch.no_grad()
def test_iresnet_computes_the_published_formula() -> None:
    network = randomised(IResNet((1, 1, 1, 1)), 2)
    images = (crops(2).data.float() - 127.5) / 127.5
    want = published_iresnet(network.state_dict(), images)
    assert want.std() > 0.1
    torch.testing.assert_close(network(images), want, rtol=1e-3, atol=1e-3)


def test_iresnet100_has_the_published_names_and_shapes() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in IResNet().state_dict().items()}
    assert shapes["layer3.29.conv2.weight"] == (256, 256, 3, 3)
    assert "layer3.30.conv2.weight" not in shapes
    assert shapes["layer4.0.downsample.0.weight"] == (512, 256, 1, 1)
    assert "layer4.1.downsample.0.weight" not in shapes
    assert shapes["fc.weight"] == (512, 512 * 7 * 7)
    learned = [shape for name, shape in shapes.items() if "running" not in name and "tracked" not in name]
    assert sum(math.prod(shape) for shape in learned) == 65_156_160


def embedder(network: nn.Module, dimension: int) -> TorchEmbedder:
    facts = EmbedderFacts("tiny", dimension, ALIGNED, 0.5, basis="made up")
    return TorchEmbedder(facts, network, device=CPU)


def test_vectors_are_raw_and_do_not_depend_on_the_batch() -> None:
    network = randomised(TransFace(width=8, depth=1, heads=2, dimension=6), 4)
    tiny = embedder(network, 6)
    many = crops(CROPS_PER_BATCH + 3)
    together = tiny.embed(many).data
    alone = torch.cat(
        [tiny.embed(FaceCrops(many.data[i : i + 1], ALIGNED)).data for i in (0, CROPS_PER_BATCH + 2)]
    )
    torch.testing.assert_close(together[[0, CROPS_PER_BATCH + 2]], alone, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        want = network((many.data[:1].float() - 127.5) / 127.5)
    torch.testing.assert_close(together[:1], want, rtol=1e-4, atol=1e-5)
    assert (together.norm(dim=1) - 1).abs().min() > 1e-3
    assert tiny.embed(crops(0)).data.shape == (0, 6)


def test_crops_by_another_spec_are_refused() -> None:
    with pytest.raises(ValueError, match="tiny takes crops"):
        embedder(nn.Identity(), 4).embed(crops(1, CropSpec(112)))


def test_vectors_that_are_no_numbers_are_an_error() -> None:
    network = randomised(TransFace(width=8, depth=1, heads=2, dimension=6), 4)
    network.state_dict()["feature.3.weight"].fill_(float("nan"))
    broken = embedder(network, 6).embed(crops(1))
    assert broken.finite.tolist() == [False]
    with pytest.raises(FaceError, match="verify its weights"):
        all_numbers(broken)


def tiny_transface() -> TransFace:
    return TransFace(width=8, depth=1, heads=2, dimension=6)


def test_a_saved_network_loads_to_the_same_numbers(tmp_path: Path) -> None:
    network = randomised(tiny_transface(), 5)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    # Files of old torch versions lack the counters.
    state = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    state["classifier"] = torch.zeros(3)
    path = tmp_path / "tiny.safetensors"
    save_file(state, path)
    loaded = load_network(tiny_transface, path, title="Tiny", device=CPU, left_out=("classifier",))
    images = crops(2).data.float() / 255
    with torch.no_grad():
        assert torch.equal(without_onednn_products(loaded)(images), network(images))
    assert not loaded.training
    with pytest.raises(FaceError, match="classifier"):
        load_network(tiny_transface, path, title="Tiny", device=CPU)


@pytest.mark.parametrize("name", ["blendface", "facenet", "transface"])
def test_the_file_of_another_network_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"conv.weight": torch.zeros(1)}, path)
    (weight,) = weights_needed(name)
    with pytest.raises(
        FaceError, match=r"other\.safetensors: not the weights of .* more names differ; import"
    ):
        load_embedder(name, {weight: path}, device=CPU)
    path.write_bytes(b"no safetensors")
    with pytest.raises(FaceError, match=r"other\.safetensors: not a readable safetensors file"):
        load_embedder(name, {weight: path}, device=CPU)


def test_a_tensor_of_another_shape_is_refused(tmp_path: Path) -> None:
    state = {name: tensor.clone() for name, tensor in tiny_transface().state_dict().items()}
    state["senet.2.weight"] = torch.zeros(3, 3)
    path = tmp_path / "tiny.safetensors"
    save_file(state, path)
    with pytest.raises(FaceError, match=r"senet\.2\.weight"):
        load_network(tiny_transface, path, title="Tiny", device=CPU)


def test_facenet_is_the_package_s_network_with_its_own_standardisation(tmp_path: Path) -> None:
    from facenet_pytorch import InceptionResnetV1, fixed_image_standardization

    network = InceptionResnetV1(classify=False, num_classes=None).eval()
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state["logits.weight"], state["logits.bias"] = torch.zeros(8631, 512), torch.zeros(8631)
    path = tmp_path / "facenet.safetensors"
    save_file(state, path)
    loaded = load_embedder("facenet", {"facenet-vggface2": path}, device=CPU)
    faces = crops(2, loaded.spec)
    assert loaded.spec.size == 160
    with torch.no_grad():
        want = network(fixed_image_standardization(faces.data.float()))
    torch.testing.assert_close(loaded.embed(faces).data, want, rtol=1e-4, atol=1e-5)


def test_every_embedder_s_weight_is_in_the_registry() -> None:
    names = ("dlib", "arcface", "arcface-large", "arcface-small", "facenet", "blendface", "transface")
    assert embedder_names() == names
    for name in embedder_names():
        for weight in weights_needed(name):
            assert weight in registry.names()
    assert np.unique([weights_needed(name) for name in embedder_names()]).size == len(embedder_names())


def test_every_embedder_is_described_without_its_weights() -> None:
    facts = [embedder_facts(name) for name in embedder_names()]
    assert [each.name for each in facts] == list(embedder_names())
    assert [each.dimension for each in facts] == [128] + [512] * 6
    assert all(0 < each.same_person_similarity < 1 for each in facts)
    # A figure that nobody measured here says so.
    assert all(each.basis.startswith("measured" if each.measured else "assumed") for each in facts)
    assert [each.name for each in facts if each.measured] == ["dlib"]
    with pytest.raises(FaceError, match="there are: dlib"):
        embedder_facts("squeeze")
