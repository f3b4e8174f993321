"""What the processes of a site cost: processor seconds and memory, as the kernel counts them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.scale.house import House
from tests.chaos.processes import children

_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Keeps this process, and what it starts meanwhile, on some of its cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cores(count: int) -> set[int]:
    """Returns the first `count` cores of this process; ends the bench where it has fewer."""
    own = sorted(os.sched_getaffinity(0))
    if len(own) < count:
        raise SystemExit(f"This bench needs {count} cores; this process has {len(own)}.")
    return set(own[:count])


def seconds(house: House, beside: Mapping[str, int] | None = None) -> dict[str, float]:
    """Returns the processor seconds that each part of the service took since it started.

    `beside` are processes that are no part of it, by name.
    """
    hosts, workers = house.hosts, [worker for host in house.hosts for worker in host.workers()]
    sandboxes = [pid for worker in workers for pid in _tree(worker) if pid != worker]
    return {
        "API": sum(_seconds(pid) for api in house.apis for pid in _tree(api.pid)),
        "worker hosts, main process": sum(_seconds(host.pid) for host in hosts),
        "worker processes (net, index, storage)": sum(map(_seconds, workers)),
        "sandboxes (decode, render, encode)": sum(map(_seconds, sandboxes)),
        "Valkey": _seconds(house.valkey.pid),
        **{name: _seconds(pid) for name, pid in (beside or {}).items()},
    }


def since(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Returns what each part took between two looks, the greatest first."""
    taken = {name: after[name] - before[name] for name in after}
    return dict(sorted(taken.items(), key=lambda part: -part[1]))


def peak_bytes(pid: int) -> int:
    """Returns the greatest resident memory of a process and its children (VmHWM), each at its own peak, together."""
    return sum(_status(each, "VmHWM") for each in _tree(pid))


def _tree(pid: int) -> list[int]:
    return [pid, *(other for child in children(pid) for other in _tree(child))]


def _seconds(pid: int) -> float:
    """Returns what a process and those of its children that have ended have taken (proc_pid_stat(5))."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
