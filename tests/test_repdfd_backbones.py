"""RepDFD on other CLIPs and identities: a checkpoint runs on what it was trained with, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import media
import open_clip
import pytest
import torch
from command_line import assert_refused, run
from open_clip.model import CLIP
from stubs import OneFace
from tiny import tiny_clip
from tiny_towers import CANVAS, NAME, Colours, evidence_of, tiny_config, tiny_store, write_cache

from face.embed import embedder_facts
from face.onednn import without_onednn_products
from forensics import repdfd_weights
from forensics.backbones import BACKBONES, PUBLISHED, STARTER
from forensics.data.cache import CacheMismatchError, read_spec, write_spec
from forensics.data.tools import analysis_tools
from forensics.detector import LoadOptions
from forensics.detectors import repdfd
from forensics.errors import ExitCode, ForensicsError
from forensics.repdfd import build, build_image_tower
from forensics.repdfd_checkpoint import load_learnt, read_config, read_tensors, save_checkpoint
from forensics.repdfd_official import build_official
from forensics.reprogram import BorderReprogram
from forensics.train.repdfd import CHECKPOINT_FILE, config_before_training, with_generated_prompt
from weights.errors import CorruptWeightsError
from weights.registry import DEFAULT
from weights.sources import Starter
from weights.store import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return tiny_store(tmp_path, monkeypatch)


def save(path: Path, **changes: Any) -> Path:
    """A checkpoint of the tiny tower with random tensors; `changes` are to its configuration alone."""
    config = tiny_config()
    torch.manual_seed(3)
    save_checkpoint(build(config, tiny_clip().visual), replace(config, **changes), path)
    return path


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_is_open_clip_s_with_quickgelu_and_registered_weights(name: str) -> None:
    backbone = BACKBONES[name]
    config = open_clip.get_model_config(backbone.architecture)
    assert config["quick_gelu"] is True
    assert config["vision_cfg"]["image_size"] == backbone.canvas_pixels
    assert backbone.architecture in DEFAULT.get(backbone.weights).description


@pytest.mark.parametrize(("canvas", "face"), [(224, 156), (336, 235)])
def test_the_face_takes_the_published_share_of_every_canvas(canvas: int, face: int) -> None:
    for backbone in BACKBONES.values():
        config = config_before_training(backbone)
        if backbone.canvas_pixels == canvas:
            assert (config.face_pixels, config.crop.size, config.crop.margin_ratio) == (face, face, 1.3)
    mask = BorderReprogram(canvas_pixels=canvas).mask[0]
    assert int(mask.sum()) == canvas**2 - face**2


def test_the_starter_s_checkpoint_says_what_is_listed_for_it() -> None:
    (source,) = DEFAULT.get(repdfd_weights.STARTER).sources
    assert isinstance(source, Starter)
    config = read_config(source.path())
    before = with_generated_prompt(config_before_training(STARTER))
    unlearnt = {"operating_point": before.operating_point, "training": before.training}
    assert replace(config, **unlearnt) == before
    assert repdfd.weights_needed(LoadOptions()) == (
        "repdfd-starter",
        config.image_weights,
        "dlib-face-recognition-resnet",
    )


def test_the_tower_is_taken_out_of_openai_s_whole_clip() -> None:
    """At the real size of the smallest one, ViT-B/32."""
    backbone = BACKBONES["vit-b32"]
    torch.manual_seed(0)
    clip = CLIP(**open_clip.get_model_config(backbone.architecture)).eval()
    tower = build_image_tower(backbone.architecture, clip.state_dict())
    crops = torch.randint(0, 256, (2, 3, 170, 160), dtype=torch.uint8)
    config = config_before_training(backbone, embedder="arcface")
    model = build(config, tower).eval()
    with torch.no_grad():
        reprogrammed = model.reprogram(crops)
        assert torch.equal(without_onednn_products(tower)(reprogrammed), clip.visual(reprogrammed))
        assert model.image_features(crops).shape == (2, 512)
        assert model(crops, torch.randn(2, 512)).shape == (2, 2)


@pytest.mark.parametrize("name", sorted(BACKBONES.keys() - {PUBLISHED.name}))
def test_the_official_checkpoint_fits_no_other_clip(name: str) -> None:
    checkpoint = {"delta": torch.zeros(3, 224, 224), "map": torch.zeros(768, 512)}
    with torch.device("meta"):
        clip = CLIP(**open_clip.get_model_config(BACKBONES[name].architecture))
    with pytest.raises(CorruptWeightsError, match=r"do not fit a CLIP of .* use the checkpoint"):
        build_official(clip, checkpoint)


def test_a_training_on_a_tower_is_analysed_on_that_tower(store: Store, tmp_path: Path) -> None:
    write_cache(tmp_path / "cache", store)
    result = run(
        *("train", "repdfd", "--cache", tmp_path / "cache", "-o", tmp_path / "out", "--steps", "3"),
        *("--backbone", NAME, "--cache-dir", store.cache_dir, "--offline", "--device", "cpu"),
    )
    assert result.exit_code == ExitCode.DONE, result.output
    path = tmp_path / "out" / CHECKPOINT_FILE
    config = read_config(path)
    backbone = BACKBONES[NAME]
    assert (config.backbone, config.image_weights) == (backbone.architecture, backbone.weights)
    options = LoadOptions(weights=str(path))
    assert repdfd.weights_needed(options) == (backbone.weights, "dlib-face-recognition-resnet")
    detector = repdfd.load(store, options)
    assert [file.name for file in detector.weights] == [CHECKPOINT_FILE, backbone.weights]
    evidence = evidence_of(
        torch.randint(0, 256, (2, 60, 80, 3), dtype=torch.uint8), [Colours("dlib", config.embedding_width)]
    )
    model = load_learnt(build(config, tiny_clip().visual), read_tensors(path)).eval()
    with torch.no_grad():
        logits = model(evidence.crops(config.crop).data, evidence.identities["dlib"].data).double()
    assert detector.score(evidence).score == pytest.approx((logits[:, 1] - logits[:, 0]).numpy(), abs=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["backbone = 'vit-b32', not 'vit-b16-int8'"]),
        (["--backbone", "vit-l14"], ["backbone = 'vit-b32', not 'vit-l14'"]),
        (["--backbone", NAME, "--embedder", "facenet"], ["embedder = 'dlib', not 'facenet'"]),
    ],
)
def test_a_cache_of_another_tower_or_other_identities_is_refused_before_anything_is_fetched(
    store: Store, tmp_path: Path, options: list[str], words: list[str]
) -> None:
    write_cache(tmp_path / "cache", store)
    given = ["--cache", tmp_path / "cache", "-o", tmp_path / "out", "--cache-dir", tmp_path / "no weights"]
    result = run("train", "repdfd", *given, *options, "--offline", "--device", "cpu")
    assert_refused(result, ExitCode.INPUT, str(tmp_path / "cache"), "extract", *words)
    assert not (tmp_path / "out").exists()


def test_extraction_names_the_tower_not_what_follows_from_it(store: Store, tmp_path: Path) -> None:
    write_cache(tmp_path, store)
    other = replace(
        read_spec(tmp_path), backbone="vit-l14-336", tower_sha256="f" * 64, preprocess="squash 235"
    )
    with pytest.raises(CacheMismatchError, match="backbone = 'vit-b32', not 'vit-l14-336'"):
        write_spec(tmp_path, other)


def test_extraction_encodes_for_the_canvas_of_its_tower() -> None:
    visual = tiny_clip().visual
    encoder = Colours("dlib", 128)
    tools = analysis_tools(OneFace(), encoder, visual, device=torch.device("cpu"), canvas_pixels=CANVAS)
    crops = torch.randint(0, 256, (2, 3, 22, 22), dtype=torch.uint8)
    expected = visual(BorderReprogram(canvas_pixels=CANVAS)(crops))
    torch.testing.assert_close(tools.encode(crops), expected)


@pytest.mark.parametrize("command", [["data", "extract", "list.csv"], ["train", "repdfd", "--cache", "c"]])
@pytest.mark.parametrize(
    ("option", "word"), [(["--embedder", "squeeze"], "squeeze"), (["--backbone", "rn50"], "rn50")]
)
def test_names_that_are_none_are_usage_faults(command: list[str], option: list[str], word: str) -> None:
    result = run(*command, "-o", "out", *option)
    assert result.exit_code == ExitCode.USAGE
    assert word in result.stderr


def spoil_shape(path: Path) -> Path:
    config = tiny_config()
    wider = replace(config, text=replace(config.text, width=2 * config.text.width))
    save_checkpoint(build(wider, tiny_clip().visual), config, path)
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (spoil_shape, ["not what its configuration says", "face2text"]),
        (
            lambda path: save(path, canvas_pixels=CANVAS + 1),
            ["tiny-quickgelu of 33 px", "none of", "vit-l14"],
        ),
        (lambda path: save(path, backbone="RN50"), ["RN50", "none of"]),
        (lambda path: save(path, image_weights="clip-vit-l14-openai"), ["clip-vit-l14-openai", "none of"]),
        (lambda path: save(path, embedder="squeeze"), ["128 values from squeeze"]),
        (lambda path: save(path, embedder="arcface"), ["128 values from arcface"]),
        (lambda path: path.write_bytes(b"PK\x03\x04") and path, ["not a safetensors file", "official"]),
    ],
)
def test_a_checkpoint_of_another_shape_is_refused_by_its_file(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], Path],
    words: list[str],
) -> None:
    path, clip = make(tmp_path / "mine.safetensors"), media.h264(tmp_path / "clip.mp4", count=5)
    monkeypatch.setattr("forensics.repdfd_weights.embedder_weights", lambda name: ())
    monkeypatch.setattr("forensics.models.weights_needed", lambda name: ())
    result = run("analyze", clip, "--weights", path, "--cache-dir", store.cache_dir, "--offline")
    assert_refused(result, ExitCode.WEIGHTS, f"{path}: ", "; train it again", *words)


def test_a_face_larger_than_its_canvas_is_no_configuration() -> None:
    with pytest.raises(ValueError, match="a face of 225 px in a canvas of 224 px"):
        replace(config_before_training(), face_pixels=225)


def test_an_analysis_asks_for_the_identities_of_its_checkpoint(store: Store, tmp_path: Path) -> None:
    width = embedder_facts("arcface").dimension
    config = tiny_config(embedder="arcface")
    assert config.embedding_width == width
    path, clip = tmp_path / "mine.safetensors", media.h264(tmp_path / "clip.mp4", count=5)
    save_checkpoint(build(config, tiny_clip().visual), config, path)
    given = ["analyze", clip, "--weights", path, "--cache-dir", store.cache_dir, "--offline"]
    assert_refused(run(*given), ExitCode.WEIGHTS, "arcface-buffalo-l")
    assert repdfd.load(store, LoadOptions(weights=str(path))).embedder == "arcface"
    swapped = run(*given, "--embedder", "dlib")
    assert swapped.exit_code == ExitCode.USAGE
    assert "No such option" in swapped.stderr


def test_evidence_with_other_identities_is_refused_by_their_names(store: Store, tmp_path: Path) -> None:
    detector = repdfd.load(store, LoadOptions(weights=str(save(tmp_path / "mine.safetensors"))))
    frames = torch.randint(0, 256, (1, 60, 80, 3), dtype=torch.uint8)
    assert detector.score(evidence_of(frames, [Colours("dlib", 128)])).score.shape == (1,)
    with pytest.raises(ForensicsError, match="identities of dlib, but the evidence has those of facenet"):
        detector.score(evidence_of(frames, [Colours("facenet", 128)]))
