"""Pictures for tests of CoDE's training: smooth textures, and the same as a crude generator leaves them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import timm
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom
from torch import nn

Array = npt.NDArray[np.uint8]
SIDE = 64
WIDTH = 48


def small_vit() -> nn.Module:
    """A ViT of two blocks on 64 px."""
    options = {"img_size": SIDE, "patch_size": 8, "embed_dim": WIDTH, "depth": 2, "num_heads": 3}
    return timm.models.VisionTransformer(num_classes=0, **options)


def photo(seed: int, *, side: int = 80) -> Array:
    """[side,side,3] uint8: coloured noise smoothed at three scales, with the grain of a sensor."""
    draw = np.random.default_rng(seed)
    layers = [gaussian_filter(draw.normal(size=(side, side, 3)), (s, s, 0)) * s for s in (1, 4, 12)]
    grain = draw.normal(0, 2, (side, side, 3))
    return np.clip(128 + 40 * np.sum(layers, axis=0) + grain, 0, 255).astype(np.uint8)


def generated(picture: Array) -> Array:
    """The picture enlarged from half its size, with the grid that a transposed convolution leaves."""
    half = picture[::2, ::2].astype(np.float32)
    enlarged = zoom(half, (2, 2, 1), order=1, mode="nearest", grid_mode=True)
    rows, columns = np.indices(enlarged.shape[:2])
    grid = np.where((rows // 2 + columns // 2) % 2, 24.0, -24.0)[..., None]
    return np.clip(enlarged + grid, 0, 255).astype(np.uint8)


def png(picture: Array) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def write_folder(folder: Path, count: int, *, first: int = 0) -> Path:
    """real/ and fake/ with `count` pictures each, counterparts of the same name."""
    for number in range(first, first + count):
        picture = photo(number)
        for kind, pixels in (("real", picture), ("fake", generated(picture))):
            path = folder / kind / "set" / f"{number:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(pixels))
    return folder


def write_shard(path: Path, keys: list[str], *, generators: int = 4) -> Path:
    """A WebDataset shard of D3 records; every generator leaves another brightness."""
    with tarfile.open(path, "w") as archive:
        for seed, key in enumerate(keys):
            picture = photo(seed)
            members = {"caption.txt": b"a texture", "real.png": png(picture)}
            for number in range(generators):
                members[f"gen_{number}.png"] = png(generated(picture) // (number + 1))
            for name, content in members.items():
                entry = tarfile.TarInfo(f"{key}.{name}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return path
