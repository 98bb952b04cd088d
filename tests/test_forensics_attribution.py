"""Where a score came from: known answers of tiny models, completeness, and the tower's own patches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from tiny import tiny_clip
from tiny_towers import NAME, Colours, evidence_of, tiny_config, tiny_store
from torch.nn import functional

from forensics.attribution import Each, blurred, integrated_gradients, patch_heat
from forensics.detector import Explains, FaceInputs, LoadOptions
from forensics.detectors import repdfd
from forensics.detectors.repdfd import RepDFDDetector
from forensics.repdfd import build
from forensics.repdfd_checkpoint import save_checkpoint
from forensics.workers import model_workers

SIDE = 32


def noise(count: int = 1, *, side: int = SIDE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, 3, side, side), generator=generator).float()


def corner(pictures: torch.Tensor) -> torch.Tensor:
    """A score that looks at the upper left 8 x 8 pixels only."""
    return (pictures[:, :, :8, :8] / 255).pow(2).sum(dim=(1, 2, 3))


def test_a_model_that_looks_at_one_corner_has_its_heat_there() -> None:
    heat = patch_heat(integrated_gradients(corner, noise()), patch_pixels=8, offset_pixels=0)
    assert heat.shape == (1, SIDE, SIDE)
    assert (heat[:, :8, :8] > 0).all()
    heat[:, :8, :8] = 0
    assert (heat == 0).all()


def test_attributions_sum_up_to_what_the_score_differs_by() -> None:
    picture = noise()
    tower = tiny_clip().visual

    def score(pictures: torch.Tensor) -> torch.Tensor:
        return 100 * functional.normalize(tower(pictures / 255), dim=-1)[:, 0]

    found = integrated_gradients(score, picture, steps=16)
    expected = (score(picture) - score(blurred(picture))).item()
    assert abs(expected) > 0.1
    assert found.sum().item() == pytest.approx(expected, rel=0.02)


def test_of_a_square_two_gauss_legendre_steps_give_the_exact_integral() -> None:
    picture = noise()
    expected = (picture.square() - blurred(picture).square()) / 255**2
    expected[:, :, 8:], expected[:, :, :, 8:] = 0, 0
    torch.testing.assert_close(integrated_gradients(corner, picture, steps=2), expected, rtol=1e-4, atol=1e-6)


def test_attributions_are_those_of_captum() -> None:
    tower, picture = tiny_clip().visual, noise()

    def score(pictures: torch.Tensor) -> torch.Tensor:
        return 100 * functional.normalize(tower(pictures / 255), dim=-1)[:, 0]

    expected = IntegratedGradients(score).attribute(picture, blurred(picture), n_steps=6)
    found = integrated_gradients(score, picture, steps=6)
    torch.testing.assert_close(found, expected.float(), rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


def test_nodes_side_by_side_give_the_same_bytes() -> None:
    with model_workers(torch.device("cpu")) as workers:
        found = integrated_gradients(corner, noise(), each=workers.each)
    assert torch.equal(found, integrated_gradients(corner, noise()))


def test_a_flat_picture_has_no_heat() -> None:
    flat = torch.full((1, 3, SIDE, SIDE), 90.0)
    assert integrated_gradients(corner, flat).abs().max() < 1e-4


def test_heat_is_the_mean_over_each_patch_of_the_grid_the_picture_lies_in() -> None:
    attribution = torch.zeros(1, 3, 20, 20)
    # The grid of 8 begins two pixels before the picture: its cells are 0-5, 6-13 and 14-19.
    attribution[0, :, :6, :6] = 1.0
    attribution[0, 1, 6:14, 14:] = -2.0
    heat = patch_heat(attribution, patch_pixels=8, offset_pixels=34)[0].numpy()
    expected = np.zeros((20, 20), np.float32)
    expected[:6, :6], expected[6:14, 14:] = 3.0, 2.0
    np.testing.assert_allclose(heat, expected, rtol=1e-6)


def test_gradients_that_cancel_out_within_a_patch_are_no_heat() -> None:
    attribution = torch.ones(1, 3, 8, 8)
    attribution[..., ::2] = -1.0
    assert (patch_heat(attribution, patch_pixels=8, offset_pixels=0) == 0).all()


@pytest.fixture
def detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepDFDDetector:
    store, config = tiny_store(tmp_path, monkeypatch), tiny_config()
    torch.manual_seed(5)
    save_checkpoint(build(config, tiny_clip().visual), config, tmp_path / f"{NAME}.safetensors")
    return repdfd.load(store, LoadOptions(weights=str(tmp_path / f"{NAME}.safetensors")))


def faces(detector: RepDFDDetector) -> FaceInputs:
    frames = noise(2, side=72).permute(0, 2, 3, 1).to(torch.uint8).contiguous()
    return detector.inputs(evidence_of(frames, [Colours("dlib", 128)]), np.arange(2))


def test_repdfd_explains_each_face_alone_and_always_the_same(detector: RepDFDDetector) -> None:
    assert isinstance(detector, Explains)
    inputs = faces(detector)
    heat = detector.explain(inputs)
    side = tiny_config().face_pixels
    assert heat.shape == (2, side, side)
    assert (heat >= 0).all()
    assert (heat.amax(dim=(1, 2)) > 0).all()
    assert torch.equal(heat, detector.explain(inputs))
    second = FaceInputs(inputs.crops[1:], inputs.identities[1:])
    # The text tower's last bits follow the size of the batch.
    torch.testing.assert_close(heat[1:], detector.explain(second), rtol=1e-3, atol=1e-6)


def test_repdfd_explains_the_score_that_it_gives(
    detector: RepDFDDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def noted(score: object, picture: torch.Tensor, *, each: Each) -> torch.Tensor:
        assert callable(score)
        asked.append(score(picture).item())
        return torch.zeros_like(picture)

    monkeypatch.setattr(repdfd, "integrated_gradients", noted)
    frames = noise(2, side=72).permute(0, 2, 3, 1).to(torch.uint8).contiguous()
    evidence = evidence_of(frames, [Colours("dlib", 128)])
    detector.explain(detector.inputs(evidence, np.arange(2)))
    assert asked == pytest.approx(detector.score(evidence).score.tolist(), rel=1e-4)


def test_inputs_made_under_inference_mode_can_be_explained(detector: RepDFDDetector) -> None:
    with torch.inference_mode():
        inputs = faces(detector)
    assert inputs.crops.is_inference()
    assert torch.equal(detector.explain(inputs), detector.explain(faces(detector)))
