"""RepDFD's logits against the published formulas, written here plainly and apart from the project's code."""

from __future__ import annotations

import pytest
import torch
from open_clip import tokenize
from published import published_logits
from tiny import EMBED_DIM, tiny_clip
from torch import nn
from torch.nn import functional

from forensics.face2text import Face2Text, PromptMode, random_identities
from forensics.repdfd import RepDFD, fake_logit, prompt_logits
from forensics.reprogram import BorderReprogram

FACES = 3
EMBEDDING_WIDTH = 10
# float32 sums in another order.
TOLERANCE = 1e-4


@pytest.fixture
def faces() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    crops = torch.randint(0, 256, (FACES, 3, 40, 36), generator=generator, dtype=torch.uint8)
    return crops, torch.randn(FACES, EMBEDDING_WIDTH, generator=generator) * 3


def project_model(mode: PromptMode, *, canvas: int = 32) -> tuple[RepDFD, torch.Tensor, torch.Tensor]:
    clip = tiny_clip(image_pixels=canvas)
    generator = torch.Generator().manual_seed(2)
    delta = torch.randn(3, canvas, canvas, generator=generator)
    word_map = torch.randn(EMBED_DIM // 2, EMBEDDING_WIDTH, generator=generator) * 0.1
    projection = nn.Linear(EMBEDDING_WIDTH, EMBED_DIM // 2, bias=False)
    reprogram = BorderReprogram(canvas_pixels=canvas)
    with torch.no_grad():
        projection.weight.copy_(word_map)
        reprogram.delta.copy_(delta)
    face2text = Face2Text(clip, projection, mode=mode)
    return RepDFD(clip.visual, reprogram, face2text, clip.logit_scale), delta, word_map


@pytest.mark.parametrize("mode", list(PromptMode))
def test_logits_equal_the_published_formulas(
    mode: PromptMode, faces: tuple[torch.Tensor, torch.Tensor]
) -> None:
    crops, identities = faces
    model, delta, word_map = project_model(mode)
    with torch.no_grad():
        ours = model(crops, identities)
    expected = published_logits(tiny_clip(), mode, crops, identities, delta, word_map)
    torch.testing.assert_close(ours, expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_the_formulas_hold_where_the_border_is_uneven(faces: tuple[torch.Tensor, torch.Tensor]) -> None:
    """As in the ViT-L/14 of 336 pixels: int(48 * 0.7) = 33 leaves 7 pixels on one side and 8 on the other."""
    crops, identities = faces
    model, delta, word_map = project_model(PromptMode.FACE, canvas=48)
    assert model.reprogram.face_pixels == 33
    with torch.no_grad():
        ours = model(crops, identities)
    clip = tiny_clip(image_pixels=48)
    expected = published_logits(clip, PromptMode.FACE, crops, identities, delta, word_map)
    torch.testing.assert_close(ours, expected, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("mode", [PromptMode.FACE, PromptMode.RANDOM])
def test_the_pseudo_word_moves_the_fake_logit_only(
    mode: PromptMode, faces: tuple[torch.Tensor, torch.Tensor]
) -> None:
    crops, identities = faces
    model, _, _ = project_model(mode)
    with torch.no_grad():
        one, other = model(crops, identities), model(crops, -identities)
    assert torch.equal(one[:, 0], other[:, 0])
    assert (one[:, 1] - other[:, 1]).abs().min() > 1e-4


def test_the_fixed_prompt_ignores_the_identity(faces: tuple[torch.Tensor, torch.Tensor]) -> None:
    crops, identities = faces
    model, _, _ = project_model(PromptMode.FIXED)
    with torch.no_grad():
        assert torch.equal(model(crops, identities), model(crops, -identities))


def test_the_identity_enters_raw_not_normalised(faces: tuple[torch.Tensor, torch.Tensor]) -> None:
    _, identities = faces
    model, _, _ = project_model(PromptMode.FACE)
    with torch.no_grad():
        raw, unit = model.face2text(identities), model.face2text(functional.normalize(identities, dim=1))
    assert (raw[:, 1] - unit[:, 1]).abs().max() > 1e-3


def test_the_published_border_has_77520_live_values() -> None:
    reprogram = BorderReprogram()
    assert reprogram.face_pixels == 156
    assert int(reprogram.mask.expand(3, -1, -1).sum()) == 77_520


def test_the_border_changes_nothing_inside_the_face_square() -> None:
    reprogram = BorderReprogram(canvas_pixels=32)
    crops = torch.randint(0, 256, (1, 3, 22, 22), dtype=torch.uint8)
    before = reprogram(crops)
    with torch.no_grad():
        reprogram.delta.fill_(5)
        changed = (reprogram(crops) != before)[0, 0]
    assert changed.sum() == 32 * 32 - 22 * 22
    assert not changed[5:27, 5:27].any()


def test_random_words_depend_on_frame_and_order_not_on_chunking() -> None:
    frames, order = torch.tensor([4, 4, 9]), torch.tensor([0, 1, 0])
    whole = random_identities(frames, order, 8)
    assert torch.equal(whole[2:], random_identities(frames[2:], order[2:], 8))
    assert len({tuple(row.tolist()) for row in whole}) == 3


def test_the_prompt_for_generated_faces_is_clips_own_text_feature(
    faces: tuple[torch.Tensor, torch.Tensor],
) -> None:
    _, identities = faces
    model, _, _ = project_model(PromptMode.FACE)
    clip = tiny_clip()
    third = Face2Text(clip, model.face2text.projection, generated=True)
    with torch.no_grad():
        two, three = model.face2text(identities), third(identities)
        expected = clip.encode_text(tokenize(["A generated photo of a person"]), normalize=True)
    assert torch.equal(three[:, :2], two)
    torch.testing.assert_close(three[:, 2], expected.expand(FACES, -1), atol=TOLERANCE, rtol=TOLERANCE)


def test_the_fake_logit_is_the_log_odds_of_every_prompt_but_the_real_one() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.5], [3.0, -1.0, -2.0]], dtype=torch.float64)
    real = logits.softmax(dim=1)[:, 0]
    torch.testing.assert_close(fake_logit(logits), torch.log((1 - real) / real))
    assert torch.equal(fake_logit(logits[:, :2]), logits[:, 1] - logits[:, 0])


def test_a_prompt_s_logit_is_its_log_odds_against_the_real_one_alone() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.5], [3.0, -1.0, -2.0]], dtype=torch.float64)
    expected = [[one[[0, other]].softmax(dim=0)[1] for other in (1, 2)] for one in logits]
    torch.testing.assert_close(prompt_logits(logits).sigmoid(), torch.tensor(expected, dtype=torch.float64))


def test_the_prompts_are_named_in_the_order_of_their_logits() -> None:
    model, _, _ = project_model(PromptMode.FACE)
    third = Face2Text(tiny_clip(), model.face2text.projection, generated=True)
    assert model.face2text.names == ("real", "fake")
    assert third.names == ("real", "fake", "generated")
