"""Media of every accepted kind, small, and the seeded damage that makes malformed files of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import media
import PIL.Image

SIDE = 64
FRAMES = 8
# Where containers and codecs keep what they say of themselves; MP4 may keep it at the end.
HEADER_BYTES = 512
# Lengths, counts and offsets that parsers trip over.
EXTREMES = (
    b"\x00",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x01",
)


@dataclass(frozen=True)
class Encoding:
    """How a sample is encoded; its name's suffix says the container."""

    name: str
    codec: str
    pix_fmt: str = "yuv420p"
    size: tuple[int, int] = (SIDE, SIDE)
    frames: int = FRAMES
    options: Mapping[str, str] = field(default_factory=dict)


ENCODINGS = (
    *(Encoding(f"h264.{suffix}", "libx264") for suffix in ("mp4", "mov", "mkv", "ts", "flv", "h264")),
    *(
        Encoding(f"hevc.{suffix}", "libx265", options={"x265-params": "log-level=none"})
        for suffix in ("mp4", "hevc")
    ),
    Encoding("vp8.webm", "libvpx"),
    Encoding("vp9.webm", "libvpx-vp9"),
    Encoding("vp9.ivf", "libvpx-vp9"),
    Encoding("av1.mp4", "libsvtav1", options={"preset": "8"}),
    Encoding("av1.obu", "libsvtav1", options={"preset": "8"}),
    Encoding("mpeg1.mpg", "mpeg1video"),
    *(Encoding(f"mpeg2.{suffix}", "mpeg2video") for suffix in ("mpg", "m2v", "mxf", "ts")),
    *(Encoding(f"mpeg4.{suffix}", "mpeg4") for suffix in ("avi", "3gp")),
    Encoding("msmpeg4.avi", "msmpeg4"),
    Encoding("msmpeg4v2.avi", "msmpeg4v2"),
    Encoding("h263.avi", "h263", size=(128, 96)),
    Encoding("flv1.flv", "flv"),
    Encoding("wmv1.asf", "wmv1"),
    Encoding("wmv2.wmv", "wmv2"),
    *(Encoding(f"mjpeg.{suffix}", "mjpeg", "yuvj420p") for suffix in ("avi", "mov")),
    Encoding("prores.mov", "prores_ks", "yuv422p10le"),
    Encoding("dnxhr.mov", "dnxhd", "yuv422p", (256, 120), 2, {"profile": "dnxhr_lb"}),
    *(Encoding(f"ffv1.{suffix}", "ffv1") for suffix in ("mkv", "avi")),
    Encoding("huffyuv.avi", "huffyuv", "yuv422p"),
    Encoding("utvideo.avi", "utvideo"),
    *(Encoding(f"raw.{suffix}", "rawvideo") for suffix in ("avi", "mkv")),
    Encoding("png.mov", "png", "rgb24"),
    Encoding("apng.apng", "apng", "rgb24"),
    Encoding("gif.gif", "gif", "rgb8"),
    Encoding("dv.dv", "dvvideo", size=(720, 576), frames=1),
)  # fmt: skip
STILLS = ("jpg", "png", "webp", "bmp", "tiff")


@dataclass(frozen=True)
class Mutant:
    """A damaged file: what it was made of, and how."""

    sample: str
    damage: str
    data: bytes


def samples(folder: Path) -> dict[str, bytes]:
    """The sound files by name, made in `folder`."""
    made = {each.name: _encoded(folder / each.name, each) for each in ENCODINGS}
    made |= {f"still.{suffix}": _still(folder / f"still.{suffix}") for suffix in STILLS}
    made["edit_list.mp4"] = media.edit_list(folder / "edit_list.mp4", count=20).read_bytes()
    made["two_streams.mkv"] = media.two_streams(folder / "two_streams.mkv").read_bytes()
    return made


def mutants(sound: Mapping[str, bytes], count: int, seed: int) -> Iterator[Mutant]:
    """`count` damaged files; number and seed alone say which, whatever the count."""
    names = sorted(sound)
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        # In turn, so that few mutants too are of every kind and damage.
        name = names[number % len(names)]
        damage = tuple(DAMAGES)[number // len(names) % len(DAMAGES)]
        yield Mutant(name, damage, DAMAGES[damage](rng, sound[name], tuple(sound.values())))


def _encoded(path: Path, encoding: Encoding) -> bytes:
    frames = media.rgb_frames(encoding.frames, *encoding.size)
    options = {"strict": "-1", **encoding.options}
    media.encode(path, frames, codec=encoding.codec, pix_fmt=encoding.pix_fmt, options=options)
    return path.read_bytes()


def _still(path: Path) -> bytes:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(media.picture(5, SIDE, SIDE)).save(path, exif=exif)
    return path.read_bytes()


def _headers(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _each in range(rng.randint(1, 4)):
        near = rng.randrange(min(HEADER_BYTES, len(data)))
        place = near if rng.random() < 0.7 else len(data) - 1 - near
        value = rng.choice(EXTREMES) if rng.random() < 0.5 else rng.randbytes(rng.randint(1, 4))
        changed[place : place + len(value)] = value
    return bytes(changed)


def _truncation(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: rng.randrange(len(data))]


def _bit_flips(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _each in range(rng.randint(1, 64)):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _splice(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The beginning of one file with the end of another, or with a piece of it put in."""
    other = rng.choice(others)
    place, start = rng.randrange(len(data)), rng.randrange(len(other))
    if rng.random() < 0.5:
        return data[:place] + other[start:]
    piece = other[start : start + rng.randint(1, 2048)]
    kept = place if rng.random() < 0.5 else place + len(piece)
    return data[:place] + piece + data[kept:]


DAMAGES: Mapping[str, Callable[[random.Random, bytes, Sequence[bytes]], bytes]] = {
    "headers": _headers,
    "truncation": _truncation,
    "bit flips": _bit_flips,
    "splice": _splice,
}
