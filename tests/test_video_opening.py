"""What may be opened: regular files of known formats, and nothing beside them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import av
import media
import pytest

from video import opening
from video.errors import RefusedVideoError, UnreadableVideoError, VideoError
from video.opening import open_container, open_regular
from video.reader import open_video

PIXELS = 1 << 20

# Texts that make FFmpeg open another file; {other} is its path.
REFERENCES = {
    "ffconcat": "ffconcat version 1.0\nfile '{other}'\n",
    "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
    "dash": (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S"><Period><AdaptationSet><Representation id="0" bandwidth="1">'
        "<BaseURL>{other}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    ),
    "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n",
}


@pytest.mark.parametrize("kind", REFERENCES)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".ffconcat", ".mpd", ".sdp"])
def test_a_text_that_names_another_file_opens_nothing(tmp_path: Path, kind: str, suffix: str) -> None:
    other = media.h264(tmp_path / "other.mp4", 2)
    path = tmp_path / f"clip{suffix}"
    path.write_text(REFERENCES[kind].format(other=other))
    with pytest.raises(VideoError):
        open_video(path)


def test_the_reference_tests_are_not_empty(tmp_path: Path) -> None:
    """FFmpeg without the whitelist does follow such a file, so that refusing it means something."""
    other = media.h264(tmp_path / "other.mp4", 2)
    path = tmp_path / "clip.mp4"
    path.write_text(REFERENCES["ffconcat"].format(other=other))
    with av.open(str(path), options={"safe": "0"}) as container:
        assert container.format.name == "concat"
        assert len(list(container.decode(video=0))) == 2
    with pytest.raises(RefusedVideoError, match="format that is not accepted"):
        open_video(path)


@pytest.mark.parametrize("name", ["frame%03d.mp4", "concat:other.mp4|other.mp4", "file:clip.mp4", "-"])
def test_names_are_only_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    media.h264(tmp_path / "other.mp4", 2)
    with pytest.raises(UnreadableVideoError, match="does not exist"):
        open_video(name)
    media.h264(tmp_path / "clip.mp4", 3).rename(tmp_path / name)
    with open_video(name) as reader:
        list(reader.batches(8))
        assert reader.delivery.decoded == 3


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)
    with pytest.raises(RefusedVideoError, match="no regular file"):
        open_video(path)


def test_a_file_exchanged_for_a_pipe_at_the_last_moment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clip.mp4"
    os.mkfifo(path)
    regular = os.stat(media.h264(tmp_path / "regular.mp4", 2))
    monkeypatch.setattr("video.opening.os.stat", lambda _: regular)
    with pytest.raises(RefusedVideoError, match="no regular file"):
        open_video(path)


def test_a_device_is_refused() -> None:
    with pytest.raises(RefusedVideoError, match="no regular file"):
        open_video("/dev/zero")


def test_links_are_followed_to_regular_files_only(tmp_path: Path) -> None:
    clip = media.h264(tmp_path / "clip.mp4", 2)
    good, dangling, folder = (tmp_path / name for name in ("good.mp4", "dangling.mp4", "folder.mp4"))
    good.symlink_to(clip)
    dangling.symlink_to(tmp_path / "gone.mp4")
    folder.symlink_to(tmp_path)
    with open_video(good) as reader:
        assert reader.info.path == good
    with pytest.raises(UnreadableVideoError, match="does not exist"):
        open_video(dangling)
    with pytest.raises(UnreadableVideoError, match="is a directory"):
        open_video(folder)


def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4", 2)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(UnreadableVideoError, match="Permission denied"):
        open_video(path)


def test_the_suffix_does_not_matter(tmp_path: Path) -> None:
    clip = media.h264(tmp_path / "clip.mp4", 2)
    renamed = clip.rename(tmp_path / "clip.txt")
    with open_container(renamed, max_pixels=PIXELS) as container:
        assert "mp4" in container.format.name


def test_a_codec_outside_the_whitelist_is_refused(tmp_path: Path) -> None:
    path = media.encode(tmp_path / "clip.avi", media.rgb_frames(2), codec="cinepak", pix_fmt="rgb24")
    with pytest.raises(RefusedVideoError, match="coded in cinepak"):
        open_video(path)


def test_a_name_that_is_no_text_is_printed_on_one_line(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"bad\xff\nname.mp4")
    with pytest.raises(UnreadableVideoError) as caught:
        open_video(os.fsdecode(path))
    assert str(caught.value).endswith(r"bad\xff\nname.mp4: does not exist; check the path")


def test_errors_survive_pickling() -> None:
    error = RefusedVideoError("clip.mp4", "is too large", "scale it down")
    assert str(pickle.loads(pickle.dumps(error))) == "clip.mp4: is too large; scale it down"


def test_a_place_that_is_none_is_no_exception_inside_ffmpeg(tmp_path: Path) -> None:
    """PyAV prints what its callbacks raise, and raises it anew in the middle of something else."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"12345")
    source = opening._Bytes(open_regular(path))
    assert source.seek(-3, os.SEEK_SET) < 0
    assert source.seek(2, os.SEEK_SET) == 2
    assert source.read(2) == b"34"
    source.close()
