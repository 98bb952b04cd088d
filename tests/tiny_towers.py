"""A tiny CLIP in the place of OpenAI's ViT-B/32, faces to train on with it, and evidence to score."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from stubs import ANY_QUALITY, CPU, OneFace
from tiny import tiny_clip, tiny_clip_config

from face.detect import FaceDetector
from face.embed import IdentityEmbedder
from face.manual import ManualFaces
from face.track import Tracker, TrackSettings
from face.types import CropSpec, FaceCrops, IdentityEmbeddings
from forensics.backbones import BACKBONES
from forensics.data.cache import PAIRS_IN_RECORD, CacheSpec, FeatureCache, save_shard, shard_path, write_spec
from forensics.evidence import Evidence, FrontHalf
from forensics.repdfd_config import RepDFDConfig
from forensics.reprogram import BorderReprogram
from forensics.train.repdfd import config_before_training
from video.frames import FrameBatch
from weights.registry import DEFAULT, Registry
from weights.store import Store

NAME = "vit-b32"
CANVAS = 32
PAIRS = 12


def tiny_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Stands the tiny CLIP in for ViT-B/32: among the backbones, in open_clip's table, in the registry."""
    backbone = replace(BACKBONES[NAME], architecture="tiny-quickgelu", canvas_pixels=CANVAS)
    monkeypatch.setitem(BACKBONES, NAME, backbone)
    monkeypatch.setattr("open_clip.get_model_config", {"tiny-quickgelu": tiny_clip_config()}.__getitem__)
    specs = [DEFAULT.get(name) for name in DEFAULT.names()]
    tiny = Registry([replace(each, sha256=None) if each.name == backbone.weights else each for each in specs])
    monkeypatch.setattr("weights.store.Store", functools.partial(Store, registry=tiny))
    store = Store(folder / "weights", offline=True, registry=tiny)
    whole = folder / "open_clip_model.safetensors"
    save_file(tiny_clip().state_dict(), whole)
    store.import_file(backbone.weights, whole)
    return store


def tiny_config(*, embedder: str = "dlib") -> RepDFDConfig:
    """What a training on the tiny CLIP begins with, while it stands in."""
    return config_before_training(BACKBONES[NAME], embedder=embedder)


def write_cache(
    folder: Path, store: Store, *, config: RepDFDConfig | None = None, paired: bool = True
) -> None:
    """Faces as extraction with the tiny CLIP leaves them, the fake ones brighter and, unless `paired`, each
    on its own."""
    rng, config = np.random.default_rng(0), config or tiny_config()
    side, count = config.face_pixels, 2 * PAIRS
    real = rng.integers(60, 120, (PAIRS, 3, side, side))
    crops = np.stack([real, real + 60], axis=1).reshape(count, 3, side, side).astype(np.uint8)
    with torch.no_grad():
        inputs = BorderReprogram(canvas_pixels=CANVAS, face_pixels=side)(torch.from_numpy(crops))
        features = tiny_clip().visual(inputs).numpy()
    spec = CacheSpec(
        crop=config.crop,
        preprocess="made up",
        tower_sha256=store.fetch(config.image_weights).sha256,
        embedder=config.embedder,
        pairs="",
        material_sha256="",
        seed=7,
        backbone=NAME,
    )
    write_spec(folder, spec)
    faces = FeatureCache(
        crops=crops,
        features=features,
        landmarks=np.zeros((count, 5, 2), np.float32),
        embeddings=rng.normal(size=(count, config.embedding_width)).astype(np.float32),
        label=np.tile([0, 1], PAIRS).astype(np.int8),
        pair=(np.repeat(np.arange(PAIRS), 2) if paired else np.arange(count)) * PAIRS_IN_RECORD,
        split=np.repeat(np.where(np.arange(PAIRS) % 3, "train", "val"), 2),
        source=np.full(count, "made up"),
        method=np.tile(["real", "self_blend"], PAIRS),
        identity=np.array([f"person{pair}" for pair in np.repeat(np.arange(count // 2), 2)]),
        group=np.full(count, ""),
    )
    save_shard(faces, shard_path(folder, 0))


class Colours:
    """An identity encoder by any name: the brightness of a face, spread over the dimension asked for."""

    spec = CropSpec(size=16)
    same_person_similarity = 0.9

    def __init__(self, name: str, dimension: int) -> None:
        self.name = name
        self.dimension = dimension

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        brightness = crops.data.float().mean(dim=(1, 2, 3)) / 255
        waves = torch.sin(torch.arange(1.0, self.dimension + 1))
        return IdentityEmbeddings(brightness[:, None] * waves, self.name)


def evidence_of(
    frames: torch.Tensor, embedders: Sequence[IdentityEmbedder], *, detector: FaceDetector | None = None
) -> Evidence:
    """What the front half makes of [T,H,W,3] uint8 frames, with one face in each unless `detector` says."""
    number = np.arange(len(frames), dtype=np.int64)
    front = FrontHalf(detector or OneFace(), embedders, ANY_QUALITY, CPU)
    tracker = Tracker(TrackSettings(same_person_similarity=0.9))
    batch = FrameBatch(frames.numpy(), number, number, Fraction(1, 25))
    return front.gather(batch, tracker, ManualFaces(()))
