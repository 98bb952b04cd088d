"""Turns face records into a feature cache: finds faces, makes pairs, crops and encodes, shard by shard."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from face.types import CropSpec, FaceDetections
from forensics.data.cache import (
    CacheSpec,
    FeatureCache,
    load_shard,
    read_spec,
    save_shard,
    shard_path,
    shard_paths,
    write_spec,
)
from forensics.data.faces import DatasetError, FaceRecord
from forensics.data.paste import Image
from forensics.data.samples import Detect, Sample, SampleSettings, find_faces, make_samples

log = logging.getLogger(__name__)

# Enough faces for a varied choice of donors; a kill loses at most one shard's work.
RECORDS_IN_SHARD = 256
_BATCH_CROPS = 32


@dataclass(frozen=True)
class Tools:
    """The parts of the analysis that extraction runs, so that training sees what analysis sees.

    `detect` gives the faces of one picture [H,W,3] uint8 RGB; `crop` cuts [1,3,S,S] uint8 of the one face of
    a picture and `embed` gives its raw identity [1,E] float32. `encode` gives the tower's raw features
    [N,D] float32 of crops [N,3,S,S] uint8.
    """

    detect: Detect
    crop: Callable[[Image, FaceDetections, CropSpec], torch.Tensor]
    embed: Callable[[Image, FaceDetections], torch.Tensor]
    encode: Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Account:
    """What became of the records: `failed` are sentences naming a file and why it gave no face."""

    samples: int
    failed: tuple[str, ...]


def material_sha256(records: Sequence[FaceRecord]) -> str:
    """Digest of which files are listed and how they are labelled and split; contents are not read."""
    digest = hashlib.sha256()
    for record in records:
        values = [record.path.name, record.label.value, record.split.value, record.method, record.identity]
        # The same videos at another compression have the same names.
        values += [record.compression] if record.compression else []
        digest.update("\t".join(values).encode() + b"\n")
    return digest.hexdigest()


def extract(
    records: Sequence[FaceRecord],
    out: Path,
    *,
    tools: Tools,
    spec: CacheSpec,
    settings: SampleSettings,
    records_in_shard: int = RECORDS_IN_SHARD,
) -> Account:
    """Write the cache of `records` into the folder `out`; shards that are there already are kept.

    Records are shuffled by the seed, so that every shard is a fair sample of all; equal arguments give equal
    shards. Records that fail are logged and returned, in this run's share only. Raises
    `CacheMismatchError` if `out` holds a cache of another spec, `DatasetError` if no record gave a face.
    """
    write_spec(out, spec)
    order = np.random.default_rng(settings.seed).permutation(len(records))
    failed: list[str] = []
    samples = 0
    for shard, start in enumerate(range(0, len(records), records_in_shard)):
        path = shard_path(out, shard)
        if path.exists():
            samples += len(load_shard(path))
            continue
        numbers = order[start : start + records_in_shard]
        faces = list(find_faces([(int(number), records[number]) for number in numbers], tools.detect, failed))
        if not faces:
            continue
        cache = _encode(list(make_samples(faces, settings)), tools, spec.crop)
        save_shard(cache, path)
        samples += len(cache)
        log.info("shard %d: %d faces; %d samples in all", shard, len(faces), samples)
    for sentence in failed:
        log.warning("%s", sentence)
    if samples == 0:
        raise DatasetError(f"{out}: no record gave a face")
    return Account(samples, tuple(failed))


def landmarks_in_crop(detection: FaceDetections, crop: CropSpec) -> npt.NDArray[np.float32]:
    """[5,2] float32 pixels: where the one face's landmarks lie in its margin crop."""
    box = detection.boxes_xyxy[0].astype(np.float64)
    side = crop.margin_ratio * float(max(box[2] - box[0], box[3] - box[1]))
    corner = (box[:2] + box[2:]) / 2 - side / 2
    return np.asarray((detection.landmarks[0] - corner) * (crop.size / side), np.float32)


def reembed(
    folder: Path, embed: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], *, embedder: str
) -> None:
    """Compute the identities of a cache anew from its crops [N,3,S,S] uint8 and the landmarks [N,5,2] in
    them: enough for trying other encoders, a little softer than `extract`, which sees the full picture.

    The cache names the new `embedder` only when the last shard is done: a killed run is run again.
    """
    spec = read_spec(folder)
    write_spec(folder, replace(spec, embedder=""), overwrite=True)
    for path in shard_paths(folder):
        shard = load_shard(path)
        embeddings = embed(torch.from_numpy(shard.crops), torch.from_numpy(shard.landmarks))
        save_shard(replace(shard, embeddings=embeddings.float().cpu().numpy()), path)
    write_spec(folder, replace(spec, embedder=embedder), overwrite=True)


def _encode(samples: Sequence[Sample], tools: Tools, crop: CropSpec) -> FeatureCache:
    crops = torch.cat([tools.crop(sample.image, sample.detection, crop) for sample in samples]).cpu()
    features = torch.cat([tools.encode(batch) for batch in torch.split(crops, _BATCH_CROPS)])
    landmarks = np.stack([landmarks_in_crop(sample.detection, crop) for sample in samples])
    embeddings = torch.cat([tools.embed(sample.image, sample.detection) for sample in samples])
    return FeatureCache(
        crops=crops.numpy(),
        features=features.float().cpu().numpy(),
        landmarks=landmarks,
        embeddings=embeddings.float().cpu().numpy(),
        label=np.array([sample.label for sample in samples], np.int8),
        pair=np.array([sample.pair for sample in samples], np.int64),
        split=np.array([sample.record.split.value for sample in samples]),
        source=np.array([sample.record.method for sample in samples]),
        method=np.array([sample.method for sample in samples]),
        identity=np.array([sample.record.identity for sample in samples]),
        group=np.array([sample.record.group for sample in samples]),
    )
