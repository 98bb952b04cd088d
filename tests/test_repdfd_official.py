"""The published RepDFD: its real shapes with random weights, and what does not fit it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import open_clip
import pytest
import torch
from open_clip.model import CLIP
from published import published_logits, published_transface
from safetensors.torch import save_file
from tiny import tiny_clip
from tiny_towers import evidence_of

from face.detect import detector_names
from face.transface import TransFace
from face.types import CropSpec, FaceDetections
from forensics import repdfd_weights
from forensics.backbones import PUBLISHED
from forensics.detector import LoadOptions
from forensics.detectors import repdfd
from forensics.face2text import PromptMode
from forensics.models import load_named_embedder
from forensics.repdfd_official import MARGIN_RATIO, build_clip, build_official
from weights.errors import CorruptWeightsError
from weights.registry import DEFAULT, Registry
from weights.sources import Imported
from weights.store import Store
from weights.streams import sha256_of

CPU = torch.device("cpu")
NOWHERE = Imported("made by the test")
PUBLISHED_CROP = CropSpec(156, margin_ratio=1.3)
# float32 through 24 layers twice, in another order and another batch.
TOLERANCE = 1e-4


@pytest.mark.slow
def test_the_published_detector_computes_the_published_formulas(tmp_path: Path) -> None:
    """All as large as published, random, and in the registry's files; `test_repdfd_parity` has every mode."""
    store = official_store(tmp_path)
    detector = repdfd.load(store, LoadOptions(weights="official"))
    assert detector.embedder == "transface"
    frames = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (1, 240, 320, 3), np.uint8))
    # Noise on the left face; the right one is dark.
    frames[:, :, 160:] //= 4
    encoder = load_named_embedder("transface", store, CPU)
    evidence = evidence_of(frames, [encoder], detector=TwoFaces())
    scores = detector.score(evidence)
    aligned, crops = evidence.crops(encoder.spec).data, evidence.crops(PUBLISHED_CROP).data
    del detector, encoder

    state = store.tensors("transface-l-glint360k")
    clip = CLIP(**open_clip.get_model_config("ViT-L-14-quickgelu")).eval().requires_grad_(False)
    clip.load_state_dict(store.tensors("clip-vit-l14-openai"), strict=True, assign=True)
    checkpoint = store.tensors("repdfd-official")
    with torch.no_grad():
        identities = published_transface(state, (aligned.float() - 127.5) / 127.5, depth=24, heads=8)
        learnt = (checkpoint["delta"], checkpoint["map"])
        logits = published_logits(clip, PromptMode.FACE, crops, identities, *learnt)
        swapped = published_logits(clip, PromptMode.FACE, crops, identities.flip(0), *learnt)
    expected = (logits[:, 1] - logits[:, 0]).double().numpy()
    np.testing.assert_allclose(scores.score, expected, atol=TOLERANCE)
    np.testing.assert_allclose(scores.probability, 1 / (1 + np.exp(-expected)), atol=TOLERANCE)
    # The tolerance means something: a face with the other's identity is further off.
    assert (logits - swapped)[:, 1].abs().min() > 100 * TOLERANCE


class TwoFaces:
    """Two faces side by side in every frame."""

    name = "two"

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        boxes = np.float32([[40, 60, 140, 180], [190, 50, 280, 170]])
        points = np.float32([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
        corners, sizes = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
        return FaceDetections(boxes, corners + points * sizes, np.ones(2, np.float32), np.zeros(2, np.int64))

    def files(self) -> tuple[tuple[str, str], ...]:
        return ()


def official_store(folder: Path) -> Store:
    """A store of random weights in the published shapes, by the names and files that the registry gives.

    The checkpoint comes the way the published one does: a pickle, imported and converted.
    """
    torch.manual_seed(0)
    clip_spec, identity_spec = (
        DEFAULT.get(name) for name in ("clip-vit-l14-openai", "transface-l-glint360k")
    )
    files = {
        clip_spec: CLIP(**open_clip.get_model_config("ViT-L-14-quickgelu")).state_dict(),
        identity_spec: random_transface(),
    }
    pinned = []
    for spec, state in files.items():
        path = folder / "cache" / spec.name / spec.file
        path.parent.mkdir(parents=True)
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
        pinned.append(replace(spec, sources=(NOWHERE,), converter=None, sha256=sha256_of(path)))
    files.clear()
    checkpoint = [
        replace(DEFAULT.get(name), sha256=None) for name in ("repdfd-official-checkpoint", "repdfd-official")
    ]
    store = Store(folder / "cache", offline=True, registry=Registry([*pinned, *checkpoint]))
    inside = slice(34, 190)
    delta = torch.randn(3, 224, 224)
    delta[:, inside, inside] = 0
    # A hundred times the released map's spread, so that the pseudo-word shows in the logits.
    content = {
        "perturb_dict": {"delta": delta},
        "face_random_proj_dict": {"weight": torch.randn(768, 512) * 0.13},
    }
    torch.save(content, folder / "best.pth")
    store.import_file("repdfd-official", folder / "best.pth")
    return store


def random_transface() -> dict[str, torch.Tensor]:
    """TransFace-L's tensors, so scaled that every layer matters."""
    with torch.device("meta"):
        shapes = TransFace().state_dict()
    state = {}
    for name, tensor in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros((), dtype=torch.int64)
        elif name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
            state[name] = torch.rand(tensor.shape) + 0.5
        else:
            fan_in = tensor[0].numel() if tensor.ndim > 1 else 16
            state[name] = torch.randn(tensor.shape) / math.sqrt(fan_in)
    return state


def test_the_checkpoint_is_loaded_as_it_is_and_frozen() -> None:
    checkpoint = {"delta": torch.ones(3, 32, 32), "map": torch.ones(16, 10)}
    model = build_official(tiny_clip(), checkpoint)
    assert torch.equal(model.reprogram.delta, checkpoint["delta"])
    assert torch.equal(model.face2text.projection.weight, checkpoint["map"])
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_the_note_names_no_detector_that_may_not_have_run_and_the_margin_that_did() -> None:
    assert not any(name in repdfd_weights.OFFICIAL_NOTE.lower() for name in detector_names())
    assert f"margin of {MARGIN_RATIO} " in repdfd_weights.OFFICIAL_NOTE


def test_the_backbone_is_the_one_with_quickgelu() -> None:
    assert open_clip.get_model_config(PUBLISHED.architecture)["quick_gelu"] is True


@pytest.mark.parametrize(("name", "shape"), [("delta", (3, 48, 48)), ("map", (25, 10)), ("map", (16,))])
def test_a_checkpoint_of_another_shape_is_refused(name: str, shape: tuple[int, ...]) -> None:
    checkpoint = {"delta": torch.zeros(3, 32, 32), "map": torch.zeros(16, 10)} | {name: torch.zeros(shape)}
    with pytest.raises(CorruptWeightsError, match="do not fit a CLIP of 32 px with tokens of 24"):
        build_official(tiny_clip(), checkpoint)


def test_the_weights_of_another_clip_are_refused() -> None:
    with pytest.raises(CorruptWeightsError, match="not the CLIP ViT-S-32"):
        build_clip("ViT-S-32", {"logit_scale": torch.zeros(())})
