"""The catalogue is consistent, and names are found or answered with near ones."""

from __future__ import annotations

import pytest
from weights_local import registry, spec

from face.detect import detector_names as face_detector_names
from face.detect import detector_weights
from face.embed import embedder_names
from face.embed import weights_needed as embedder_weights
from face.landmarks import LANDMARKS_WEIGHT
from forensics.detector import detector_names
from weights import registry as registered
from weights.convert.run import CONVERTERS
from weights.errors import UnknownWeightsError
from weights.sources import Converted, HuggingFace, Imported, PyPIMember, Starter, Url
from weights.spec import WeightSpec
from weights.streams import sha256_of

NOWHERE = Imported("somewhere")


def every_spec() -> list[WeightSpec]:
    return [registered.get(name) for name in registered.names()]


@pytest.mark.parametrize("weight", every_spec(), ids=lambda weight: weight.name)
def test_a_record_says_what_a_report_needs(weight: WeightSpec) -> None:
    assert all((weight.licence, weight.trained_with, weight.paper, weight.description))
    assert weight.converter is None or weight.converter in CONVERTERS
    non_commercial = any(word in weight.licence for word in ("NC", "non-commercial", "none stated"))
    assert weight.commercial_use is not non_commercial
    for source in weight.sources:
        if isinstance(source, Url):
            assert source.url.startswith("https://")
            assert weight.sha256 is not None, "a file of a plain address must have a known digest"
        if isinstance(source, HuggingFace) and weight.sha256 is not None:
            assert len(source.revision) == 40, "a pinned file comes from a pinned revision"
        if isinstance(source, PyPIMember):
            assert len(source.archive_sha256) == 64


@pytest.mark.parametrize("weight", every_spec(), ids=lambda weight: weight.name)
def test_every_starter_file_that_is_shipped_has_the_registered_digest(weight: WeightSpec) -> None:
    starters = [source for source in weight.sources if isinstance(source, Starter)]
    for starter in starters:
        assert sha256_of(starter.path()) == weight.sha256


def test_the_users_of_a_weight_are_there_and_know_it() -> None:
    known = {f"embedder {name}": embedder_weights(name) for name in embedder_names()}
    known |= {f"face detector {name}": detector_weights(name) for name in face_detector_names()}
    known["landmarks dense"] = (LANDMARKS_WEIGHT,)
    for user, names in known.items():
        assert all(user in registered.get(name).used_by for name in names), user
    for weight in every_spec():
        for user in weight.used_by:
            detector = user.partition(" (")[0]
            assert user == "tracking" or weight.name in known.get(user, ()) or detector in detector_names()


def test_every_shipped_starter_tensor_file_is_registered() -> None:
    known = {
        source.file for weight in every_spec() for source in weight.sources if isinstance(source, Starter)
    }
    folder = Starter("any").path().parent
    assert {path.name for path in folder.glob("*.safetensors")} <= known


def test_unknown_names_are_answered_with_near_ones() -> None:
    with pytest.raises(UnknownWeightsError, match="dlib-face-recognition-resnet"):
        registered.get("dlib-face-recognition")
    with pytest.raises(UnknownWeightsError, match="weights list"):
        registered.get("zzz")


def test_a_record_that_contradicts_itself_is_no_record() -> None:
    contradictions = (
        {"file": "../escape.bin"},
        {"sha256": "not a digest"},
        {"sha256": "A" * 64},
        {"converter": "clip_onnx"},
    )
    for changes in contradictions:
        with pytest.raises(ValueError, match="tiny"):
            spec("tiny", NOWHERE, **changes)
    with pytest.raises(ValueError, match="no source"):
        spec("tiny")
    with pytest.raises(ValueError, match="lower-case"):
        spec("Tiny Weights", NOWHERE)


def test_a_registry_refuses_doubles_and_missing_raw_weights() -> None:
    with pytest.raises(ValueError, match="twice"):
        registry(spec("tiny", NOWHERE), spec("tiny", NOWHERE))
    with pytest.raises(ValueError, match="before it"):
        registry(spec("converted", Converted("raw")), spec("raw", NOWHERE))
