"""Still images are videos of one frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import media
import numpy as np
import pytest
from PIL import Image

from video.errors import RefusedVideoError, UnreadableVideoError
from video.frames import Delivery, FrameBatch, Shot, VideoInfo
from video.reader import DEFAULT_SAMPLING, Limits, open_video
from video.sampling import Sampling

FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "bmp": "BMP", "tiff": "TIFF"}
# EXIF 2.32: which stored quarter is seen at top left, top right, bottom left, bottom right.
EXIF_CORNERS = {
    1: (0, 1, 2, 3),
    2: (1, 0, 3, 2),
    3: (3, 2, 1, 0),
    4: (2, 3, 0, 1),
    5: (0, 2, 1, 3),
    6: (2, 0, 3, 1),
    7: (3, 1, 2, 0),
    8: (1, 3, 0, 2),
}


def read(
    path: Path, sampling: Sampling = DEFAULT_SAMPLING, limits: Limits | None = None
) -> tuple[VideoInfo, list[FrameBatch], Delivery]:
    with open_video(path, sampling=sampling, limits=limits or Limits()) as reader:
        batches = list(reader.batches(8))
        return reader.info, batches, reader.delivery


@pytest.mark.parametrize("suffix", [*FORMATS, "mp4"])
def test_a_picture_is_one_frame_at_time_zero(tmp_path: Path, suffix: str) -> None:
    image = media.picture(77)
    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(image).save(path, FORMATS.get(suffix, "JPEG"), quality=95)
    info, (batch,), delivery = read(path)
    assert (info.width, info.height) == (media.WIDTH, media.HEIGHT)
    assert (batch.index.tolist(), batch.pts_seconds.tolist()) == ([0], [0.0])
    assert media.read_number(batch.data[0]) == 77
    np.testing.assert_allclose(batch.data[0, 5, 5], image[5, 5], atol=3)
    assert delivery == Delivery(declared=1, decoded=1, sampled=1, warnings=(), shots=(Shot(0, 0.0),))


@pytest.mark.parametrize("sampling", [Sampling.all(), Sampling.every(5), Sampling.spread(3), Sampling.fps(4)])
def test_every_sampling_keeps_the_one_frame(tmp_path: Path, sampling: Sampling) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(media.picture(1)).save(path)
    assert len(read(path, sampling)[1]) == 1


@pytest.mark.parametrize("orientation", EXIF_CORNERS)
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "picture.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(media.picture(0)).save(path, exif=exif, quality=95)
    info, (batch,), _ = read(path)
    assert batch.data.shape[1:3] == (info.height, info.width)
    expected = [media.QUARTERS[corner] for corner in EXIF_CORNERS[orientation]]
    np.testing.assert_allclose(media.corner_colours(batch.data[0]), expected, atol=5)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "I;16"])
def test_other_pixel_kinds_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "picture.tiff"
    if mode == "I;16":
        Image.fromarray(np.full((8, 8), 32896, np.uint16)).save(path)
    else:
        grey = Image.new("RGB", (8, 8), (128, 128, 128))
        (grey.quantize() if mode == "P" else grey.convert(mode)).save(path)
    _, (batch,), _ = read(path)
    np.testing.assert_allclose(batch.data[0], np.full((8, 8, 3), 128), atol=2)


@pytest.mark.parametrize(("suffix", "rate"), [("gif", 100), ("png", 100000)])
def test_a_moving_picture_is_a_video(tmp_path: Path, suffix: str, rate: int) -> None:
    path = tmp_path / f"moving.{suffix}"
    first, *rest = (Image.fromarray(media.picture(number)) for number in range(4))
    first.save(path, save_all=True, append_images=rest, duration=100)
    info, batches, _ = read(path, Sampling.all())
    assert info.time_base == Fraction(1, rate)
    assert [media.read_number(frame) for frame in batches[0].data] == [0, 1, 2, 3]


def test_further_pages_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "pages.tiff"
    first, second = (Image.fromarray(media.picture(number)) for number in (3, 4))
    first.save(path, save_all=True, append_images=[second])
    _, (batch,), delivery = read(path)
    assert media.read_number(batch.data[0]) == 3
    assert delivery.warnings == ("2 pictures in one file; reading the first",)


@pytest.mark.parametrize(("side", "cause"), [(8193, "8193x8193 pixels"), (15000, "too many pixels")])
def test_a_picture_above_the_limit_is_refused(tmp_path: Path, side: int, cause: str) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (side, side)).save(path)
    with pytest.raises(RefusedVideoError, match=rf"{cause}.*scale it down"):
        read(path)


def test_a_broken_picture_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(UnreadableVideoError, match="no picture that decodes"):
        read(path)


def test_a_picture_in_tiles_is_refused_rather_than_read_in_part(tmp_path: Path) -> None:
    path = media.two_streams(tmp_path / "tiles.heic.mp4")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"ftypisom", b"ftypheic", 1))
    with pytest.raises(RefusedVideoError, match=r"HEIF picture in tiles.*convert it to JPEG"):
        read(path)
