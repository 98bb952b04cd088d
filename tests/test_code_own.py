"""CoDE by weights of the user's own: which folder it takes, what it says of them, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import media
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from code_weights import pictures, transformers_state
from safetensors.torch import load_file, save_file
from whole_frames import evidence_of

from forensics.cli import main
from forensics.code_heads import HeadKind, build_head
from forensics.code_model import build_vit, embed
from forensics.detector import LoadOptions
from forensics.detectors.code import load, weights_needed
from forensics.errors import ExitCode, UsageFault
from forensics.models import load_options
from forensics.settings import AnalysisSettings
from forensics.train.code_result import fit_head, save_result
from weights.errors import CorruptWeightsError
from weights.store import Store
from weights.streams import sha256_of

SEEN = np.random.default_rng(5).normal(0, 1, (60, 192))
LABELS = np.arange(60) % 2
FACTS: dict[str, Any] = {
    "crop_pixels": 224,
    "steps_trained": 42,
    "validation_auc": {"linear": 0.91126, "knn": 0.8, "svm": 0.25},
    "data": {
        "train": {"records": 5, "real_pictures": 484, "fake_pictures": 586},
        "validation": {"records": 5, "real_pictures": 55, "fake_pictures": 64},
    },
}


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A folder as the training leaves it, with the seeded ViT."""
    folder = tmp_path / "my-training"
    folder.mkdir()
    heads = {kind: fit_head(kind, SEEN, LABELS) for kind in HeadKind}
    save_result(folder, build_vit(transformers_state()).state_dict(), heads, FACTS)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache", offline=True)


@pytest.mark.parametrize("kind", HeadKind)
def test_a_folder_of_the_training_is_scored_with_and_nothing_is_fetched(
    kind: HeadKind, trained: Path, store: Store
) -> None:
    options = LoadOptions(head=kind, weights=str(trained))
    assert weights_needed(options) == ()
    detector = load(store, options)
    frames = pictures(2, 224, 224)
    head = build_head(kind, fit_head(kind, SEEN, LABELS), width=192)
    expected = head.score(embed(build_vit(transformers_state()), frames).numpy())
    np.testing.assert_allclose(detector.score(evidence_of(frames)).score, expected, rtol=1e-6, atol=1e-6)
    assert detector.options == options


def test_the_files_carry_their_own_digests_and_are_compared_with_nothing(trained: Path, store: Store) -> None:
    files = load(store, LoadOptions(weights=str(trained))).weights
    names = ("code-vit-tiny.safetensors", "code-head-linear.safetensors", "code.json")
    assert [(file.name, file.sha256, file.pinned) for file in files] == [
        (name, sha256_of(trained / name), "as given") for name in names
    ]


def test_the_note_says_what_it_was_trained_on_and_that_it_is_not_the_published_one(
    trained: Path, store: Store
) -> None:
    note = load(store, LoadOptions(weights=str(trained))).notes[-1]
    for words in (
        "not the published CoDE",
        "42 steps on 484 real and 586 generated",
        "linear head reached a validation AUC of 0.911 on 55 real and 64 generated",
    ):
        assert words in note


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "code.json").unlink(), ["code.json missing", "--resume"]),
        (lambda folder: (folder / "code-head-linear.safetensors").unlink(), ["code-head-linear.safetensors"]),
        (lambda folder: folder.rename(folder.with_name("moved")), ["no such folder", "my-training"]),
    ],
)
def test_what_is_no_such_folder_is_a_matter_of_usage(
    spoil: Callable[[Path], object], words: list[str], trained: Path, store: Store
) -> None:
    spoil(trained)
    for use in (lambda options: load(store, options), weights_needed):
        with pytest.raises(UsageFault) as refused:
            use(LoadOptions(weights=str(trained)))
        assert all(word in str(refused.value) for word in words), refused.value


def rewrite(name: str, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Any:
    return lambda folder: save_file(change(load_file(folder / name)), folder / name)


def facts(**changes: object) -> Any:
    return lambda folder: (folder / "code.json").write_text(json.dumps(FACTS | changes))


VIT, LINEAR = "code-vit-tiny.safetensors", "code-head-linear.safetensors"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / VIT).write_bytes(b"none"), [VIT, "not a safetensors file"]),
        (lambda folder: (folder / LINEAR).write_bytes(b"none"), [LINEAR, "not a safetensors file"]),
        (
            rewrite(VIT, lambda state: {name: one[..., :96].contiguous() for name, one in state.items()}),
            [VIT, "not CoDE's ViT-Tiny"],
        ),
        (rewrite(LINEAR, lambda head: head | {"coef": head["coef"][:48].contiguous()}), [LINEAR, "[192]"]),
        (rewrite(LINEAR, lambda head: head | {"coef": head["coef"] * np.nan}), [LINEAR, "not finite"]),
        (lambda folder: (folder / "code.json").write_text("{"), ["code.json", "no JSON"]),
        (lambda folder: (folder / "code.json").write_bytes(b"\xff"), ["code.json", "no JSON"]),
        (facts(steps_trained=-1), ["code.json", "steps_trained"]),
        (facts(data={}), ["code.json", "data.train"]),
        (facts(validation_auc={"linear": float("nan")}), ["code.json", "validation_auc.linear"]),
        (facts(validation_auc={"knn": 0.5}), ["code.json", "linear"]),
        (facts(crop_pixels=64), ["code.json", "64 px", "224"]),
    ],
)
def test_damaged_files_end_with_5_and_one_line_that_names_file_and_remedy(
    spoil: Callable[[Path], object], words: list[str], trained: Path, store: Store, tmp_path: Path
) -> None:
    spoil(trained)
    with pytest.raises(CorruptWeightsError) as refused:
        load(store, LoadOptions(weights=str(trained)))
    for word in (str(trained), *words, "forensics train code"):
        assert word in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_is_for_code_and_all_else_for_repdfd_where_both_run(trained: Path, tmp_path: Path) -> None:
    def given(settings: AnalysisSettings) -> list[str | None]:
        return [load_options(settings, name).weights for name in ("repdfd", "code")]

    folder = str(trained)
    both = AnalysisSettings(device="cpu", detectors=("repdfd", "code"))
    whole = AnalysisSettings(device="cpu", whole_frame=True)
    for settings in (both, whole):
        assert given(replace(settings, weights=folder)) == [None, folder]
        assert given(replace(settings, weights="official")) == ["official", None]
    assert load_options(replace(both, detectors=("code",), weights="official"), "code").weights == "official"


def test_a_folder_called_like_a_variant_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "official").mkdir()
    monkeypatch.chdir(tmp_path)
    settings = AnalysisSettings(device="cpu", whole_frame=True, weights="official")
    assert load_options(settings, "code").weights is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--detector", "code", "--weights", "official"], ["CoDE takes the folder", "official"]),
        (["--weights", "."], ["is a folder", "--detector code"]),
    ],
)
def test_weights_of_the_other_detector_are_a_matter_of_usage(
    options: list[str], words: list[str], tmp_path: Path
) -> None:
    clip = media.h264(tmp_path / "clip.mp4", count=3)
    arguments = ["analyze", str(clip), *options, "--offline", "--cache-dir", str(tmp_path / "cache")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == ExitCode.USAGE
    (line,) = result.stderr.splitlines()
    assert all(word in line for word in words), line
