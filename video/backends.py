"""What each decoder can and cannot do: the one table that the readers, the tests and the docs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

BACKENDS = ("pyav", "decord")
DEFAULT_BACKEND = "pyav"
# What "yes" in the table means: times are equal, and each picture differs from an independent decode by no
# more than this in the mean of all samples and in their median. Decoders round and spread chroma in their
# own ways; at the edges of colours single samples differ by more than half of the scale.
MEAN_TOLERANCE_LEVELS = 4
MEDIAN_TOLERANCE_LEVELS = 2


class ClipKind(StrEnum):
    """Kinds of files that tell decoders apart. The values are printed in the table."""

    B_FRAMES = "H.264 with B-frames"
    OPEN_GOP = "H.264, open GOP"
    HEVC = "HEVC"
    VP9 = "VP9 in WebM"
    AV1 = "AV1"
    AVI = "MPEG-4 in AVI"
    TRANSPORT_STREAM = "MPEG-TS"
    VARIABLE_RATE = "variable frame rate"
    ROTATED = "rotated by display matrix"
    MIRRORED = "mirrored by display matrix"
    EDIT_LIST = "edit list (trimmed without re-encoding)"
    ANAMORPHIC = "pixels that are not square"
    ODD_SIZE = "odd size"
    PADDED_ROWS = "16, 24, 48 or 72 pixels wide"
    TEN_BIT = "10-bit"
    FULL_RANGE_BT709 = "declared as BT.709, full range"
    UNDECLARED_HD = "HD without declared colours"
    INTERLACED = "interlaced"
    HDR = "HDR (PQ, HLG)"
    SEVERAL_STREAMS = "several video streams"
    SIZE_CHANGE = "size change in mid-stream"
    TRUNCATED = "truncated"
    CORRUPTED = "corrupted"


# Why a backend is not given files of a kind; what is not named here it must decode rightly.
LIMITATIONS: Mapping[str, Mapping[ClipKind, str]] = MappingProxyType(
    {
        "pyav": MappingProxyType({}),
        "decord": MappingProxyType(
            {
                ClipKind.AV1: "its FFmpeg 4.1 has no AV1 decoder",
                ClipKind.AVI: "it gives AVI frames no usable times",
                ClipKind.TRANSPORT_STREAM: "it lets the times of MPEG-TS begin at 0 and fails at the end",
                ClipKind.MIRRORED: "it turns pictures but does not mirror them",
                ClipKind.EDIT_LIST: "it counts the frames that an edit list hides",
                ClipKind.ANAMORPHIC: "it leaves pixels that are not square as they are",
                ClipKind.PADDED_ROWS: "it leaves padding in the rows at this width",
                ClipKind.UNDECLARED_HD: "it takes HD without declared colours for BT.601",
                ClipKind.INTERLACED: "it does not deinterlace",
                ClipKind.HDR: "it does not tone-map HDR",
                ClipKind.SEVERAL_STREAMS: "it may read another of several video streams",
                ClipKind.SIZE_CHANGE: "it rescales after a change of size without saying so",
                ClipKind.TRUNCATED: "it fails where a truncated file breaks off",
                ClipKind.CORRUPTED: "it does not count damaged frames",
            }
        ),
    }
)


@dataclass(frozen=True)
class CapabilityRow:
    """One kind of file and, in the order of `BACKENDS`, "yes" or why not."""

    kind: str
    answers: tuple[str, ...]


def capability_rows() -> tuple[CapabilityRow, ...]:
    """The table, one row per kind of file, for printing."""
    return tuple(
        CapabilityRow(kind.value, tuple(LIMITATIONS[backend].get(kind, "yes") for backend in BACKENDS))
        for kind in ClipKind
    )
