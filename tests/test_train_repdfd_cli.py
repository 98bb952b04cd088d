"""`forensics train repdfd` as it is typed: recipes, ablations, what it records and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import team_training
import torch
from click.testing import Result
from command_line import assert_refused, run
from tiny_towers import NAME, Colours, evidence_of, tiny_store, write_cache

from forensics.backbones import BACKBONES
from forensics.cli.data import extract_command
from forensics.cli.presets import PRESETS
from forensics.cli.train_repdfd import train_repdfd
from forensics.detector import LoadOptions
from forensics.detectors import repdfd
from forensics.errors import ExitCode, UsageFault
from forensics.face2text import PromptMode
from forensics.repdfd import build
from forensics.repdfd_checkpoint import read_config, read_tensors
from forensics.repdfd_load import towers_of
from forensics.train.log import LOG_FILE
from forensics.train.record import RECORD_FILE
from forensics.train.repdfd import CHECKPOINT_FILE, config_before_training
from weights.store import Store

BORDER = ("--border-steps", "4", "--border-batch", "4", "--check-every", "2")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return tiny_store(tmp_path, monkeypatch)


def train(store: Store, cache: Path, out: Path, *options: str) -> Result:
    given = ("--cache", cache, "-o", out, "--cache-dir", store.cache_dir, "--offline", "--device", "cpu")
    return run("train", "repdfd", *given, *options)


def done(result: Result) -> Result:
    assert result.exit_code == ExitCode.DONE, result.output
    return result


def record(out: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((out / RECORD_FILE).read_text())
    return told


def test_the_paper_s_preset_trains_the_border_alone_on_clip_s_own_text_tower(
    store: Store, tmp_path: Path
) -> None:
    write_cache(tmp_path / "cache", store, paired=False)
    options = ("--preset", "paper", "--backbone", NAME, "--embedder", "dlib", "--border-steps", "6")
    done(train(store, tmp_path / "cache", tmp_path / "out", *options, "--check-every", "3"))
    config = read_config(tmp_path / "out" / CHECKPOINT_FILE)
    assert config.text is None
    tensors = read_tensors(tmp_path / "out" / CHECKPOINT_FILE)
    assert set(tensors) == {"reprogram.delta", "face2text.projection.weight", "logit_scale"}
    # The map is drawn by the seed and stays as drawn, at the published spread.
    tower, clip = towers_of(config, store.tensors(config.image_weights))
    with torch.random.fork_rng():
        torch.manual_seed(7)
        fresh = build(config, tower, clip=clip)
    assert torch.equal(tensors["face2text.projection.weight"], fresh.face2text.projection.weight)
    assert tensors["face2text.projection.weight"].std() == pytest.approx(1 / 32, rel=0.1)
    assert tensors["logit_scale"] == clip.logit_scale
    told = record(tmp_path / "out")
    assert told["options"]["preset"] == "paper"
    # What was given beside the preset won; the rest is the preset's.
    assert told["options"]["embedder"] == "dlib"
    assert told["settings"]["border"]["steps"] == 6
    assert told["settings"]["border"]["lr"] == 1.0
    assert told["settings"]["border_draw"] == {"pairs": 0, "fakes": 16, "generated": 4, "by_epoch": True}
    assert told["settings"]["precision"] == "fp16"
    assert not (tmp_path / "out" / "text").exists()


def test_a_checkpoint_on_clip_s_own_text_tower_is_analysed_with_it(store: Store, tmp_path: Path) -> None:
    write_cache(tmp_path / "cache", store)
    done(train(store, tmp_path / "cache", tmp_path / "out", "--backbone", NAME, "--text", "clip", *BORDER))
    path = tmp_path / "out" / CHECKPOINT_FILE
    detector = repdfd.load(store, LoadOptions(weights=str(path)))
    frames = torch.randint(0, 256, (2, 60, 80, 3), dtype=torch.uint8)
    evidence = evidence_of(frames, [Colours("dlib", 128)])
    config = read_config(path)
    tower, clip = towers_of(config, store.tensors(config.image_weights))
    model = build(config, tower, clip=clip).eval()
    model.load_state_dict(read_tensors(path), strict=False)
    with torch.no_grad():
        logits = model(evidence.crops(config.crop).data, evidence.identities["dlib"].data).double()
    assert detector.score(evidence).score == pytest.approx((logits[:, 1] - logits[:, 0]).numpy(), abs=1e-5)
    assert "CLIP's own text tower" in detector.notes[0]


def test_every_preset_names_options_that_there_are() -> None:
    names = {param.name for command in (train_repdfd, extract_command) for param in command.params}
    assert all(preset.keys() <= names for preset in PRESETS.values())


def test_the_published_recipe_is_the_paper_s_preset() -> None:
    paper = PRESETS["paper"]
    assert paper["border_steps"] == 100 * 180
    assert (paper["border_lr"], paper["border_batch"], paper["seed"]) == (1.0, 32, 7)
    assert (paper["backbone"], paper["embedder"], paper["text"]) == ("vit-l14", "transface", "clip")
    assert (paper["pairs"], paper["augment"], paper["draw"]) == (0, "none", "videos")


def test_without_identities_the_prompt_is_fixed_and_the_detector_asks_for_none(
    store: Store, tmp_path: Path
) -> None:
    write_cache(tmp_path / "cache", store)
    options = ("--backbone", NAME, "--embedder", "none", "--steps", "2")
    refused = train(store, tmp_path / "cache", tmp_path / "out", *options)
    assert_refused(refused, ExitCode.USAGE, "--prompt face", "--prompt fixed")
    done(train(store, tmp_path / "cache", tmp_path / "out", *options, "--prompt", "fixed"))
    path = tmp_path / "out" / CHECKPOINT_FILE
    config = read_config(path)
    assert (config.embedder, config.embedding_width, config.prompt) == ("none", 0, PromptMode.FIXED)
    assert not any(name.startswith("face2text.projection") for name in read_tensors(path))
    choice = LoadOptions(weights=str(path))
    assert repdfd.weights_needed(choice) == (config.image_weights,)
    detector = repdfd.load(store, choice)
    assert detector.embedder is None
    # The tracker's own identities are there; they are not the detector's business.
    frames = torch.zeros(2, 60, 80, 3, dtype=torch.uint8)
    scores = detector.score(evidence_of(frames, [Colours("facenet", 4)]))
    assert np.isfinite(scores.score).all()
    with pytest.raises(UsageFault, match="without identities"):
        repdfd.load(store, LoadOptions(weights=str(path), prompt=PromptMode.FACE))


def test_the_face_s_share_of_the_canvas_is_that_of_cache_and_checkpoint(store: Store, tmp_path: Path) -> None:
    half = config_before_training(BACKBONES[NAME], face_ratio=0.5)
    write_cache(tmp_path / "cache", store, config=half)
    options = ("--backbone", NAME, "--steps", "2")
    refused = train(store, tmp_path / "cache", tmp_path / "out", *options)
    assert_refused(refused, ExitCode.INPUT, "crop = ", "size=16")
    done(train(store, tmp_path / "cache", tmp_path / "out", *options, "--face-ratio", "0.5"))
    config = read_config(tmp_path / "out" / CHECKPOINT_FILE)
    assert (config.face_pixels, config.crop.size, config.canvas_pixels) == (16, 16, 32)


def test_a_border_in_parts_is_the_border_of_the_whole_batch(store: Store, tmp_path: Path) -> None:
    write_cache(tmp_path / "cache", store)
    options = ("--backbone", NAME, "--steps", "2", *BORDER, "--precision", "fp32")
    for parts in ("1", "3"):
        done(train(store, tmp_path / "cache", tmp_path / parts, *options, "--accumulate", parts))
    one, three = ((tmp_path / parts / "border" / LOG_FILE).read_text().split() for parts in ("1", "3"))
    losses = [[float(line.split(",")[1]) for line in lines[2:]] for lines in (one, three)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_resuming_with_another_number_of_parts_is_refused(store: Store, tmp_path: Path) -> None:
    write_cache(tmp_path / "cache", store)
    options = ("--backbone", NAME, "--steps", "2", *BORDER)
    done(train(store, tmp_path / "cache", tmp_path / "out", *options))
    result = train(store, tmp_path / "cache", tmp_path / "out", *options, "--accumulate", "2", "--resume")
    assert result.exit_code == ExitCode.FAULT
    assert "other settings or data" in result.stderr


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--text", "clip", "--backbone", "vit-b16-int8"), ExitCode.USAGE, ["--text clip", "vit-b16-int8"]),
        (("--text", "clip", "--backbone", NAME), ExitCode.USAGE, ["nothing would be trained"]),
        (("--backbone", NAME, "--draw", "videos"), ExitCode.FAULT, ["none of them would be drawn"]),
        (("--backbone", NAME, "--face-ratio", "0.001"), ExitCode.USAGE, ["--face-ratio"]),
    ],
)
def test_senseless_recipes_are_refused_in_one_line(
    store: Store, tmp_path: Path, options: tuple[str, ...], code: ExitCode, words: list[str]
) -> None:
    write_cache(tmp_path / "cache", store)
    assert_refused(train(store, tmp_path / "cache", tmp_path / "out", *options, "--steps", "2"), code, *words)


def test_the_record_says_versions_caches_and_seed(store: Store, tmp_path: Path) -> None:
    write_cache(tmp_path / "cache", store)
    done(
        train(store, tmp_path / "cache", tmp_path / "out", "--backbone", NAME, "--steps", "2", "--seed", "5")
    )
    told = record(tmp_path / "out")
    assert told["packages"]["torch"] == metadata.version("torch")
    assert told["settings"]["seed"] == 5
    (spec,) = told["caches"].values()
    assert spec["backbone"] == NAME
    assert told["model"]["backbone"] == "tiny-quickgelu"
    assert (told["processes"], told["device"]) == (1, "cpu")


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    """Through torchrun and gloo; each process runs tests/team_training.py."""
    script = Path(__file__).with_name("team_training.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(script.parent)}
    launch = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    subprocess.run([*launch, script, tmp_path / "two"], check=True, env=environment, timeout=300)
    team_training.run(tmp_path / "one")
    one, two = (read_tensors(tmp_path / name / CHECKPOINT_FILE) for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        if name.endswith("in_proj_bias"):
            # A softmax does not see a bias of all keys: its gradient is rounding error, which Adam enlarges.
            value, two[name] = (torch.cat([each[:16], each[32:]]) for each in (value, two[name]))
        assert two[name].numpy() == pytest.approx(value.numpy(), abs=2e-4), name
    logs = [(tmp_path / name / "border" / LOG_FILE).read_text().split() for name in ("one", "two")]
    assert len(logs[0]) == len(logs[1]) == 4
