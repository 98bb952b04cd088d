"""Settings refuse what makes no sense before anything is loaded, and record what was chosen."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from typing import Any

import pytest
import torch
from stubs import StubDetector

from face.detect import DetectSettings
from face.manual import ManualFace
from forensics.detector import LoadOptions, Precision
from forensics.errors import ExitCode, UsageFault
from forensics.face2text import PromptMode
from forensics.report.json import to_plain
from forensics.settings import AnalysisSettings, choose_device
from video.sampling import Sampling

PLAIN = AnalysisSettings(device="cpu")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"detectors": ()}, ["no detector", "forensics detectors"]),
        ({"face_detector": "haar"}, ["face detector 'haar'", "mtcnn"]),
        ({"tracking_embedder": "eigenface"}, ["identity encoder 'eigenface'", "dlib"]),
        ({"backend": "vlc"}, ["video backend 'vlc'", "pyav"]),
        ({"min_frames": 0}, ["at least 1"]),
        ({"chunk_frames": 0}, ["at least 1"]),
    ],
)
def test_senseless_settings_are_refused_with_the_choice_there_is(
    changes: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(UsageFault) as refused:
        dataclasses.replace(PLAIN, **changes)
    assert refused.value.exit_code is ExitCode.USAGE
    assert all(word in str(refused.value) for word in words), refused.value


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tpu", ["'tpu'", "choose auto, cpu"]),
        ("", ["''", "choose auto, cpu"]),
        ("meta", ["'meta'", "choose auto, cpu"]),
        ("cuda:99", ["'cuda:99'", "forensics doctor"]),
    ],
)
def test_a_device_that_is_not_here_is_refused(name: str, words: list[str]) -> None:
    with pytest.raises(UsageFault) as refused:
        choose_device(name)
    assert all(word in str(refused.value) for word in words), refused.value


@pytest.mark.parametrize(("here", "chosen"), [(False, "cpu"), (True, "cuda")])
def test_auto_takes_a_gpu_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, here: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: here)
    assert choose_device("auto").type == chosen


def test_a_second_gpu_is_taken_only_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(UsageFault, match="cuda:1"):
        choose_device("cuda:1")


def test_the_facts_name_every_setting() -> None:
    names = {field.name for field in dataclasses.fields(AnalysisSettings)}
    assert names <= {field.name for field in dataclasses.fields(PLAIN.facts())}


def test_the_facts_are_what_was_chosen() -> None:
    sampling = Sampling.fps(29.97, start_seconds=1.5)
    chosen = dataclasses.replace(
        PLAIN, sampling=sampling, prompt=PromptMode.RANDOM, weights="somewhere/of/mine/own.safetensors"
    )
    facts = to_plain(chosen.facts())
    assert (facts["sampling"], facts["sampling_amount"]) == ("fps", "2997/100")
    assert (facts["start_seconds"], facts["end_seconds"]) == ("3/2", None)
    assert facts["prompt"] == "random"
    assert facts["weights"] == "own.safetensors"
    assert facts["device"] == "cpu"
    assert facts["detect"]["min_face_pixels"] == chosen.detect.min_face_pixels
    json.dumps(facts, allow_nan=False)


@pytest.mark.parametrize(
    "chosen",
    [
        PLAIN,
        AnalysisSettings(
            device="cpu",
            sampling=Sampling.fps(Fraction(30000, 1001), start_seconds=Fraction(1, 3), end_seconds=9),
            detect=DetectSettings(longest_side_pixels=320, min_confidence=0.7),
            manual_faces=(ManualFace((1.0, 2.0, 30.0, 40.5), 0.25),),
            detectors=("a", "b"),
            prompt=PromptMode.FIXED,
            weights="official",
            precision=Precision.BF16,
            min_frames=1,
            chunk_frames=7,
        ),
        AnalysisSettings(device="cpu", sampling=Sampling.spread(12), backend="decord", face_detector="yunet"),
    ],
)
def test_settings_come_back_from_their_facts(chosen: AnalysisSettings) -> None:
    assert AnalysisSettings.from_facts(chosen.facts()) == chosen


class Choosing(StubDetector):
    options = LoadOptions(prompt=PromptMode.RANDOM, weights="starter")


def test_what_was_left_to_a_detector_is_recorded_as_it_chose() -> None:
    plain, choosing = StubDetector("a", float), Choosing("b", float)
    facts = PLAIN.settled([plain, choosing]).facts()
    assert (facts.prompt, facts.weights) == (PromptMode.RANDOM, "starter")
    facts = PLAIN.settled([plain]).facts()
    assert (facts.prompt, facts.weights) == (None, None)


def test_what_was_asked_for_is_not_overruled() -> None:
    asked = dataclasses.replace(PLAIN, prompt=PromptMode.FIXED, weights="dir/own.safetensors")
    facts = asked.settled([Choosing("b", float)]).facts()
    assert (facts.prompt, facts.weights) == (PromptMode.FIXED, "own.safetensors")
