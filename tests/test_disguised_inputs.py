"""Inputs that are not what they seem, through the isolated decoder: no other file opened, no socket."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import media
import pytest

from video.errors import UnreadableVideoError, VideoError
from video.isolated import IsolatedVideos
from video.worker_process import Patience

# linux/inotify.h: IN_OPEN, and the head of an event.
IN_OPEN = 0x20
EVENT = struct.Struct("iIII")
PATIENCE = Patience(progress_seconds=20.0)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who opens a file")


class Watched:
    """A sound clip that others name, and how often anybody has opened it since it was made."""

    def __init__(self, path: Path) -> None:
        self.path = media.h264(path, count=2)
        libc = ctypes.CDLL(None)
        self._events = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self._events, os.fsencode(path), IN_OPEN) >= 0

    def openings(self) -> int:
        try:
            return len(os.read(self._events, 1 << 16)) // EVENT.size
        except BlockingIOError:
            return 0

    def close(self) -> None:
        os.close(self._events)


@dataclass(frozen=True)
class Bait:
    """What a disguised input may reach for: a watched file, and a port of this machine that listens."""

    file: Watched
    listener: socket.socket

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def connections(self) -> int:
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return 0
        return 1 + self.connections()


@pytest.fixture
def bait(tmp_path: Path) -> Iterator[Bait]:
    with closing(Watched(tmp_path / "other.mp4")) as file, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield Bait(file, listener)


@pytest.fixture(scope="module")
def videos() -> Iterator[IsolatedVideos]:
    with IsolatedVideos(patience=PATIENCE) as videos:
        yield videos


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{0}\n#EXT-X-ENDLIST\n"
DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S"><Period><AdaptationSet><Representation id="0" bandwidth="1">'
    "<BaseURL>{0}</BaseURL></Representation></AdaptationSet></Period></MPD>"
)
SMIL = '<smil><body><video src="{0}"/></body></smil>'
SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video {1} RTP/AVP 96\r\n"
# {0} is the bait by its path or address, {1} the port.
TEXTS = {
    "HLS playlist": PLAYLIST,
    "HLS playlist with a key": PLAYLIST.replace("#EXTINF", '#EXT-X-KEY:METHOD=AES-128,URI="{0}"\n#EXTINF'),
    "concat script": "ffconcat version 1.0\nfile '{0}'\n",
    "DASH manifest": DASH,
    "SMIL": SMIL,
    "SDP": SDP,
    "RTSP redirection": "RTSP/1.0 302 Moved\r\nLocation: rtsp://127.0.0.1:{1}/clip\r\n\r\n",
    "RTSP text": "[Reference]\r\nRef1=rtsp://127.0.0.1:{1}/clip\r\n",
    "ASX": '<asx version="3.0"><entry><ref href="{0}"/></entry></asx>',
    "AviSynth script": 'AVISource("{0}")\n',
    "Windows shortcut": "[InternetShortcut]\nURL={0}\n",
    "SVG": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{0}"/></svg>',
}
SUFFIXES = (".mp4", ".m3u8", ".ffconcat", ".mpd", ".sdp", ".txt")


def spellings(bait: Bait) -> tuple[str, ...]:
    path, server = bait.file.path, f"127.0.0.1:{bait.port}/clip.mp4"
    return str(path), path.name, f"file://{path}", f"http://{server}", f"tcp://{server}", f"rtsp://{server}"


def assert_left_alone(bait: Bait, videos: IsolatedVideos) -> None:
    assert bait.file.openings() == 0
    assert bait.connections() == 0
    links = [*Path(f"/proc/{videos.pids[0]}/fd").iterdir()]
    assert links
    assert not [link for link in links if os.readlink(link).startswith("socket:")]


def assert_no_video(path: str | Path, videos: IsolatedVideos) -> None:
    for ask in (videos.probe, videos.open):
        with pytest.raises(VideoError):
            ask(path)


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_reaches_for_nothing(tmp_path: Path, videos: IsolatedVideos, bait: Bait, kind: str) -> None:
    for suffix in SUFFIXES:
        for spelled in spellings(bait):
            path = tmp_path / f"clip{suffix}"
            path.write_text(TEXTS[kind].format(spelled, bait.port))
            assert_no_video(path, videos)
    assert_left_alone(bait, videos)


def test_the_bait_is_taken_where_nothing_forbids_it(tmp_path: Path, bait: Bait) -> None:
    """So that being left alone means something."""
    script = tmp_path / "clip.mp4"
    script.write_text(TEXTS["concat script"].format(bait.file.path))
    with av.open(str(script), options={"safe": "0"}) as container:
        assert len(list(container.decode(video=0))) == 2
    assert bait.file.openings() > 0
    listing = tmp_path / "clip.m3u8"
    listing.write_text(PLAYLIST.format(f"http://127.0.0.1:{bait.port}/clip.ts"))
    with pytest.raises(av.error.FFmpegError):
        av.open(str(listing), options={"protocol_whitelist": "file,http,tcp"}, timeout=0.5).close()
    assert bait.connections() > 0


@pytest.mark.parametrize(
    "name",
    [
        "concat:{0}|{0}", "file:{0}", "file://{0}", "subfile,,start,0,end,0,,:{0}", "cache:{0}", "crypto:{0}",
        "http://127.0.0.1:{1}/clip.mp4", "rtsp://127.0.0.1:{1}/clip", "tcp://127.0.0.1:{1}", "-", "pipe:0",
    ],
)  # fmt: skip
def test_a_name_is_never_an_address(videos: IsolatedVideos, bait: Bait, name: str) -> None:
    given = name.format(bait.file.path, bait.port)
    with pytest.raises(UnreadableVideoError, match=r"does not exist|cannot be opened"):
        videos.open(given)
    assert_left_alone(bait, videos)


def dangling(path: Path, other: Path) -> Path:
    path.symlink_to(other.with_name("gone.mp4"))
    return path


def loop(path: Path, other: Path) -> Path:
    path.symlink_to(path)
    return path


def to_folder(path: Path, other: Path) -> Path:
    path.symlink_to(other.parent)
    return path


def to_device(path: Path, other: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


def fifo(path: Path, other: Path) -> Path:
    os.mkfifo(path)
    return path


def to_fifo(path: Path, other: Path) -> Path:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to(path.with_name("pipe"))
    return path


def local_socket(path: Path, other: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


@pytest.mark.parametrize(
    "make",
    [
        dangling, loop, to_folder, to_device, fifo, to_fifo, local_socket,
        lambda path, other: Path("/dev/zero"), lambda path, other: Path("/dev/stdin"),
        lambda path, other: Path("/proc/self/mem"),
    ],
)  # fmt: skip
def test_what_is_no_regular_file_is_refused_at_once(
    tmp_path: Path, videos: IsolatedVideos, bait: Bait, make: Callable[[Path, Path], Path]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    assert_no_video(make(folder / "clip.mp4", bait.file.path), videos)
    assert_left_alone(bait, videos)


def test_a_link_to_a_regular_file_is_that_file(videos: IsolatedVideos, bait: Bait, tmp_path: Path) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to(bait.file.path)
    with videos.open(link) as reader:
        assert reader.info.path == link
    assert bait.file.openings() > 0
