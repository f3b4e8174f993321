"""Confinement: what the kernel is asked to hold a process to. Linux only."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path

from worker.sandbox.allowances import Allowances

# prctl(2)
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

#: Files that a child may have open: its master, its derivative, its wire, and what an encoder needs for itself.
_OPEN_FILES = 64

#: The kernel, out of memory, ends the process with the highest score first (proc(5), oom_score_adj).
_FIRST_TO_GO = "1000"


def die_with(parent: int) -> None:
    """Has this process killed when its parent dies; ends it where the parent `parent` is already gone.

    The kernel counts the death of the thread that started this process: it must be one that lives as long as its
    process.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def renounce() -> None:
    """Gives up core dumps, and any right that starting a program could bring."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def keep_only(descriptor: int) -> int:
    """Closes every file but one, sends what is printed nowhere, and returns the one's new descriptor."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.dup2(descriptor, 3)
    os.closerange(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    return 3


def confine(memory_bytes: int) -> None:
    """Limits memory to `memory_bytes` beyond what this process has, and the number of open files; for good.

    No limit is raised that holds already.

    Memory is what it can write to and does not share (RLIMIT_DATA, setrlimit(2)): what it asks for beyond is refused.
    """
    most = _data_bytes() + memory_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = _OPEN_FILES if files == resource.RLIM_INFINITY else min(files, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    # Python ignores it, and a decoder may take the error for a damaged file; as the cause of death it is unmistakable.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, "ascii")
    # Children of several tenants live side by side: none may read or trace another (ptrace(2)). Last, since the files
    # of such a process in /proc are root's.
    _prctl(_PR_SET_DUMPABLE, 0)


def grant(allowances: Allowances, pixels: int | None) -> None:
    """Grants processor time and file size for a picture of so many pixels, from now on."""
    # RLIMIT_CPU counts over the life of a process; the hard limit stays, so that the next picture can have its own.
    cpu = math.ceil(time.process_time()) + allowances.cpu_seconds(pixels)
    _soft(resource.RLIMIT_CPU, cpu)
    _soft(resource.RLIMIT_FSIZE, allowances.file_bytes(pixels))


def _soft(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _data_bytes() -> int:
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) << 10
    raise OSError("the kernel does not tell VmData")


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}) is refused")
