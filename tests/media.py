"""Clips for tests, made on the spot: small, with known pictures, times and defects.

Every picture carries its number (`read_number`) and a colour in each quarter (`QUARTERS`), so that a test
can tell which frame it got and which way up, without another decoder.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import PIL.Image
from av.stream import Disposition

Picture = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 128, 96
RATE = Fraction(25)
# Top left, top right, bottom left, bottom right.
QUARTERS = ((200, 40, 40), (40, 160, 40), (40, 40, 200), (220, 220, 60))
# Colours of scenes; no reds, whose hue jumps from one end of its scale to the other.
SCENES = ((220, 150, 40), (40, 160, 90), (60, 60, 220), (180, 60, 180), (120, 200, 220))
NUMBER_BITS = 8

# H.273 code points.
BT601, BT709, BT2020 = 6, 1, 9
PQ, HLG = 16, 18
TV, PC = 1, 2

# Codecs as settings of `encode`.
VP9: dict[str, Any] = {
    "codec": "libvpx-vp9",
    "options": {"crf": "10", "b": "0", "deadline": "realtime", "cpu-used": "8"},
}
HEVC: dict[str, Any] = {
    "codec": "libx265",
    "options": {"crf": "10", "x265-params": "log-level=none"},
}

# Rows (a, b, u, c, d, v, x, y, w) of ISO 14496-12, clockwise turns and a left-right mirror.
TURNS = {
    90: (0, 1, 0, -1, 0, 0, 0, 0, 1),
    180: (-1, 0, 0, 0, -1, 0, 0, 0, 1),
    270: (0, -1, 0, 1, 0, 0, 0, 0, 1),
}
MIRROR = (-1, 0, 0, 0, 1, 0, 0, 0, 1)
MIRROR_AND_TURN_90 = (0, -1, 0, -1, 0, 0, 0, 0, 1)


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A [H,W,3] picture: a colour per quarter, and `number` in binary as bars across the middle."""
    image = np.empty((height, width, 3), np.uint8)
    middle_y, middle_x = height // 2, width // 2
    image[:middle_y, :middle_x], image[:middle_y, middle_x:] = QUARTERS[0], QUARTERS[1]
    image[middle_y:, :middle_x], image[middle_y:, middle_x:] = QUARTERS[2], QUARTERS[3]
    for bit, columns in enumerate(_bars(width)):
        image[_band(height), columns] = 255 if number >> bit & 1 else 0
    return image


def read_number(image: Picture) -> int:
    """The number that `picture` wrote."""
    height, width = image.shape[:2]
    band = image[_band(height)].astype(float)
    return sum(1 << bit for bit, columns in enumerate(_bars(width)) if band[:, columns].mean() > 127)


def corner_colours(image: Picture) -> list[tuple[int, ...]]:
    """The colours of the four quarters, in the order of `QUARTERS`, each rounded to whole levels."""
    height, width = image.shape[:2]
    spots = [(1, 1), (1, 7), (7, 1), (7, 7)]
    return [tuple(int(v) for v in image[height * y // 8, width * x // 8]) for y, x in spots]


def _band(height: int) -> slice:
    return slice(height * 3 // 8, height * 5 // 8)


def _bars(width: int) -> list[slice]:
    # Away from the borders, where quarters meet or codecs blur.
    edges = [width // 8 + width * 3 * bar // (4 * NUMBER_BITS) for bar in range(NUMBER_BITS + 1)]
    return [slice(left, right) for left, right in pairwise(edges)]


def rgb_frames(count: int, width: int = WIDTH, height: int = HEIGHT) -> Iterator[av.VideoFrame]:
    for number in range(count):
        yield av.VideoFrame.from_ndarray(picture(number, width, height), format="rgb24")


def flat_yuv(
    levels: tuple[int, int, int], width: int = 64, height: int = 64, *, bits: int = 8
) -> av.VideoFrame:
    """A frame of one Y, Cb, Cr, in 4:2:0 with 8 or 10 bits."""
    dtype, name = (np.uint8, "yuv420p") if bits == 8 else (np.uint16, "yuv420p10le")
    rows = np.empty((height * 3 // 2, width), dtype)
    rows[:height] = levels[0]
    rows[height : height * 5 // 4] = levels[1]
    rows[height * 5 // 4 :] = levels[2]
    return av.VideoFrame.from_ndarray(rows, format=name)


def encode(
    path: Path,
    frames: Iterable[av.VideoFrame],
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    pts: Sequence[int] | None = None,
    time_base: Fraction = 1 / RATE,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    **settings: Any,
) -> Path:
    """Encode `frames` to `path`, at `pts` in units of `time_base`; `settings` go to the codec context."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream: Any = None
        for position, frame in enumerate(frames):
            if stream is None:
                stream = container.add_stream(codec, RATE, options=options or {"crf": "10"})
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, pix_fmt
                stream.codec_context.time_base = time_base
                for name, value in settings.items():
                    setattr(stream.codec_context, name, value)
            if frame.format.name != pix_fmt:
                frame = frame.reformat(format=pix_fmt, dst_colorspace="ITU601", dst_color_range="MPEG")
            frame.pts = position if pts is None else pts[position]
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def h264(path: Path, count: int = 20, width: int = WIDTH, height: int = HEIGHT, **settings: Any) -> Path:
    """Constant rate, B-frames, one closed group of pictures."""
    return encode(path, rgb_frames(count, width, height), **settings)


def h264_open_gop(path: Path, count: int = 40) -> Path:
    """B-frames that reach over the keyframe every ten frames."""
    parameters = "keyint=10:min-keyint=10:scenecut=0:open-gop=1:bframes=3:b-adapt=0"
    return h264(path, count, options={"crf": "10", "x264-params": parameters})


def hevc(path: Path, count: int = 20) -> Path:
    return h264(path, count, **HEVC)


def vp9(path: Path, count: int = 20) -> Path:
    return h264(path, count, **VP9)


def av1(path: Path, count: int = 20) -> Path:
    return h264(path, count, codec="libsvtav1", options={"crf": "10", "preset": "8"})


def mpeg4_avi(path: Path, count: int = 20) -> Path:
    return h264(path, count, codec="mpeg4", options={"qscale": "2", "bf": "2", "flags": "+qscale"})


def scene(seed: int, count: int, speed: int = 1, width: int = WIDTH, height: int = HEIGHT) -> list[Picture]:
    """`count` pictures of one shot: soft blobs, their colour and places by `seed`, that move sideways.

    They move `speed` pixels a picture.
    """
    choose = np.random.default_rng(seed)
    light = choose.integers(0, 256, (height // 16, width // 4), dtype=np.uint8)
    wide = PIL.Image.fromarray(light).resize((4 * width, height), PIL.Image.Resampling.BICUBIC)
    colour = np.array(SCENES[seed % len(SCENES)]) / 255
    image = ((0.4 + 0.6 * np.asarray(wide)[..., None] / 255) * colour * 255).astype(np.uint8)
    return [np.roll(image, -speed * number, axis=1)[:, :width].copy() for number in range(count)]


def shots(path: Path, pictures: Sequence[Picture], **settings: Any) -> Path:
    """A clip of the given pictures, such as several `scene` one after the other."""
    frames = (av.VideoFrame.from_ndarray(image, format="rgb24") for image in pictures)
    return encode(path, frames, **settings)


def vfr(path: Path) -> tuple[Path, list[int]]:
    """Frames at irregular milliseconds, one pause of a second among them; the times are returned too."""
    pts = [0, 40, 80, 95, 200, 201, 333, 1333, 1366, 1400, 1500, 1700, 1705, 1710, 1999]
    return encode(path, rgb_frames(len(pts)), pts=pts, time_base=Fraction(1, 1000)), pts


def with_matrix(path: Path, matrix: Sequence[int], count: int = 6) -> Path:
    """A 20-frame MP4 whose track header asks for `matrix`, in whole numbers."""
    h264(path, count)
    data = bytearray(path.read_bytes())
    # ISO 14496-12 8.3.2: in a version 0 header the matrix starts 40 bytes behind the version.
    start = data.index(b"tkhd") + 4 + 40
    fixed = [value << (30 if column % 3 == 2 else 16) for column, value in enumerate(matrix)]
    data[start : start + 36] = struct.pack(">9i", *fixed)
    path.write_bytes(data)
    return path


def odd_size(path: Path, count: int = 6) -> Path:
    """97 x 61 pixels, which 4:2:0 H.264 cannot hold."""
    return encode(path, rgb_frames(count, 97, 61), pix_fmt="yuv444p")


def ten_bit(path: Path, count: int = 6) -> Path:
    return encode(path, rgb_frames(count), pix_fmt="yuv420p10le")


def full_range_bt709(path: Path, count: int = 3) -> Path:
    frames = (
        frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="JPEG")
        for frame in rgb_frames(count)
    )
    return encode(path, frames, color_range=PC, colorspace=BT709, color_primaries=BT709, color_trc=BT709)


def undeclared_hd(path: Path, count: int = 3) -> Path:
    """BT.709 samples of 1280 x 720 that nothing says are BT.709."""
    frames = (
        frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        for frame in rgb_frames(count, 1280, 720)
    )
    return encode(path, frames, color_range=0, colorspace=2)


def anamorphic(path: Path, ratio: Fraction, count: int = 6) -> Path:
    return encode(path, rgb_frames(count), sample_aspect_ratio=ratio)


def interlaced(path: Path, count: int = 12) -> Path:
    """White bars that move eight pixels a field, bottom field first."""
    parameters = "interlaced=1:bff=1"
    return encode(path, _fields(count), options={"crf": "5", "x264-params": parameters})


def _fields(count: int) -> Iterator[av.VideoFrame]:
    for number in range(count):
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for field in (0, 1):
            left = 4 + 8 * (2 * number + field) % (WIDTH - 24)
            image[1 - field :: 2, left : left + 16] = 255
        yield av.VideoFrame.from_ndarray(image, format="rgb24")


def hdr(path: Path, levels: tuple[int, int, int], transfer: int, count: int = 3) -> Path:
    """A 10-bit BT.2020 clip of one Y, Cb, Cr (limited range) with the PQ or HLG transfer."""
    frames = [flat_yuv(levels, bits=10) for _ in range(count)]
    for frame in frames:
        frame.color_range, frame.colorspace = TV, BT2020
        frame.color_primaries, frame.color_trc = BT2020, transfer
    return encode(
        path,
        frames,
        pix_fmt="yuv420p10le",
        color_range=TV,
        colorspace=BT2020,
        color_primaries=BT2020,
        color_trc=transfer,
    )


def edit_list(path: Path, count: int = 50, skip: int = 17) -> Path:
    """What a stream-copied trim leaves: an MP4 whose first `skip` frames are there but not to be shown."""
    source = h264(path.with_name("untrimmed.mp4"), count, options={"crf": "10", "g": "10"})
    with av.open(str(source)) as full, av.open(str(path), "w") as trimmed:
        stream = full.streams.video[0]
        copy = trimmed.add_stream_from_template(stream)
        # A trim starts at the keyframe before it; here every tenth frame is one.
        first = skip - skip % 10
        ticks = int(1 / RATE / stream.time_base)
        for packet in full.demux(stream):
            if packet.pts is None or packet.dts is None or packet.pts < first * ticks:
                continue
            packet.pts -= skip * ticks
            packet.dts -= skip * ticks
            packet.stream = copy
            trimmed.mux(packet)
    return path


def truncated(path: Path, count: int = 50) -> Path:
    """An MP4 with its index in front that breaks off in the middle of its data."""
    h264(path, count, container_options={"movflags": "faststart"}, options={"crf": "10", "g": "5"})
    data = path.read_bytes()
    start = data.index(b"mdat")
    path.write_bytes(data[: start + (len(data) - start) // 2])
    return path


def corrupted(path: Path, count: int = 60) -> Path:
    """An MP4 with sixty bytes of its pictures flipped, always the same ones."""
    # Grey, so that spreading chroma one way or the other makes no difference.
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 1), dtype=np.uint8).repeat(3, axis=2)
    frames = (
        av.VideoFrame.from_ndarray(np.roll(noise, 3 * shift, axis=1), format="rgb24")
        for shift in range(count)
    )
    encode(path, frames, options={"crf": "20", "g": "20"})
    data = bytearray(path.read_bytes())
    start, choose = data.index(b"mdat") + 1000, random.Random(1)
    for _ in range(60):
        data[choose.randrange(start, len(data) * 8 // 10)] ^= 0xFF
    path.write_bytes(data)
    return path


def two_streams(path: Path) -> Path:
    """A small stream 0 and a large stream 1, both marked as default."""
    with av.open(str(path), "w") as container:
        streams: list[Any] = [container.add_stream("libx264", RATE) for _ in range(2)]
        sizes = ((64, 48), (WIDTH, HEIGHT))
        for stream, (width, height) in zip(streams, sizes, strict=True):
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.disposition = Disposition.default
        for stream, (width, height) in zip(streams, sizes, strict=True):
            for number, frame in enumerate(rgb_frames(5, width, height)):
                frame.pts = number
                container.mux(stream.encode(frame.reformat(format="yuv420p")))
            container.mux(stream.encode(None))
    return path


def size_change(
    path: Path,
    count: int = 5,
    sizes: tuple[tuple[int, int], tuple[int, int]] = ((WIDTH, HEIGHT), (64, 48)),
) -> Path:
    """A transport stream that goes from one frame size to another after `count` frames."""
    first = h264(path.with_name("first.ts"), count, *sizes[0])
    # Two frames later, as the first part starts two frames after zero.
    pts = range(count + 2, 2 * count + 2)
    later = encode(path.with_name("later.ts"), rgb_frames(count, *sizes[1]), pts=pts)
    path.write_bytes(first.read_bytes() + later.read_bytes())
    return path


def size_change_in_matroska(path: Path, count: int = 5, **settings: Any) -> Path:
    """A WebM or MKV that goes from 128x96 to 64x48 after `count` frames; `settings` go to `encode`."""
    sizes = ((WIDTH, HEIGHT), (64, 48))
    with av.open(str(path), "w") as joined:
        target: Any = None
        for part, (width, height) in enumerate(sizes):
            source = h264(path.with_name(f"part{part}.mkv"), count, width, height, **settings)
            with av.open(str(source)) as container:
                stream = container.streams.video[0]
                target = target or joined.add_stream_from_template(stream)
                for packet in container.demux(stream):
                    if packet.dts is None or packet.pts is None:
                        continue
                    ticks = round(part * count / RATE / packet.time_base)
                    packet.pts, packet.dts, packet.stream = packet.pts + ticks, packet.dts + ticks, target
                    joined.mux(packet)
    return path


def audio_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", 44100)
        _mux_silence(container, stream)
    return path


def cover_art(path: Path) -> Path:
    """Sound with a picture attached, as music files have."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", 44100)
        cover: Any = container.add_stream("mjpeg", RATE)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        _mux_silence(container, sound)
        frame = next(rgb_frames(1, 64, 48)).reformat(format="yuvj420p")
        container.mux(cover.encode(frame))
        container.mux(cover.encode(None))
    return path


def _mux_silence(container: Any, stream: Any) -> None:
    for position in range(8):
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 44100, 1024 * position
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def no_frames(path: Path) -> Path:
    """An AVI with a video stream that holds nothing, whatever the suffix of `path`."""
    with av.open(str(path), "w", format="avi") as container:
        stream: Any = container.add_stream("libx264", RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    return path
