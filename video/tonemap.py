"""HDR to SDR: PQ and HLG pictures as a BT.709 display of reference white would show them.

The bundled FFmpeg has no zscale, and its own `tonemap` filter wants linear light that only zscale makes,
so the formulas of the standards are written out here.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from video.h273 import HLG_TRANSFER, PQ_TRANSFER

Floats = npt.NDArray[np.float32]

# ITU-R BT.2100 table 4 (SMPTE ST 2084).
_PQ_PEAK_NITS = 10_000.0
_PQ_M1, _PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
_PQ_C1, _PQ_C2, _PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
# ITU-R BT.2100 table 5 (ARIB STD-B67), with the system gamma of its nominal 1000-nit display.
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
_HLG_GAMMA = 1.2
_BT2020_LUMA = np.array((0.2627, 0.6780, 0.0593), np.float32)
# The brightness of the mastering display: given by BT.2100 for HLG, by far the commonest for PQ.
SOURCE_PEAK_NITS = 1000.0
# ITU-R BT.2408 puts reference white of HDR at 203 nits: that becomes the peak of the SDR picture.
SDR_PEAK_NITS = 203.0
# ITU-R BT.2087: linear BT.2020 RGB to linear BT.709 RGB.
_BT2020_TO_BT709 = np.array(
    ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)), np.float32
)
# ITU-R BT.1886: the power law of an SDR display.
_SDR_GAMMA = 2.4
_LEVELS = 1 << 16

HDR_TRANSFERS = (PQ_TRANSFER, HLG_TRANSFER)


def pq_to_nits(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """PQ signal in [0,1] to display light in nits (BT.2100 EOTF)."""
    power = signal ** (1 / _PQ_M2)
    return _PQ_PEAK_NITS * (np.maximum(power - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * power)) ** (1 / _PQ_M1)


def nits_to_pq(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The inverse of `pq_to_nits`."""
    power = (nits / _PQ_PEAK_NITS) ** _PQ_M1
    return ((_PQ_C1 + _PQ_C2 * power) / (1 + _PQ_C3 * power)) ** _PQ_M2


def hlg_to_scene(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """HLG signal in [0,1] to scene light in [0,1] (BT.2100 inverse OETF)."""
    bright = (np.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12
    return np.where(signal <= 0.5, signal**2 / 3, bright)


def compress(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Nits of the source display to nits of the SDR display: the EETF of ITU-R BT.2390, black at 0.

    Below the knee (88 nits) light passes unchanged, so faces keep their contrast; above it, highlights
    are rolled off until the source's peak meets the SDR peak.
    """
    source_peak, sdr_peak = nits_to_pq(np.array((SOURCE_PEAK_NITS, SDR_PEAK_NITS)))
    signal = np.minimum(nits_to_pq(nits) / source_peak, 1)
    peak = sdr_peak / source_peak
    knee = 1.5 * peak - 0.5
    t = (signal - knee) / (1 - knee)
    rolled = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * peak
    )
    return pq_to_nits(np.where(signal < knee, signal, rolled) * source_peak)


def to_sdr(
    picture: npt.NDArray[np.uint16], transfer: int, *, wide_gamut: bool = True
) -> npt.NDArray[np.uint8]:
    """A full-range [H,W,3] uint16 PQ or HLG picture as [H,W,3] uint8 BT.709 RGB.

    `transfer` is the H.273 code point; `wide_gamut` says that the primaries are those of BT.2020.
    """
    linear = _displayed(picture, transfer)
    if wide_gamut:
        linear = np.clip(linear @ _BT2020_TO_BT709.T, 0, 1)
    return _encode_table()[_position(linear)]


def _displayed(picture: npt.NDArray[np.uint16], transfer: int) -> Floats:
    """The light of the SDR display in [0,1], still in the source's primaries."""
    if transfer == PQ_TRANSFER:
        return _pq_table()[picture]
    scene = _hlg_table()[picture]
    # The eye-to-eye gamma of HLG acts on luminance, so hues stay.
    gain = (scene @ _BT2020_LUMA) ** np.float32(_HLG_GAMMA - 1)
    return _compress_table()[_position(scene * gain[..., None])]


def _position(light: Floats) -> npt.NDArray[np.uint16]:
    """Where light in [0,1] stands in the tables: by its fourth root, which is fine where eyes are."""
    return np.rint(np.sqrt(np.sqrt(light)) * np.float32(_LEVELS - 1)).astype(np.uint16)


def _levels() -> npt.NDArray[np.float64]:
    return np.arange(_LEVELS, dtype=np.float64) / (_LEVELS - 1)


@cache
def _pq_table() -> Floats:
    return (compress(pq_to_nits(_levels())) / SDR_PEAK_NITS).clip(0, 1).astype(np.float32)


@cache
def _hlg_table() -> Floats:
    return hlg_to_scene(_levels()).clip(0, 1).astype(np.float32)


@cache
def _compress_table() -> Floats:
    return (compress(_levels() ** 4 * SOURCE_PEAK_NITS) / SDR_PEAK_NITS).clip(0, 1).astype(np.float32)


@cache
def _encode_table() -> npt.NDArray[np.uint8]:
    return np.rint(_levels() ** (4 / _SDR_GAMMA) * 255).astype(np.uint8)
