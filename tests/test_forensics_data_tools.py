"""Extraction runs the analysis' own parts, on pictures and on clips."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torch import nn

from face.align import make_crops
from face.types import Alignment, CropSpec, FaceCrops, FaceDetections, IdentityEmbeddings
from forensics.data.faces import FaceRecord, Label, Split
from forensics.data.mixture import BlendSettings, Family
from forensics.data.pair import PairSettings
from forensics.data.samples import Failure, FoundFace, SampleSettings, find_faces, make_pair, make_samples
from forensics.data.tools import analysis_tools
from video.write import VideoWriter

CROP = CropSpec(156, margin_ratio=1.3)
FOUND = FaceDetections(
    np.array([[181.1, 62.2, 267.7, 172.1]], np.float32),
    np.array([[(205.0, 101.7), (246.8, 103.7), (224.7, 129.0), (201.7, 139.2), (245.3, 141.9)]], np.float32),
    np.ones(1, np.float32),
    np.zeros(1, np.int64),
)


class Detector:
    name = "astronaut"
    weight_files: tuple[Path, ...] = ()

    def detect(self, frames: np.ndarray) -> FaceDetections:
        assert frames.shape == (1, 512, 512, 3)
        return FOUND


class Embedder:
    name = "mean"
    dimension = 3
    spec = CropSpec(64, alignment=Alignment.ARCFACE)
    licence = "none"
    same_person_similarity = 0.5

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        assert crops.spec == self.spec
        return IdentityEmbeddings(crops.data.float().mean(dim=(2, 3)), self.name)


class Tower(nn.Module):
    """The mean colour of the face's place, and of the border, as CLIP's tower is given them."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        assert inputs.shape[1:] == (3, 224, 224)
        inner = inputs[:, :, 34:190, 34:190].mean(dim=(2, 3))
        return self.scale * torch.cat([inner, inputs[:, :, :34].mean(dim=(2, 3))], dim=1)


def test_the_tools_are_those_of_the_analysis() -> None:
    tools = analysis_tools(Detector(), Embedder(), Tower().eval(), device=torch.device("cpu"))
    frames = torch.from_numpy(astronaut())[None]
    found = tools.detect(astronaut())
    crops = tools.crop(astronaut(), found, CROP)
    assert torch.equal(crops, make_crops(frames, FOUND, CROP).data)
    chips = make_crops(frames, FOUND, Embedder.spec).data
    assert torch.equal(tools.embed(astronaut(), found), chips.float().mean(dim=(2, 3)))
    # Normalised by CLIP's figures, with a border of zeros after that.
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])
    expected = ((crops.float() / 255).mean(dim=(2, 3)) - mean) / std
    features = tools.encode(crops)
    assert features[:, :3] == pytest.approx(expected, abs=1e-4)
    assert not features[:, 3:].any()
    assert not features.requires_grad


def test_a_clip_gives_two_faces_a_second_with_numbers_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, frame_rate=Fraction(10)) as writer:
        for _ in range(20):
            writer.write(astronaut())
    record = FaceRecord(path, Label.REAL, Split.TRAIN, "clips", "clip")
    failed: list[Failure] = []
    faces = list(find_faces([(5, record)], lambda image: FOUND, failed))
    assert not failed
    assert [(face.number, face.frame) for face in faces] == [(5, 0), (5, 1), (5, 2), (5, 3)]
    samples = list(make_samples(faces, SampleSettings(pairs_per_face=2)))
    assert len(samples) == 16
    assert len({sample.pair for sample in samples}) == 8
    # Every face is of one identity: there is no one to take a face from.
    assert not any(sample.method == "cross_identity" for sample in samples)
    shapes = [(sample.image.shape, sample.image.mean()) for sample in samples if sample.label == 0]
    assert len(set(shapes)) == 8


def test_a_donor_is_another_person_of_the_same_split(tmp_path: Path) -> None:
    cross = SampleSettings(pairs=PairSettings(blend=BlendSettings(family_weights=((Family.CROSS, 1.0),))))

    def face(identity: str, split: Split) -> FoundFace:
        record = FaceRecord(tmp_path / identity, Label.REAL, split, "m", identity)
        return FoundFace(record, 0, 0, astronaut(), FOUND)

    target = face("ann", Split.TRAIN)
    with pytest.raises(ValueError, match="donor"):
        make_pair(target, [target, face("bob", Split.VAL)], cross)
    pair = make_pair(target, [target, face("bob", Split.VAL), face("eve", Split.TRAIN)], cross)
    assert pair.family is Family.CROSS
