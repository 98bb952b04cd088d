"""Weight files that are not what they must be, at the command line: one line, exit code 5, nothing kept."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import media
import pytest
import torch
from click.testing import CliRunner, Result
from facenet_pytorch import InceptionResnetV1
from safetensors.torch import save_file
from test_face_onnx import pooling_network
from weights_local import CONTENT, local_server, registry, spec

from face.detect import load_detector
from face.embed import load_embedder, weights_needed
from face.errors import FaceError
from face.iresnet import IResNet
from face.transface import TransFace
from forensics.cli import main
from forensics.errors import ExitCode
from weights.registry import DEFAULT
from weights.sources import HuggingFace, Imported, Url
from weights.store import Store

CPU = torch.device("cpu")
MARKER = "WEIGHTS_TEST_MARKER"


class MakesFolder:
    """Its pickle asks for a folder to be made when it is read."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self._folder,)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    def invoke(*arguments: str | Path) -> Result:
        command = [*map(str, arguments), "--cache-dir", str(tmp_path / "cache"), "--offline"]
        return CliRunner().invoke(main, command)

    return invoke


def assert_refused(result: Result, *words: str) -> str:
    assert result.exit_code == ExitCode.WEIGHTS, result.output
    *notices, line = result.stderr.splitlines()
    assert all("forbids commercial use" in notice for notice in notices)
    assert line.startswith("forensics: ")
    assert all(word in line for word in words), line
    assert "Traceback" not in result.output
    return line


def kept(folder: Path) -> set[str]:
    """What lies in the cache besides locks."""
    return {path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


@pytest.mark.parametrize("name", ["arcface-buffalo-l", "scrfd-10g", "yunet-2026may", "clip-vit-b16-image"])
def test_the_onnx_of_another_network_is_not_imported(
    run: Callable[..., Result], tmp_path: Path, name: str
) -> None:
    other = pooling_network(tmp_path / "clip.onnx", side=224)
    spec = DEFAULT.get(name)
    source = DEFAULT.get(spec.raw_names[0]).sources[0] if spec.raw_names else spec.sources[0]
    line = assert_refused(run("weights", "import", name, other), f"{other}: cannot be imported as {name}")
    assert line.endswith(f"; the right file: {source.describe()}")
    assert not kept(tmp_path / "cache")


@pytest.mark.parametrize(
    "name", ["repdfd-official-checkpoint", "repdfd-official", "blendface", "transface-l-glint360k"]
)
def test_a_pickle_that_asks_for_more_than_tensors_is_refused_and_not_run(
    run: Callable[..., Result], tmp_path: Path, name: str
) -> None:
    hostile = tmp_path / "hostile.pth"
    torch.save({"perturb_dict": {"delta": torch.zeros(3)}, "more": MakesFolder(tmp_path / "ran")}, hostile)
    line = assert_refused(run("weights", "import", name, hostile), f"{hostile}: cannot be imported as {name}")
    # Where the digest is registered the file is not even parsed.
    pinned = name.startswith("repdfd")
    assert ("registered is" if pinned else "refused, nothing in it was run") in line
    assert not (tmp_path / "ran").exists()
    assert not kept(tmp_path / "cache")


@pytest.mark.parametrize("zipped", [True, False])
def test_half_a_checkpoint_is_not_imported_and_the_whole_one_then_is(
    run: Callable[..., Result], tmp_path: Path, zipped: bool
) -> None:
    whole, half = tmp_path / "whole.pt", tmp_path / "half.pt"
    torch.save(telling_tensors("blendface"), whole, _use_new_zipfile_serialization=zipped)
    half.write_bytes(whole.read_bytes()[:9000])
    line = assert_refused(run("weights", "import", "blendface", half), str(half), "BlendFace repository")
    assert "cut off" in line
    assert not kept(tmp_path / "cache")
    assert run("weights", "import", "blendface", whole).exit_code == ExitCode.DONE


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dlib-face-recognition-resnet", []),
        ("yunet-2026may", ["--face-detector", "yunet"]),
        ("transface-l-glint360k", ["--weights", "official"]),
    ],
)
def test_half_a_file_in_the_cache_is_refused_before_it_is_parsed(
    run: Callable[..., Result], tmp_path: Path, name: str, options: list[str]
) -> None:
    spec = DEFAULT.get(name)
    place = tmp_path / "cache" / name / spec.file
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    # What the cache noted when it had the whole file.
    (place.parent / "record.json").write_text(f'{{"sha256": "{"a" * 64}", "source": "somewhere"}}')
    assert_refused(run("weights", "verify"), f"{name}: not the bytes they must be")
    clip = media.h264(tmp_path / "clip.mp4", count=5)
    result = run("analyze", clip, *options)
    assert_refused(result, f"{place}: has the sha256", f"`forensics weights fetch {name}` gets it again")


def test_the_file_of_another_encoder_is_refused_where_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "facenet.safetensors"
    save_file(InceptionResnetV1(classify=False, num_classes=None).state_dict(), path)
    for name in ("blendface", "transface"):
        (weight,) = weights_needed(name)
        with pytest.raises(FaceError, match=rf"{path}: not the weights of .*; import") as refused:
            load_embedder(name, {weight: path}, device=CPU)
        assert "\n" not in str(refused.value)


def telling_tensors(name: str, value: float = 0.0) -> dict[str, torch.Tensor]:
    """As much of a published checkpoint as the registry looks at, all of one value."""
    return {tensor: torch.full(shape, value) for tensor, shape in DEFAULT.get(name).tensors}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["blendface", "transface-l-glint360k"])
@pytest.mark.parametrize("kind", ["", "-checkpoint"])
def test_the_checkpoint_of_another_network_is_not_imported_and_the_right_one_then_is(
    run: Callable[..., Result], tmp_path: Path, name: str, kind: str
) -> None:
    right, wrong, other_size = (tmp_path / f"{each}.pt" for each in ("right", "wrong", "other_size"))
    torch.save(telling_tensors(name), right)
    torch.save({"weight": torch.zeros(1, 768), "bias": torch.zeros(1)}, wrong)
    first, *_ = DEFAULT.get(name).tensors
    torch.save({**telling_tensors(name), first[0]: torch.zeros(2, 3)}, other_size)
    refused = run("weights", "import", name + kind, wrong)
    line = assert_refused(refused, f"{wrong}: cannot be imported as {name}{kind}", "of another network")
    assert f"has no tensor {first[0]}" in line
    line = assert_refused(run("weights", "import", name + kind, other_size), "of another network")
    assert f"its {first[0]} is [2, 3], expected {list(first[1])}" in line
    assert not kept(tmp_path / "cache")
    assert run("weights", "import", name + kind, right).exit_code == ExitCode.DONE


def test_the_tensors_that_tell_an_encoder_are_those_of_its_network() -> None:
    with torch.device("meta"):
        networks: dict[str, torch.nn.Module] = {
            "blendface": IResNet(),
            "transface-l-glint360k": TransFace(),
            "facenet-vggface2": InceptionResnetV1(classify=False, num_classes=None),
        }
    for name, network in networks.items():
        state = network.state_dict()
        assert DEFAULT.get(name).tensors
        assert all(state[tensor].shape == shape for tensor, shape in DEFAULT.get(name).tensors)


def test_another_file_of_the_same_network_can_be_imported_once_the_first_is_forgotten(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    for value, name in enumerate(("wrong", "right")):
        torch.save(telling_tensors("blendface", value), tmp_path / f"{name}.pt")
    assert run("weights", "import", "blendface", tmp_path / "wrong.pt").exit_code == ExitCode.DONE
    cache = tmp_path / "cache"
    folders = [cache / "blendface-checkpoint", cache / "blendface"]
    told = f"delete {folders[0]} and {folders[1]} to forget it"
    assert_refused(run("weights", "import", "blendface", tmp_path / "right.pt"), "at first use", told)
    for folder in folders:
        for file in folder.iterdir():
            file.unlink()
    assert run("weights", "import", "blendface", tmp_path / "right.pt").exit_code == ExitCode.DONE


def test_an_onnx_of_another_input_is_no_face_network(tmp_path: Path) -> None:
    path = pooling_network(tmp_path / "clip.onnx", side=224)
    loads: dict[str, Callable[[], object]] = {
        "not an ArcFace network": lambda: load_embedder("arcface", {"arcface-buffalo-l": path}, device=CPU),
        "not an SCRFD network": lambda: load_detector("scrfd", device=CPU, model_paths={"scrfd-10g": path}),
        "cannot use it as YuNet": lambda: load_detector(
            "yunet", device=CPU, model_paths={"yunet-2026may": path}
        ),
    }
    for words, load in loads.items():
        with pytest.raises(FaceError, match=rf"clip\.onnx: .*{words}"):
            load()


def test_with_every_source_dead_all_are_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    with local_server() as server:
        dead = server.url("")
    # The server is gone: nothing listens on its port any more.
    monkeypatch.setattr(constants, "ENDPOINT", dead)
    sources = (HuggingFace("someone/something", "0" * 40, "model.safetensors"), Url(f"{dead}/file"))
    tiny = registry(spec("tiny", *sources), spec("brought", Imported("its authors")))
    monkeypatch.setattr("forensics.cli.weights.Store", functools.partial(Store, registry=tiny))
    result = CliRunner().invoke(main, ["weights", "fetch", "tiny", "--cache-dir", str(tmp_path)])
    line = assert_refused(result, *(f"{source.describe()}: cannot be fetched (" for source in sources))
    assert "go online and `forensics weights fetch tiny`" in line
    assert "`forensics weights import tiny FILE`" in line
    assert "`forensics weights import BUNDLE` of an `export` made elsewhere" in line


def test_everything_that_is_missing_is_named_at_once(run: Callable[..., Result], tmp_path: Path) -> None:
    clip = media.h264(tmp_path / "clip.mp4", count=5)
    result = run("analyze", clip, "--weights", "official", "--face-detector", "yunet")
    missing = ["repdfd-official", "clip-vit-l14-openai", "transface-l-glint360k"]
    missing += ["dlib-face-recognition-resnet", "yunet-2026may"]
    line = assert_refused(
        result, f"5 weights are not here, and no source delivered them: {', '.join(missing)} ("
    )
    # Nobody can download TransFace.
    fetchable = " ".join(name for name in missing if name != "transface-l-glint360k")
    assert f"`forensics weights fetch {fetchable}`" in line


def test_a_wrong_output_folder_is_refused_before_a_licence_is_shown_or_a_weight_asked_for(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a weight was asked for")

    clip = media.h264(tmp_path / "clip.mp4", count=5)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("")
    monkeypatch.setattr("forensics.models.fetch_weights", fail)
    result = run("analyze", clip, "-o", tmp_path / "full")
    assert result.exit_code == ExitCode.USAGE
    (line,) = result.stderr.splitlines()
    assert "not empty" in line
    # Looking leaves no trace.
    monkeypatch.undo()
    assert_refused(run("analyze", clip, "-o", tmp_path / "new" / "out"))
    assert not (tmp_path / "new").exists()
