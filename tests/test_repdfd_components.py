"""RepDFD's components: each prompt's log-odds against the real one, beside the score over all of them."""

from __future__ import annotations

from pathlib import Path

import media
import numpy as np
import pytest
import torch
from reports import report_with_part
from stubs import stub_models
from tiny import tiny_clip
from tiny_towers import Colours, evidence_of, tiny_config, tiny_store

from forensics.cli.summary import print_summary
from forensics.detector import LoadOptions
from forensics.detectors import repdfd
from forensics.evidence import Evidence
from forensics.face_scores import score_faces
from forensics.pipeline import analyze_video
from forensics.repdfd import build
from forensics.repdfd_checkpoint import save_checkpoint
from forensics.scores import Abstention
from forensics.settings import AnalysisSettings
from forensics.train.repdfd import with_generated_prompt
from video.sampling import Sampling

FACES = 3


@pytest.fixture
def evidence() -> Evidence:
    generator = torch.Generator().manual_seed(5)
    frames = torch.randint(0, 256, (FACES, 60, 80, 3), generator=generator, dtype=torch.uint8)
    return evidence_of(frames, [Colours("dlib", 128)])


def loaded(folder: Path, monkeypatch: pytest.MonkeyPatch, *, generated: bool) -> repdfd.RepDFDDetector:
    """RepDFD on the tiny CLIP, untrained, with two prompts or three."""
    store = tiny_store(folder, monkeypatch)
    config = with_generated_prompt(tiny_config()) if generated else tiny_config()
    torch.manual_seed(3)
    save_checkpoint(build(config, tiny_clip().visual), config, folder / "checkpoint.safetensors")
    return repdfd.load(store, LoadOptions(weights=str(folder / "checkpoint.safetensors")))


def test_each_of_three_prompts_is_weighed_against_the_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evidence: Evidence
) -> None:
    detector = loaded(tmp_path, monkeypatch, generated=True)
    with torch.no_grad():
        logits = detector.model(evidence.crops(detector.crop).data, evidence.identities["dlib"].data).double()
    real, fake, generated = logits.numpy().T
    scores = detector.score(evidence)
    assert list(scores.components) == ["fake", "generated"]
    np.testing.assert_allclose(scores.components["fake"], fake - real, atol=1e-5)
    np.testing.assert_allclose(scores.components["generated"], generated - real, atol=1e-5)
    expected = np.log(np.exp(fake) + np.exp(generated)) - real
    np.testing.assert_allclose(scores.score, expected, atol=1e-5)
    assert np.abs(fake - generated).min() > 1e-3


def test_a_report_says_of_every_face_and_person_what_each_prompt_makes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = loaded(tmp_path, monkeypatch, generated=True)
    models = stub_models(detector, identity=Colours("dlib", 128))
    settings = AnalysisSettings(
        sampling=Sampling.all(), detectors=("repdfd",), device="cpu", chunk_frames=2, pictures=False
    )
    report = analyze_video(media.h264(tmp_path / "clip.mp4", count=FACES), models, settings)
    said = [face.scores[0] for face in report.faces]
    parts = np.array([[one.components["fake"], one.components["generated"]] for one in said])
    assert parts.shape == (FACES, 2)
    # The weights of a softmax add up: not real is fake or generated.
    np.testing.assert_allclose([one.score for one in said], np.logaddexp(*parts.T), atol=1e-9)
    finding = report.detectors[0].finding
    assert finding is not None
    (person,) = finding.tracks
    assert person.components == pytest.approx(
        dict(zip(("fake", "generated"), parts.mean(axis=0), strict=True))
    )


def test_of_two_prompts_the_score_is_the_only_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evidence: Evidence
) -> None:
    scores = loaded(tmp_path, monkeypatch, generated=False).score(evidence)
    assert len(scores) == FACES
    assert scores.components == {}


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_face_whose_component_is_no_number_gets_no_score(evidence: Evidence, value: float) -> None:
    logits = np.array([[1.0, 0.5], [2.0, value], [3.0, 1.5]])
    scores = score_faces("a", evidence, lambda chosen: logits[chosen], components=("fake",))
    assert scores.abstained == (None, Abstention.NOT_FINITE, None)
    np.testing.assert_array_equal(scores.score, [1, np.nan, 3])
    np.testing.assert_array_equal(scores.components["fake"], [0.5, np.nan, 1.5])


def test_as_many_logits_as_components_and_one_are_asked_for(evidence: Evidence) -> None:
    with pytest.raises(ValueError, match="reshape"):
        score_faces("a", evidence, lambda chosen: np.zeros(len(chosen)), components=("fake",))


def test_the_terminal_says_what_each_prompt_makes_of_the_face(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(report_with_part())
    said = " ".join(capsys.readouterr().out.split())
    by_prompt = "log-odds against real (above 0 it fits better): fake -2.25, generated +0.75"
    assert f"person A, by prompt, {by_prompt}" in said
    assert (
        "person A, 4.00 - 6.75 s stands out of the rest in the fake prompt: mean -0.50 (rest -3.00)" in said
    )
