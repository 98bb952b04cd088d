"""The limits of the decoding process, tried from inside a process that has taken them on."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from video.confined import WorkerLimits

HEAD = """
import ctypes, os, platform, resource, socket, subprocess, sys, tempfile, threading
from video.confined import WorkerLimits, confine, renew_processor_time
started, go = threading.Event(), threading.Event()
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def confined(body: str, limits: str = "WorkerLimits()") -> subprocess.CompletedProcess[str]:
    """Run `body` after confining; `holds` is what holds."""
    code = f"{HEAD}\nholds = confine({limits})\n{body}"
    return python(code)


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="what holds elsewhere is less")


@LINUX
def test_on_linux_everything_holds() -> None:
    done = confined("print(sorted(holds))")
    assert done.stdout.strip() == str(
        ["core files", "memory", "network", "open files", "processor time", "written files"]
    ), done.stderr


def test_python_opens_no_socket() -> None:
    done = confined("socket.socket()")
    assert "PermissionError: the decoding process has no network" in done.stderr


# EACCES; io_uring_setup has one number on all architectures.
SYSTEM_CALLS = """
libc = ctypes.CDLL(None, use_errno=True)
def tried(call):
    ctypes.set_errno(0)
    return call(), ctypes.get_errno()
print(tried(lambda: libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)))
print(tried(lambda: libc.socket(socket.AF_INET6, socket.SOCK_DGRAM, 0)))
print(tried(lambda: libc.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0)))
print(tried(lambda: libc.syscall(425, 1, None)))
"""


@LINUX
def test_no_library_opens_one_either() -> None:
    assert confined(SYSTEM_CALLS).stdout.split("\n")[:4] == ["(-1, 13)"] * 4


@LINUX
def test_threads_from_before_and_processes_from_after_have_none_either() -> None:
    body = """
print(ctypes.CDLL(None).socket(2, 1, 0) == -1, flush=True)
"""
    threaded = f"""
def run():
    started.set()
    go.wait()
    {body.strip()}
thread = threading.Thread(target=run)
thread.start()
started.wait()
confine(WorkerLimits())
go.set()
thread.join()
subprocess.run([sys.executable, "-c", "import ctypes; print(ctypes.CDLL(None).socket(2, 1, 0) == -1)"])
"""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + threaded], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_memory_is_bounded_beyond_what_is_there() -> None:
    done = confined(
        "bytearray(10 << 20); print('small')\nbytearray(200 << 20)", "WorkerLimits(memory_bytes=100 << 20)"
    )
    assert done.stdout == "small\n"
    assert done.stderr.strip().endswith("MemoryError")


def test_files_are_bounded() -> None:
    body = """
with tempfile.TemporaryFile(buffering=0) as file:
    print(file.write(bytes(500)))
    file.seek(1000)
    file.write(b"more")
"""
    done = confined(body, "WorkerLimits(written_bytes=1000)")
    assert done.stdout == "500\n"
    assert "File too large" in done.stderr


def test_descriptors_and_core_files_are_bounded() -> None:
    body = """
print(resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    assert confined(body, "WorkerLimits(open_files=40)").stdout.strip() == "(0, 0) (40, 40)"


def test_processor_time_ends_the_process_unless_it_is_renewed() -> None:
    body = """
import time
def compute(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until: pass
compute(0.6)
renew_processor_time(1)
compute(0.6)
print("renewed", flush=True)
compute(60)
"""
    done = confined(body, "WorkerLimits(cpu_seconds=1)")
    assert (done.stdout, done.returncode) == ("renewed\n", -signal.SIGPROF)


def test_limits_are_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        WorkerLimits(cpu_seconds=0)
