"""The published RepDFD: its real shapes with random weights, and what does not fit it."""

from __future__ import annotations

import open_clip
import pytest
import torch
from open_clip.model import CLIP
from published import published_logits
from tiny import tiny_clip

from forensics.backbones import PUBLISHED
from forensics.face2text import PromptMode
from forensics.repdfd_official import build_clip, build_official
from weights.errors import CorruptWeightsError

TRANSFACE_WIDTH = 512
# float32 through 24 layers, in another order and another batch.
TOLERANCE = 2e-3


@pytest.mark.slow
def test_logits_on_the_published_shapes_equal_the_formulas() -> None:
    """A randomly initialised ViT-L/14, as large as the published one; `test_repdfd_parity` has every mode."""
    torch.manual_seed(0)
    clip = CLIP(**open_clip.get_model_config(PUBLISHED.architecture)).eval().requires_grad_(False)
    delta = torch.randn(3, 224, 224)
    # A hundred times the released map's spread, so that the pseudo-word shows in the logits.
    word_map = torch.randn(768, TRANSFACE_WIDTH) * 0.13
    crops = torch.randint(0, 256, (1, 3, 190, 170), dtype=torch.uint8)
    identities = torch.randn(1, TRANSFACE_WIDTH)
    with torch.no_grad():
        ours = build_official(clip, {"delta": delta, "map": word_map})(crops, identities)
        expected = published_logits(clip, PromptMode.FACE, crops, identities, delta, word_map)
    torch.testing.assert_close(ours, expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_the_checkpoint_is_loaded_as_it_is_and_frozen() -> None:
    checkpoint = {"delta": torch.ones(3, 32, 32), "map": torch.ones(16, 10)}
    model = build_official(tiny_clip(), checkpoint)
    assert torch.equal(model.reprogram.delta, checkpoint["delta"])
    assert torch.equal(model.face2text.projection.weight, checkpoint["map"])
    assert not any(parameter.requires_grad for parameter in model.parameters())


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
