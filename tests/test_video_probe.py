"""The probe repeats what files declare, and invents nothing."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import media
import numpy as np
import pytest
from PIL import Image

from video.errors import UnreadableVideoError
from video.first_pictures import FRAMES_EXAMINED, PACKETS_EXAMINED
from video.probe import probe


def test_declared_facts(tmp_path: Path) -> None:
    facts = probe(media.h264(tmp_path / "clip.mp4", 50))
    assert facts.container == "mov,mp4,m4a,3gp,3g2,mj2"
    assert (facts.codec, facts.profile, facts.pixel_format) == ("h264", "High", "yuv420p")
    assert (facts.width, facts.height, facts.bits_per_component) == (128, 96, 8)
    assert (facts.duration_seconds, facts.frame_count, facts.frame_rate) == (2.0, 50, Fraction(25))
    assert (facts.time_base, facts.start_seconds) == (Fraction(1, 12800), 0.0)
    assert facts.field_order == "progressive"
    assert (facts.rotation_degrees, facts.mirrored) == (0, False)
    assert facts.encoders[0].startswith("Lavf")
    assert any("x264 - core" in encoder and "crf=10" in encoder for encoder in facts.encoders)
    assert [(stream.kind, stream.codec) for stream in facts.streams] == [("video", "h264")]


def test_what_is_absent_is_none(tmp_path: Path) -> None:
    facts = probe(media.h264(tmp_path / "clip.ts"))
    assert facts.frame_count is None
    assert facts.creation_time is None
    colour = facts.colour
    assert (colour.primaries, colour.transfer, colour.matrix) == (None, None, None)


def test_frame_types_equal_those_of_a_plain_decode(tmp_path: Path) -> None:
    path = media.h264_open_gop(tmp_path / "clip.mp4")
    with av.open(str(path)) as container:
        types = "".join("?IPBSIPB"[frame.pict_type] for frame in container.decode(video=0))
    with av.open(str(path)) as container:
        keyframes = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    pictures = probe(path).group_of_pictures
    assert pictures.frame_types == types
    assert "B" in types
    assert pictures.keyframe_packets == tuple(np.flatnonzero(keyframes))
    assert pictures.keyframe_intervals == tuple(np.diff(np.flatnonzero(keyframes)))
    assert pictures.packets == 40


def test_the_examination_is_bounded(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4", PACKETS_EXAMINED + 50, 32, 32)
    pictures = probe(path).group_of_pictures
    assert pictures.packets == PACKETS_EXAMINED
    assert len(pictures.frame_types) == FRAMES_EXAMINED


@pytest.mark.parametrize(
    ("matrix", "expected"), [(media.TURNS[270], (270, False)), (media.MIRROR_AND_TURN_90, (90, True))]
)
def test_orientation(tmp_path: Path, matrix: tuple[int, ...], expected: tuple[int, bool]) -> None:
    facts = probe(media.with_matrix(tmp_path / "clip.mp4", matrix))
    assert (facts.rotation_degrees, facts.mirrored) == expected
    assert (facts.width, facts.height) == (128, 96)


def test_hdr_and_pixel_shape_and_fields(tmp_path: Path) -> None:
    hdr = probe(media.hdr(tmp_path / "hdr.mp4", (500, 512, 512), media.HLG))
    assert (hdr.colour.primaries, hdr.colour.transfer) == ("bt2020", "arib-std-b67")
    assert (hdr.colour.matrix, hdr.colour.range, hdr.bits_per_component) == ("bt2020nc", "tv", 10)
    assert probe(media.anamorphic(tmp_path / "a.mp4", Fraction(16, 11))).sample_aspect_ratio == Fraction(
        16, 11
    )
    assert probe(media.interlaced(tmp_path / "i.mp4")).field_order == "bottom field first"


def test_all_streams_are_listed(tmp_path: Path) -> None:
    facts = probe(media.two_streams(tmp_path / "two.mp4"))
    assert facts.stream_index == 1
    assert [(stream.index, stream.width) for stream in facts.streams] == [(0, 64), (1, 128)]


def test_creation_time_and_encoder_tags(tmp_path: Path) -> None:
    source = media.h264(tmp_path / "source.mp4", 2)
    path = tmp_path / "tagged.mp4"
    with av.open(str(source)) as full, av.open(str(path), "w") as tagged:
        tagged.metadata["creation_time"] = "2021-03-04T05:06:07.000000Z"
        copy = tagged.add_stream_from_template(full.streams.video[0])
        for packet in full.demux(video=0):
            if packet.size:
                packet.stream = copy
                tagged.mux(packet)
    assert probe(path).creation_time == "2021-03-04T05:06:07.000000Z"


def test_a_truncated_file_still_declares(tmp_path: Path) -> None:
    assert probe(media.truncated(tmp_path / "half.mp4")).frame_count == 50


def test_a_probe_can_be_pickled(tmp_path: Path) -> None:
    facts = probe(media.h264(tmp_path / "clip.mp4", 2))
    assert pickle.loads(pickle.dumps(facts)) == facts


@pytest.mark.parametrize("make", [media.audio_only, lambda path: path.write_bytes(b"text" * 99)])
def test_files_without_video_are_unreadable(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(UnreadableVideoError):
        probe(path)


def test_a_still_image_is_probed_too(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112], exif[0x0131], exif[0x0132] = 6, "Camera 1.0", "2021:03:04 05:06:07"
    Image.fromarray(media.picture(0)).save(path, exif=exif)
    facts = probe(path)
    assert (facts.codec, facts.frame_count, facts.duration_seconds) == ("jpeg", 1, None)
    assert (facts.width, facts.height, facts.rotation_degrees) == (128, 96, 90)
    assert facts.encoders == ("Camera 1.0",)
    assert facts.creation_time == "2021:03:04 05:06:07"
