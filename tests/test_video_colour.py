"""Colours: known Y, Cb, Cr in; RGB as the standards' formulas give it out."""

from __future__ import annotations

import math
from pathlib import Path

import media
import numpy as np
import pytest

from video.reader import open_video
from video.sampling import Sampling
from video.tonemap import compress, hlg_to_scene, nits_to_pq, pq_to_nits

# Kr and Kb of ITU-R BT.601, BT.709 and BT.2020.
COEFFICIENTS = {media.BT601: (0.299, 0.114), media.BT709: (0.2126, 0.0722), media.BT2020: (0.2627, 0.0593)}
PATCHES = [(81, 90, 200), (145, 54, 34), (60, 180, 120), (180, 128, 128)]


def colour_of(path: Path) -> tuple[list[int], tuple[str, ...]]:
    with open_video(path, sampling=Sampling.all()) as reader:
        (batch,) = reader.batches(100)
        return batch.data[-1, 32, 32].tolist(), reader.delivery.warnings


def expected_rgb(levels: tuple[int, int, int], matrix: int, full: bool) -> list[float]:
    """The decoding equations of ITU-T H.273, written plainly."""
    kr, kb = COEFFICIENTS[matrix]
    y, cb, cr = levels
    luma = y / 255 if full else (y - 16) / 219
    blue, red = ((v - 128) / (255 if full else 224) for v in (cb, cr))
    r = luma + 2 * (1 - kr) * red
    b = luma + 2 * (1 - kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    return [min(max(255 * v, 0), 255) for v in (r, g, b)]


def clip(
    path: Path,
    levels: tuple[int, int, int],
    *,
    matrix: int = 2,
    color_range: int = 0,
    size: tuple[int, int] = (64, 64),
) -> Path:
    frame = media.flat_yuv(levels, *size)
    # An own lossless codec keeps the samples what they are; untagged where the container is to be untagged.
    return media.encode(path, [frame], codec="ffv1", options={}, colorspace=matrix, color_range=color_range)


@pytest.mark.parametrize("levels", PATCHES)
@pytest.mark.parametrize("matrix", COEFFICIENTS)
@pytest.mark.parametrize("full", [False, True])
def test_matrix_and_range_are_respected(
    tmp_path: Path, levels: tuple[int, int, int], matrix: int, full: bool
) -> None:
    color_range = media.PC if full else media.TV
    path = clip(tmp_path / "clip.mkv", levels, matrix=matrix, color_range=color_range)
    np.testing.assert_allclose(colour_of(path)[0], expected_rgb(levels, matrix, full), atol=2)


@pytest.mark.parametrize(
    ("size", "matrix"),
    [((64, 64), media.BT601), ((64, 720), media.BT709), ((1280, 64), media.BT709), ((64, 718), media.BT601)],
)
def test_an_unspecified_matrix_is_guessed_by_size(tmp_path: Path, size: tuple[int, int], matrix: int) -> None:
    path = clip(tmp_path / "clip.mkv", PATCHES[0], size=size)
    np.testing.assert_allclose(colour_of(path)[0], expected_rgb(PATCHES[0], matrix, full=False), atol=2)


def pq(nits: float) -> float:
    """SMPTE ST 2084 inverse EOTF, written plainly."""
    y = (nits / 10000) ** 0.1593017578125
    return float(((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


def ten_bit_grey(signal: float) -> tuple[int, int, int]:
    return round(64 + 876 * signal), 512, 512


@pytest.mark.parametrize("nits", [1, 10, 50, 85])
def test_pq_below_the_knee_keeps_its_light(tmp_path: Path, nits: float) -> None:
    rgb, warnings = colour_of(media.hdr(tmp_path / "pq.mp4", ten_bit_grey(pq(nits)), media.PQ))
    expected = 255 * (nits / 203) ** (1 / 2.4)
    np.testing.assert_allclose(rgb, [expected] * 3, atol=2)
    assert any("tone-mapped" in warning for warning in warnings)


def test_hlg_grey_card_and_white_land_where_sdr_has_them(tmp_path: Path) -> None:
    # ITU-R BT.2408: the 18 % grey card at 38 % HLG is 26 nits, reference white at 75 % is 203 nits.
    grey, _ = colour_of(media.hdr(tmp_path / "grey.mp4", ten_bit_grey(0.38), media.HLG))
    np.testing.assert_allclose(grey, [255 * (26 / 203) ** (1 / 2.4)] * 3, atol=3)
    white, _ = colour_of(media.hdr(tmp_path / "white.mp4", ten_bit_grey(0.75), media.HLG))
    assert 225 <= min(white) <= max(white) <= 240
    peak, _ = colour_of(media.hdr(tmp_path / "peak.mp4", ten_bit_grey(1.0), media.HLG))
    assert min(peak) >= 253


def test_hdr_colours_come_out_in_bt709(tmp_path: Path) -> None:
    # BT.709 red at 50 nits, in BT.2020 primaries (ITU-R BT.2087), as PQ R'G'B', as Y'CbCr.
    linear = 50 * np.array((0.6274, 0.0691, 0.0164))
    r, g, b = (pq(nits) for nits in linear)
    luma = 0.2627 * r + 0.6780 * g + 0.0593 * b
    levels = (
        round(64 + 876 * luma),
        round(512 + 896 * (b - luma) / 1.8814),
        round(512 + 896 * (r - luma) / 1.4746),
    )
    rgb, _ = colour_of(media.hdr(tmp_path / "red.mp4", levels, media.PQ))
    np.testing.assert_allclose(rgb[0], 255 * (50 / 203) ** (1 / 2.4), atol=3)
    assert max(rgb[1:]) < 25


def test_transfer_functions_meet_their_published_points() -> None:
    # ST 2084: 100 nits at 0.5081, 1000 nits at 0.7518; BT.2100 HLG: half signal is 1/12 of scene light.
    np.testing.assert_allclose(nits_to_pq(np.array([100.0, 1000.0])), [0.5081, 0.7518], atol=1e-4)
    np.testing.assert_allclose(
        pq_to_nits(nits_to_pq(np.array([0.1, 5.0, 4000.0]))), [0.1, 5, 4000], rtol=1e-6
    )
    np.testing.assert_allclose(hlg_to_scene(np.array([0.0, 0.5, 1.0])), [0, 1 / 12, 1], atol=1e-6)


def test_compression_rises_from_black_to_the_sdr_peak() -> None:
    light = compress(np.linspace(0, 1000, 2001))
    assert np.all(np.diff(light) > 0)
    assert math.isclose(light[-1], 203, rel_tol=1e-6)
    np.testing.assert_allclose(light[:175], np.linspace(0, 1000, 2001)[:175], atol=1e-6)
