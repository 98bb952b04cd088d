"""RepDFD's checkpoint: what is saved comes back exactly, and anything else is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tiny import tiny_clip

from face.types import Alignment, CropSpec
from forensics.cli.main import exit_code_of
from forensics.errors import ExitCode
from forensics.face2text import PromptMode
from forensics.repdfd import RepDFD, build, build_image_tower, starter_vocabulary
from forensics.repdfd_checkpoint import CONFIG_KEY, load_learnt, read_config, read_tensors, save_checkpoint
from forensics.repdfd_config import OperatingPoint, RepDFDConfig, TextConfig
from weights.errors import CorruptWeightsError

SIDE = 22
EMBEDDING_WIDTH = 6
CONFIG = RepDFDConfig(
    backbone="tiny",
    image_weights="tiny-image",
    embedder="dlib",
    embedding_width=EMBEDDING_WIDTH,
    crop=CropSpec(SIDE, 1.3),
    face_pixels=SIDE,
    canvas_pixels=32,
    prompt=PromptMode.FACE,
    text=TextConfig(width=16, heads=2, layers=1, vocabulary=starter_vocabulary()),
    operating_point=OperatingPoint(cue_logit=0.5, clear_logit=-0.25, source='a test: ½ and "quotes"'),
    training="none",
)
Tensors = dict[str, torch.Tensor]


def model(*, seed: int, config: RepDFDConfig = CONFIG, mode: PromptMode | None = None) -> RepDFD:
    """A RepDFD whose every learnt value is random; the frozen tower is always the same."""
    tower = tiny_clip(seed=0).visual
    torch.manual_seed(seed)
    built = build(config, tower, mode=mode).eval()
    for name, parameter in built.named_parameters():
        if not name.startswith("image_tower."):
            torch.nn.init.normal_(parameter, std=0.3)
    return built


def logits_of(scorer: RepDFD) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    crops = torch.randint(0, 256, (4, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    with torch.inference_mode():
        answer: torch.Tensor = scorer(crops, torch.randn(4, EMBEDDING_WIDTH, generator=generator))
    return answer


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    save_checkpoint(model(seed=1), CONFIG, path)
    return path


@pytest.mark.parametrize("mode", list(PromptMode))
def test_a_loaded_checkpoint_gives_the_same_logits_to_the_bit(saved: Path, mode: PromptMode) -> None:
    loaded = load_learnt(model(seed=2, mode=mode), read_tensors(saved))
    expected = logits_of(model(seed=1, mode=mode))
    assert not torch.equal(logits_of(model(seed=2, mode=mode)), expected)
    assert torch.equal(logits_of(loaded), expected)


def test_the_frozen_tower_is_not_in_the_file(saved: Path) -> None:
    names = set(read_tensors(saved))
    assert {"logit_scale", "reprogram.delta", "face2text.projection.weight"} <= names
    assert not [name for name in names if name.startswith("image_tower")]


def test_equal_models_give_equal_files(saved: Path, tmp_path: Path) -> None:
    save_checkpoint(model(seed=1), CONFIG, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(CONFIG, prompt=PromptMode.FIXED, crop=CropSpec(SIDE, alignment=Alignment.ARCFACE)),
    ],
)
def test_a_config_comes_back_equal(config: RepDFDConfig, tmp_path: Path) -> None:
    assert RepDFDConfig.from_json(config.to_json()) == config
    save_checkpoint(model(seed=1, config=config), config, tmp_path / "c.safetensors")
    assert read_config(tmp_path / "c.safetensors") == config


def drop_border(tensors: Tensors) -> None:
    del tensors["reprogram.delta"]


def add_stranger(tensors: Tensors) -> None:
    tensors["classifier.weight"] = torch.zeros(2, 2)


def shrink_border(tensors: Tensors) -> None:
    tensors["reprogram.delta"] = tensors["reprogram.delta"][:, :-1].contiguous()


def put_nan(tensors: Tensors) -> None:
    tensors["face2text.projection.weight"][0, 0] = float("nan")


def put_infinity(tensors: Tensors) -> None:
    tensors["logit_scale"].fill_(float("inf"))


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (drop_border, r"keys missing \['reprogram.delta'\]"),
        (add_stranger, r"keys unexpected \['classifier.weight'\]"),
        (shrink_border, "reprogram.delta"),
        (put_nan, "not finite"),
        (put_infinity, "not finite"),
    ],
)
def test_tensors_of_another_model_or_damaged_are_refused_as_weights(
    saved: Path, spoil: Callable[[Tensors], None], word: str
) -> None:
    tensors = read_tensors(saved)
    spoil(tensors)
    with pytest.raises(CorruptWeightsError, match=word) as refused:
        load_learnt(model(seed=2), tensors)
    assert "\n" not in str(refused.value)
    assert exit_code_of(refused.value) is ExitCode.WEIGHTS


def changed(**changes: Any) -> str:
    return json.dumps({**json.loads(CONFIG.to_json()), **changes})


def without(name: str) -> str:
    fields = json.loads(CONFIG.to_json())
    del fields[name]
    return json.dumps(fields)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        without("crop"),
        without("training"),
        without("text"),
        changed(text="tower"),
        changed(crop=None),
        changed(crop={"size": 0, "margin_ratio": 1.0, "alignment": "none"}),
        changed(prompt="poem"),
        changed(operating_point={"cue": 1}),
        changed(another=1),
    ],
)
def test_a_config_of_another_form_is_refused_by_its_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={CONFIG_KEY: text})
    with pytest.raises(CorruptWeightsError, match=r"odd\.safetensors: its configuration"):
        read_config(path)


def test_a_safetensors_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CorruptWeightsError, match=r"other\.safetensors: not a RepDFD checkpoint"):
        read_config(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a pickle in a zip", b"\xff" * 64])
def test_a_file_of_another_kind_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "pickle.safetensors"
    path.write_bytes(content)
    for read in (read_config, read_tensors):
        with pytest.raises(CorruptWeightsError, match=r"pickle\.safetensors: not a safetensors file"):
            read(path)


def test_a_truncated_checkpoint_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-1])
    with pytest.raises(CorruptWeightsError, match="not a safetensors file"):
        read_tensors(saved)


def test_the_state_of_another_image_tower_is_refused() -> None:
    state = tiny_clip().visual.state_dict()
    with pytest.raises(CorruptWeightsError, match="not the image tower of ViT-B-16") as refused:
        build_image_tower("ViT-B-16", state)
    assert "\n" not in str(refused.value)
