"""The shards of an extraction: each is made of its own records, whole or not at all, with an account."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from face.types import CropSpec, FaceDetections
from forensics.data.cache import FeatureCache, load_shard, save_shard, shard_path, write_whole
from forensics.data.faces import DatasetError, FaceRecord, some
from forensics.data.samples import Failure, Sample, SampleSettings, find_faces, make_samples
from forensics.data.tools import Tools

_BATCH_CROPS = 32


@dataclass(frozen=True)
class ShardAccount:
    """How many samples a shard holds, and what became of the records that gave none."""

    samples: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Work:
    """An extraction as every process of it knows it.

    Records are shuffled by the seed, so that every shard is a fair sample of all.
    """

    records: tuple[FaceRecord, ...]
    out: Path
    crop: CropSpec
    settings: SampleSettings
    records_in_shard: int
    masks: bool
    max_unreadable: int | None

    @property
    def shards(self) -> int:
        return -(-len(self.records) // self.records_in_shard)

    def account(self, shard: int) -> ShardAccount | None:
        """What became of a shard, if it is done."""
        path = shard_path(self.out, shard)
        try:
            told = json.loads(_account_path(path).read_text(encoding="utf-8"))
            account = ShardAccount(told["samples"], tuple(Failure(**each) for each in told["failures"]))
        except FileNotFoundError:
            # Caches made before accounts were kept.
            return ShardAccount(len(load_shard(path)), ()) if path.exists() else None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DatasetError(f"{_account_path(path)}: cannot be read: {error}; delete it") from error
        # It is written first: a shard that was to follow may not have.
        return account if path.exists() or not account.samples else None

    def accounts(self) -> list[ShardAccount]:
        """Those of all shards that are done."""
        found = (self.account(shard) for shard in range(self.shards))
        return [account for account in found if account is not None]

    def refuse_too_many_unreadable(self) -> None:
        """Raise `DatasetError` where more records than are allowed cannot be read."""
        bad = [each.sentence for one in self.accounts() for each in one.failures if each.unreadable]
        if self.max_unreadable is not None and len(bad) > self.max_unreadable:
            raise DatasetError(
                f"{self.out}: {len(bad)} records cannot be read, and --max-unreadable allows "
                f"{self.max_unreadable}: {some(bad)}"
            )

    def make(self, shards: Sequence[int], make_tools: Callable[[], Tools]) -> None:
        """Make those of `shards` that are not there yet.

        Raises `DatasetError` as soon as too many records cannot be read, OutputError where the cache cannot
        be written.
        """
        todo = [shard for shard in shards if self.account(shard) is None]
        if not todo:
            return
        tools = make_tools()
        order = np.random.default_rng(self.settings.seed).permutation(len(self.records))
        for shard in todo:
            start = shard * self.records_in_shard
            numbers = order[start : start + self.records_in_shard]
            self._make_one(shard, [(int(number), self.records[number]) for number in numbers], tools)
            self.refuse_too_many_unreadable()

    def _make_one(self, shard: int, numbered: Sequence[tuple[int, FaceRecord]], tools: Tools) -> None:
        failed: list[Failure] = []
        faces = list(find_faces(numbered, tools.detect, failed, landmarks=tools.landmarks))
        samples = list(make_samples(faces, self.settings))
        path = shard_path(self.out, shard)
        account = {"samples": len(samples), "failures": [asdict(each) for each in failed]}
        text = json.dumps(account, indent=1, ensure_ascii=False)
        write_whole(_account_path(path), lambda file: file.write(text.encode()))
        if samples:
            save_shard(_encode(samples, tools, self.crop, masks=self.masks), path)


def landmarks_in_crop(detection: FaceDetections, crop: CropSpec) -> npt.NDArray[np.float32]:
    """[5,2] float32 pixels: where the one face's landmarks lie in its margin crop."""
    box = detection.boxes_xyxy[0].astype(np.float64)
    side = crop.margin_ratio * float(max(box[2] - box[0], box[3] - box[1]))
    corner = (box[:2] + box[2:]) / 2 - side / 2
    return np.asarray((detection.landmarks[0] - corner) * (crop.size / side), np.float32)


def _account_path(shard: Path) -> Path:
    return shard.with_suffix(".json")


def _encode(samples: Sequence[Sample], tools: Tools, crop: CropSpec, *, masks: bool) -> FeatureCache:
    crops = torch.cat([tools.crop(sample.image, sample.detection, crop) for sample in samples]).cpu()
    features = torch.cat([tools.encode(batch) for batch in torch.split(crops, _BATCH_CROPS)])
    landmarks = np.stack([landmarks_in_crop(sample.detection, crop) for sample in samples])
    embeddings = torch.cat([tools.embed(sample.image, sample.detection) for sample in samples])
    pasted = [_mask_in_crop(sample, tools, crop) for sample in samples] if masks else []
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
        mask=np.stack(pasted) if pasted else np.zeros((len(samples), 0, 0), np.uint8),
    )


def _mask_in_crop(sample: Sample, tools: Tools, crop: CropSpec) -> npt.NDArray[np.uint8]:
    if sample.mask is None:
        return np.zeros((crop.size, crop.size), np.uint8)
    picture = np.repeat((255 * sample.mask).round().astype(np.uint8)[..., None], 3, axis=2)
    return np.asarray(tools.crop(picture, sample.detection, crop)[0, 0].cpu())
