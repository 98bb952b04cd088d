"""RepDFD when its tower runs out of memory or gives no numbers: fewer faces at once, the same finding."""

from __future__ import annotations

from pathlib import Path

import media
import pytest
import torch
from stubs import stub_models
from test_forensics_faults import out_of_memory_above
from tiny import tiny_clip
from tiny_towers import Colours, tiny_config, tiny_store

from forensics.comparison import first_difference
from forensics.detector import LoadOptions
from forensics.detectors import repdfd
from forensics.pipeline import analyze_video
from forensics.repdfd import build
from forensics.repdfd_checkpoint import save_checkpoint
from forensics.report.facts import MemoryShortage
from forensics.report.model import Report
from forensics.settings import AnalysisSettings
from forensics.side_by_side import FRAMES_IN_PART
from video.sampling import Sampling

FRAMES = 6


@pytest.fixture
def detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> repdfd.RepDFDDetector:
    """RepDFD on the tiny CLIP, untrained."""
    store = tiny_store(tmp_path, monkeypatch)
    path, config = tmp_path / "checkpoint.safetensors", tiny_config()
    torch.manual_seed(3)
    save_checkpoint(build(config, tiny_clip().visual), config, path)
    return repdfd.load(store, LoadOptions(weights=str(path)))


def analysed(detector: repdfd.RepDFDDetector, clip: Path) -> Report:
    models = stub_models(detector, identity=Colours("dlib", 128))
    settings = AnalysisSettings(
        sampling=Sampling.all(), detectors=("repdfd",), device="cpu", chunk_frames=FRAMES, pictures=False
    )
    return analyze_video(clip, models, settings)


def test_an_image_tower_out_of_memory_gets_half_the_faces_and_finds_the_same(
    detector: repdfd.RepDFDDetector, tmp_path: Path
) -> None:
    clip = media.h264(tmp_path / "clip.mp4", count=FRAMES)
    undisturbed = analysed(detector, clip)
    detector.model.image_tower.register_forward_pre_hook(
        lambda _, inputs: out_of_memory_above(2, len(inputs[0]))
    )
    report = analysed(detector, clip)
    assert all(face.scores[0].score is not None for face in undisturbed.faces)
    # Smaller batches may change the last digits; the finding and all labels are the same.
    assert first_difference(undisturbed, report, tolerant=True) is None
    assert report.verdict == undisturbed.verdict
    shortages = report.run.memory_shortages
    assert shortages == (MemoryShortage("repdfd", 6, 3), MemoryShortage("repdfd", 3, 2))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_image_tower_that_gives_no_numbers_is_abstained_from(
    detector: repdfd.RepDFDDetector, tmp_path: Path, value: float
) -> None:
    def spoil(_: object, __: object, features: torch.Tensor) -> torch.Tensor:
        features = features.clone()
        features[0] = value
        return features

    clip = media.h264(tmp_path / "clip.mp4", count=FRAMES)
    undisturbed = analysed(detector, clip)
    detector.model.image_tower.register_forward_hook(spoil)
    report = analysed(detector, clip)
    assert len(report.faces) == FRAMES
    for number, (face, before) in enumerate(zip(report.faces, undisturbed.faces, strict=True)):
        # The first face of every part that the tower is given.
        if number % FRAMES_IN_PART == 0:
            assert (face.scores[0].abstained, face.scores[0].score) == ("not_finite", None)
        else:
            assert face.scores[0] == before.scores[0]
