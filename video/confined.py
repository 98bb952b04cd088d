"""What the process that decodes may use: memory, processor, files, and no network.

Where it holds: the limits of resources on Linux, and on macOS as far as its kernel keeps them; the filter of
system calls on Linux (x86-64 and ARM64, no privilege needed, in containers too); the refusal of Python's own
sockets everywhere. What cannot be had on a machine is left out and not in the list that `confine` returns.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import platform
import signal
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What `confine` says where no library can open a connection either.
NETWORK = "network"

# linux/seccomp.h, linux/prctl.h, linux/audit.h, linux/filter.h
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1
_RET_ALLOW, _RET_ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_OFFSET_NUMBER, _OFFSET_ARCHITECTURE = 0, 4
# Numbers from here on belong to the x32 interface, which has its own socket call.
_X32 = 0x40000000


@dataclass(frozen=True)
class _Calls:
    """The audit number of an architecture and its numbers of the system calls that matter here.

    io_uring_setup is refused with socket, as it can open connections too.
    """

    audit: int
    seccomp: int
    socket: int
    io_uring_setup: int = 425


_ARCHITECTURES = {
    "x86_64": _Calls(audit=0xC000003E, seccomp=317, socket=41),
    "aarch64": _Calls(audit=0xC00000B7, seccomp=277, socket=198),
}


@dataclass(frozen=True)
class WorkerLimits:
    """What one decoding process may use; beyond it the file that it works on fails.

    `memory_bytes` bounds the addresses it takes beyond those of its own programs: 10-bit 8K with tone mapping
    took 3.1 GiB, and a codec may keep more pictures than that one did. `cpu_seconds` bound the processor time
    between two signs of life, each of which renews them. `written_bytes` bounds any file it writes: decord's
    complaints are all there is. `open_files` bounds its descriptors. It leaves no core file.
    """

    memory_bytes: int = 8 << 30
    cpu_seconds: int = 120
    written_bytes: int = 1 << 20
    open_files: int = 64

    def __post_init__(self) -> None:
        if min(self.memory_bytes, self.cpu_seconds, self.written_bytes, self.open_files) < 1:
            raise ValueError(f"limits must be at least 1: {self}")


def confine(limits: WorkerLimits) -> tuple[str, ...]:
    """Limit this process for good, and say what holds now. Import everything first.

    A module loaded under the limits would fail as missing, not as too large.
    """
    sys.addaudithook(_refuse_sockets)
    return (*_limit_resources(limits), *((NETWORK,) if _refuse_network() else ()))


def renew_processor_time(seconds: float) -> None:
    """From now on allow so many seconds of processor time; SIGPROF ends the process after them.

    A timer, not RLIMIT_CPU: that one counts from the start of the process by a clock which nothing reads; on
    a busy machine it ran ahead of those that can be read.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_resources(limits: WorkerLimits) -> tuple[str, ...]:
    try:
        import resource
    except ImportError:
        return ()
    renew_processor_time(limits.cpu_seconds)
    holds = ["processor time"]
    for name, kind, most in (
        ("memory", "RLIMIT_AS", _memory_taken() + limits.memory_bytes),
        ("written files", "RLIMIT_FSIZE", limits.written_bytes),
        ("open files", "RLIMIT_NOFILE", limits.open_files),
        ("core files", "RLIMIT_CORE", 0),
    ):
        # macOS refuses some of them.
        with suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, kind), (most, most))
            holds.append(name)
    # Where memory runs out all the same, this process goes first and not the one that started it.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    return tuple(holds)


def _memory_taken() -> int:
    """Bytes of addresses that this process has now; 0 where the system does not say."""
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        return pages * mmap.PAGESIZE
    return 0


def _refuse_sockets(event: str, _: tuple[Any, ...]) -> None:
    if event.startswith("socket."):
        raise PermissionError("the decoding process has no network")


def _refuse_network() -> bool:
    """Let the system calls that open connections fail with EACCES, in all threads and child processes."""
    calls = _ARCHITECTURES.get(platform.machine()) if sys.platform == "linux" else None
    if calls is None:
        return False
    refused = (calls.socket, calls.io_uring_setup)
    # Jumps count the instructions to skip; the last one refuses.
    program = [
        (_LOAD, 0, 0, _OFFSET_ARCHITECTURE),
        (_JUMP_EQUAL, 0, len(refused) + 3, calls.audit),
        (_LOAD, 0, 0, _OFFSET_NUMBER),
        (_JUMP_AT_LEAST, len(refused) + 1, 0, _X32),
        *((_JUMP_EQUAL, len(refused) - place, 0, call) for place, call in enumerate(refused)),
        (_RETURN, 0, 0, _RET_ALLOW),
        (_RETURN, 0, 0, _RET_ERRNO | errno.EACCES),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in program))
    head = struct.pack("@HP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    nothing = ctypes.c_ulong(0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), nothing, nothing, nothing) != 0:
        return False
    # Libraries have started threads by now: the filter is for them too.
    done = libc.syscall(
        ctypes.c_long(calls.seccomp),
        ctypes.c_ulong(_SECCOMP_SET_MODE_FILTER),
        ctypes.c_ulong(_SECCOMP_FILTER_FLAG_TSYNC),
        ctypes.c_char_p(head),
    )
    return bool(done == 0)
