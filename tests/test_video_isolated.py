"""Decoding in another process: the same frames and errors, and no file takes more down than itself."""

from __future__ import annotations

import ast
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import media
import PIL.Image
import pytest

from video import heartbeat, isolated, probe, reader, worker_process
from video.confined import WorkerLimits
from video.errors import UnreadableVideoError, VideoError, WorkerError
from video.frames import FrameBatch
from video.isolated import IsolatedVideos
from video.messages import (
    Alive,
    Answer,
    Closed,
    NeedsRoom,
    Opened,
    Pictured,
    Probed,
    Ready,
    encoded,
)
from video.reader import Limits, VideoReader
from video.ring import MAX_BYTES, MIN_SLOTS, SLOTS, Ring, RingShape
from video.sampling import Sampling
from video.worker_process import Patience


@pytest.fixture(scope="module")
def videos() -> Iterator[IsolatedVideos]:
    with IsolatedVideos() as videos:
        yield videos


def picture(path: Path, side: int = 40) -> Path:
    PIL.Image.fromarray(media.picture(3, side, side)).save(path, format="PNG")
    return path


def playlist(path: Path) -> Path:
    path.write_text("#EXTM3U\nother.mp4\n")
    return path


def giant(path: Path) -> Path:
    PIL.Image.new("1", (9000, 16)).save(path, format="PNG")
    return path


def missing(path: Path) -> Path:
    return path.with_name("missing \udcff\n.mp4")


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def plain(batch: FrameBatch) -> tuple[object, ...]:
    return (
        batch.data.shape,
        batch.data.tobytes(),
        batch.index.tolist(),
        batch.pts.tolist(),
        batch.shot.tolist(),
        batch.time_base,
    )


def all_told(opened: VideoReader, size: int) -> tuple[object, ...]:
    with opened:
        read = [plain(batch) for batch in opened.batches(size)]
        return opened.info, read, opened.delivery, opened.warnings


KINDS: dict[str, Callable[[Path], object]] = {
    "B-frames": media.h264,
    "variable rate": media.vfr,
    "edit list": media.edit_list,
    "several streams": media.two_streams,
    "turned": lambda path: media.with_matrix(path, media.TURNS[90]),
    "truncated": media.truncated,
    "corrupted": media.corrupted,
    "odd size": media.odd_size,
    "picture": picture,
    "shots": lambda path: media.shots(path, [*media.scene(0, 9), *media.scene(1, 14), *media.scene(2, 11)]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("sampling", "size"), [(Sampling.all(), 7), (Sampling.fps(4), 16), (Sampling.spread(3), 2)]
)
def test_frames_times_and_warnings_are_those_of_reading_here(
    tmp_path: Path, videos: IsolatedVideos, kind: str, sampling: Sampling, size: int
) -> None:
    path = tmp_path / "clip.mp4"
    KINDS[kind](path)
    here = all_told(reader.open_video(path, sampling=sampling), size)
    assert all_told(videos.open(path, sampling=sampling), size) == here
    assert videos.probe(path) == probe.probe(path)


def test_a_size_that_grows_in_mid_stream_closes_the_batch_and_widens_the_slots(
    tmp_path: Path, videos: IsolatedVideos
) -> None:
    path = media.size_change(tmp_path / "clip.ts", sizes=((64, 48), (256, 192)))
    here = all_told(reader.open_video(path, sampling=Sampling.all()), 4)
    assert all_told(videos.open(path, sampling=Sampling.all()), 4) == here


@pytest.mark.skipif(find_spec("decord") is None, reason="decord is not installed here")
def test_decord_runs_behind_the_same_door(tmp_path: Path, videos: IsolatedVideos) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=60)
    options = {"sampling": Sampling.every(7), "backend": "decord"}
    here = all_told(reader.open_video(path, **options), 4)
    assert all_told(videos.open(path, **options), 4) == here


@pytest.mark.parametrize(
    "make",
    [
        missing, pipe, playlist, giant, media.audio_only,
        lambda path: path.parent, lambda path: Path("/dev/zero"), lambda path: path.touch() or path,
    ],
)  # fmt: skip
def test_errors_are_those_of_reading_here(
    tmp_path: Path, videos: IsolatedVideos, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path / "bad.mp4")
    for ask, ask_here in ((videos.open, reader.open_video), (videos.probe, probe.probe)):
        with pytest.raises(VideoError) as here:
            ask_here(path)
        with pytest.raises(VideoError) as there:
            ask(path)
        assert (type(there.value), str(there.value)) == (type(here.value), str(here.value))
        assert there.value.path == path


def test_limits_met_on_the_way_are_refusals(tmp_path: Path, videos: IsolatedVideos) -> None:
    path = media.encode(tmp_path / "clip.ts", media.rgb_frames(20))
    with (
        videos.open(path, limits=Limits(max_frames=10)) as opened,
        pytest.raises(VideoError, match="above the limit of 10"),
    ):
        list(opened.batches(4))


def test_a_relative_name_is_that_of_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, videos: IsolatedVideos
) -> None:
    media.h264(tmp_path / "clip.mp4", count=2)
    monkeypatch.chdir(tmp_path)
    with videos.open("clip.mp4") as opened:
        assert opened.info.path == Path("clip.mp4")


def test_warnings_are_logged_where_the_analysis_runs(
    tmp_path: Path, videos: IsolatedVideos, caplog: pytest.LogCaptureFixture
) -> None:
    path = media.two_streams(tmp_path / "clip.mp4")
    with caplog.at_level(logging.WARNING), videos.open(path):
        assert "2 video streams" in caplog.text


def test_one_process_reads_file_after_file_of_any_size(tmp_path: Path, videos: IsolatedVideos) -> None:
    sizes = [(64, 48), (640, 480), (32, 32)]
    paths = [
        media.h264(tmp_path / f"{width}.mp4", SLOTS + 3, width, height, pix_fmt="yuv444p")
        for width, height in sizes
    ]
    seen = set()
    for path, (width, height) in zip(paths, sizes, strict=True):
        with videos.open(path, sampling=Sampling.all()) as opened:
            seen.update(videos.pids)
            (batch,) = opened.batches(64)
        assert batch.data.shape == (SLOTS + 3, height, width, 3)
    assert len(seen) == 1


def test_readers_may_be_read_in_turns(tmp_path: Path, videos: IsolatedVideos) -> None:
    path = media.h264(tmp_path / "clip.mp4")
    with videos.open(path, sampling=Sampling.all()) as one, videos.open(path, sampling=Sampling.all()) as two:
        for first, second in zip(one.batches(3), two.batches(3), strict=True):
            assert plain(first) == plain(second)
        assert len(set(videos.pids)) == 2
    assert len(videos.pids) == 1


def test_a_reader_left_early_frees_its_process_for_the_next_file(
    tmp_path: Path, videos: IsolatedVideos
) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=5 * SLOTS)
    with videos.open(path, sampling=Sampling.all()) as opened:
        pids = videos.pids
        next(opened.batches(1))
    assert videos.pids == pids
    assert len(all_told(videos.open(path, sampling=Sampling.all()), 8)[1]) == 5
    assert videos.pids == pids


def test_frames_are_read_once(tmp_path: Path, videos: IsolatedVideos) -> None:
    with videos.open(media.h264(tmp_path / "clip.mp4", count=2)) as opened:
        with pytest.raises(RuntimeError, match="once all batches"):
            _ = opened.delivery
        list(opened.batches(4))
        with pytest.raises(RuntimeError, match="read once"):
            next(opened.batches(4))


def test_an_unknown_backend_is_an_error_of_the_caller(tmp_path: Path, videos: IsolatedVideos) -> None:
    with pytest.raises(ValueError, match="no video backend 'vlc'"):
        videos.open(tmp_path / "clip.mp4", backend="vlc")


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_crash_is_an_error_of_that_file_and_the_next_one_runs(tmp_path: Path, name: str) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=5 * SLOTS)
    with IsolatedVideos() as videos:
        with videos.open(path, sampling=Sampling.all()) as opened:
            batches = opened.batches(1)
            next(batches)
            os.kill(videos.pids[0], getattr(signal, name))
            with pytest.raises(UnreadableVideoError, match=f"clip.mp4: crashed its decoder .{name}.; check"):
                list(batches)
        assert videos.probe(path).codec == "h264"


def test_a_process_that_died_between_files_costs_no_file(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=2)
    with IsolatedVideos() as videos:
        videos.probe(path)
        (pid,) = videos.pids
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert videos.probe(path).codec == "h264"


def test_a_hang_ends_when_patience_does_and_the_next_file_runs(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=5 * SLOTS)
    with IsolatedVideos(patience=Patience(progress_seconds=1.0)) as videos:
        with videos.open(path, sampling=Sampling.all()) as opened:
            batches = opened.batches(1)
            next(batches)
            os.kill(videos.pids[0], signal.SIGSTOP)
            started = time.monotonic()
            with pytest.raises(UnreadableVideoError, match=r"clip.mp4: hung its decoder, .* for 1 s; check"):
                list(batches)
            assert time.monotonic() - started < 5
        assert videos.probe(path, patience=Patience()).codec == "h264"


def test_a_file_that_takes_too_long_in_all_is_given_up(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=5 * SLOTS)
    with (
        IsolatedVideos() as videos,
        videos.open(path, sampling=Sampling.all(), patience=Patience(file_seconds=3)) as opened,
    ):
        batches = opened.batches(1)
        next(batches)
        os.kill(videos.pids[0], signal.SIGSTOP)
        with pytest.raises(UnreadableVideoError, match=r"took more than 3 s to decode; .*--timeout"):
            list(batches)


def test_time_that_nobody_waits_is_not_counted(tmp_path: Path, videos: IsolatedVideos) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=3 * SLOTS)
    patience = Patience(progress_seconds=1.5, file_seconds=1.5)
    with videos.open(path, sampling=Sampling.all(), patience=patience) as opened:
        batches = opened.batches(SLOTS)
        next(batches)
        time.sleep(2)
        assert len(list(batches)) == 2


def test_every_packet_is_a_sign_of_life_wanted_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=50)
    beats = []
    monkeypatch.setattr(heartbeat, "_listener", lambda: beats.append(1))
    with reader.open_video(path, sampling=Sampling.all(start_seconds=1.96)) as opened:
        assert sum(len(batch) for batch in opened.batches(4)) == 1
    assert len(beats) >= 50


def talk(monkeypatch: pytest.MonkeyPatch, *answers: bytes, pause_seconds: float = 0.0) -> None:
    """Decoding processes say `answers` and wait, whatever they are asked."""
    code = f"""
import sys, time
for answer in {answers!r}:
    sys.stdout.buffer.write(answer)
    sys.stdout.flush()
    time.sleep({pause_seconds})
sys.stdin.read()
"""
    monkeypatch.setattr(worker_process, "child_command", lambda _: [sys.executable, "-c", code])


READY = encoded(Ready(()))


def test_signs_of_life_renew_the_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=2)
    told = encoded(Probed(probe.probe(path)))
    talk(monkeypatch, READY, *[encoded(Alive())] * 4, told, pause_seconds=0.2)
    with IsolatedVideos(patience=Patience(progress_seconds=0.6)) as videos:
        assert videos.probe(path) == probe.probe(path)
    with (
        IsolatedVideos(patience=Patience(progress_seconds=0.6, file_seconds=0.7)) as videos,
        pytest.raises(UnreadableVideoError, match=r"took more than 0.7 s"),
    ):
        videos.probe(path)


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff\xfe\n",
        b"{}\n",
        b'["Nothing", {}]\n',
        b'["Opened", {"info": 3, "warnings": []}]\n',
        b'["Probed", {"probe": null}]\n',
        encoded(Closed()),
        encoded(NeedsRoom(1 << 50)),
    ],
)
def test_answers_without_sense_are_an_error_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    talk(monkeypatch, READY, answer)
    with IsolatedVideos() as videos, pytest.raises(UnreadableVideoError, match=r"clip.mp4: .*without sense"):
        videos.open(tmp_path / "clip.mp4")


@pytest.mark.parametrize(
    "answer",
    [
        NeedsRoom(1 << 50),
        NeedsRoom(0),
        Pictured(0, 8, 8, 0, 0, 0, ()),
        Closed(),
    ],
)
def test_frames_without_sense_are_an_error_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=2)
    with reader.open_video(path) as opened:
        said = Opened(opened.info, ())
    talk(monkeypatch, READY, encoded(said), encoded(answer))
    with (
        IsolatedVideos() as videos,
        videos.open(path) as opened,
        pytest.raises(UnreadableVideoError, match=r"clip.mp4: .*without sense"),
    ):
        list(opened.batches(4))


def test_an_answer_without_end_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "MAX_ANSWER_BYTES", 32 << 10)
    talk(monkeypatch, READY, b"x" * (64 << 10))
    with IsolatedVideos() as videos, pytest.raises(UnreadableVideoError, match="without sense"):
        videos.probe(tmp_path / "clip.mp4")


def test_a_process_that_does_not_start_is_no_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "child_command", lambda _: [sys.executable, "-c", "import nothing"])
    with IsolatedVideos() as videos, pytest.raises(WorkerError, match="did not start: ModuleNotFoundError"):
        videos.probe(tmp_path / "clip.mp4")


def test_a_process_that_cannot_be_made_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "child_command", lambda _: [str(tmp_path / "no python")])
    with IsolatedVideos() as videos, pytest.raises(WorkerError, match="did not start: No such file"):
        videos.probe(tmp_path / "clip.mp4")


def test_a_bomb_is_an_error_of_that_file_and_the_next_one_runs(tmp_path: Path) -> None:
    # Few bytes, 35 million pixels: 35 MB as they are stored, four times that and more on the way to RGB.
    bomb = tmp_path / "bomb.png"
    PIL.Image.new("1", (8192, 4320)).save(bomb)
    path = media.h264(tmp_path / "clip.mp4", count=2)
    with IsolatedVideos(limits=WorkerLimits(memory_bytes=128 << 20)) as videos:
        with pytest.raises(UnreadableVideoError, match=r"bomb.png: needs more than 0.125 GiB of"):
            videos.probe(bomb)
        assert videos.probe(path).codec == "h264"


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=5 * SLOTS)
    descriptors = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    with IsolatedVideos() as videos:
        for _ in range(2):
            with videos.open(path, sampling=Sampling.all()) as opened:
                next(opened.batches(2))
                os.kill(videos.pids[0], signal.SIGKILL)
        all_told(videos.open(path), 4)
        pids = videos.pids
        threads = threading.active_count()
    assert not any(runs(pid) for pid in pids)
    assert threads == threading.active_count()
    if descriptors:
        assert len(os.listdir("/proc/self/fd")) == descriptors


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc").exists()


SCRIPT = """
import sys
from pathlib import Path

print("top level", flush=True)
from video.isolated import open_video, shared_videos
from video.sampling import Sampling

with open_video(Path(sys.argv[1]), sampling=Sampling.all()) as reader:
    batches = reader.batches(1)
    first = next(batches)
    print(*shared_videos().pids, flush=True)
    if len(sys.argv) > 2:
        sys.stdin.read()
    print(len(first) + sum(map(len, batches)))
"""


def test_a_plain_script_needs_no_guard_and_nothing_beside_the_evidence_is_imported(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=5)
    for name in ("av", "numpy", "video", "json", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("open('imported', 'w')\nraise SystemExit(9)\n")
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), path.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[:2] == ["top", "level"]
    assert done.stdout.split()[-1] == "5"
    assert done.stdout.count("top level") == 1
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize("state", ["idle", "decoding"])
def test_the_death_of_the_analysis_ends_the_decoding(tmp_path: Path, state: str) -> None:
    count = 3 if state == "idle" else 20 * SLOTS
    path = media.h264(tmp_path / "clip.mp4", count=count)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, str(script), str(path), "wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as analysis:
        assert analysis.stdout is not None
        analysis.stdout.readline()
        pid = int(analysis.stdout.readline())
        assert runs(pid)
        analysis.kill()
    deadline = time.monotonic() + 10
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not runs(pid)


def _pids_after_reading(path: Path) -> tuple[int, ...]:
    isolated.probe(path)
    return isolated.shared_videos().pids


def test_a_forked_process_starts_its_own(tmp_path: Path) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=2)
    own = _pids_after_reading(path)
    read, write = os.pipe()
    # As `multiprocessing` forks, without its check for threads, of which other tests may have left some.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.write(write, repr(_pids_after_reading(path)).encode())
            isolated.shared_videos().close()
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        forked = ast.literal_eval(answer.read())
    os.waitpid(child, 0)
    assert len(forked) == 1
    assert not set(forked) & set(own)
    assert _pids_after_reading(path) == own


@pytest.mark.parametrize(
    ("frame_bytes", "slots"), [(1, SLOTS), (1920 * 1080 * 3, SLOTS), (8192 * 4320 * 3, MIN_SLOTS)]
)
def test_large_frames_get_fewer_slots(frame_bytes: int, slots: int) -> None:
    shape = RingShape.fitting(frame_bytes)
    assert shape == RingShape(slots, frame_bytes)
    assert shape.slots * shape.slot_bytes <= MAX_BYTES


@pytest.mark.parametrize(
    ("slot", "height", "width"), [(-1, 4, 4), (8, 4, 4), (0, 5, 4), (0, 0, 4), (0, -1, -4)]
)
def test_a_ring_gives_nothing_outside_of_it(slot: int, height: int, width: int) -> None:
    ring = Ring.made()
    ring.resize(RingShape(8, 48))
    with pytest.raises(ValueError, match=r"no slot|do not fit"):
        ring.frame(slot, height, width)
    ring.frame(7, 4, 4)[:] = 9
    assert ring.frame(7, 4, 4).sum() == 9 * 48
    ring.close()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no seals")
def test_the_other_side_cannot_cut_the_ring_short() -> None:
    ring = Ring.made()
    ring.resize(RingShape(2, 4096))
    with pytest.raises(PermissionError):
        os.ftruncate(ring.descriptor, 4096)
    ring.close()


@pytest.mark.parametrize("seconds", [{"progress_seconds": 0}, {"file_seconds": -1.0}])
def test_patience_is_more_than_nothing(seconds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="more than 0 seconds"):
        Patience(**seconds)


def test_where_nothing_can_be_confined_files_are_read_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = media.h264(tmp_path / "clip.mp4", count=3)
    monkeypatch.setattr(isolated, "POSSIBLE", False)
    monkeypatch.setattr(isolated, "shared_videos", None)
    assert isolated.probe(path).codec == "h264"
    assert all_told(isolated.open_video(path), 4) == all_told(reader.open_video(path), 4)
