"""The processes of a worker host, by what they are for, and the memory that each holds (proc(5))."""

from __future__ import annotations

import os
import resource
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

#: What stands in the command line of a process that belongs to that part; its forks have the same.
_MARKS = {"worker.sandbox": "sandbox", "spawn_main": "worker"}

_PROC = Path("/proc")


def resident(host: int) -> Mapping[str, list[int]]:
    """Returns the resident bytes of each process of a host by part: host, worker, sandbox, other.

    `host` is its process id. What forks share counts for each of them. A process that ends meanwhile is left out.
    """
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, parent in _parents():
        children[parent].append(pid)
    found: dict[str, list[int]] = {"host": [], "worker": [], "sandbox": []}
    waiting = [host]
    while waiting:
        pid = waiting.pop()
        waiting += children[pid]
        try:
            pages = int((_PROC / str(pid) / "statm").read_text("ascii").split()[1])
            part = "host" if pid == host else _part((_PROC / str(pid) / "cmdline").read_text(errors="replace"))
        except OSError:
            continue
        found.setdefault(part, []).append(pages * resource.getpagesize())
    return found


def is_alive(pid: int) -> bool:
    """Tells whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _part(command: str) -> str:
    return next((part for mark, part in _MARKS.items() if mark in command), "other")


def _parents() -> Iterator[tuple[int, int]]:
    """Yields process id and parent of every process."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                # The name of the program, in parentheses, may hold spaces and parentheses of its own.
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            yield int(entry.name), int(fields[1])
