"""The nursery: a process that loads what pictures need, meets no picture, and forks the children that do.

`python -m worker.sandbox CONDITIONS`; the worker's end is `worker.sandbox.keeper`. It stays in one thread, since a fork
copies only one, and answers one request after the other: a child is handed over, a child is ended. A child is named by
its process id, which is its own until it is ended on request, even where it died before: nobody else reaps it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from worker.allocator import reuse_memory
from worker.sandbox import child, confinement
from worker.sandbox.wire import Closed, Wire

#: What a child does while it waits for its tenant.
WarmUp = Callable[[], None]

#: How often it looks whether the worker lives, milliseconds; as a rule the wire tells at once.
_LOOK_MS = 2_000

#: Most characters of why it cannot begin.
_MAX_WORDS = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """What the worker lays down."""

    #: descriptor of the wire
    wire: int
    #: process id of the worker
    worker: int
    #: whether the thread that starts the nursery lives as long as the worker
    lasting: bool
    #: what the children run: "module:function" of the signature of `worker.pipeline.derive`
    entry: str
    #: what is called once with the cache folder before the first fork, "module:function"; None for nothing. It may
    #: return what each child calls while it waits for its tenant
    rehearsal: str | None
    #: folder for compiled kernels
    cache_dir: str
    #: memory of a child, beyond what the nursery has, bytes
    memory_bytes: int

    def to_argument(self) -> str:
        """Returns the argument of the command line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Spare:
    """A child that waits for its tenant."""

    #: process id
    pid: int
    #: the other end of its wire
    wire: socket.socket


class Nursery:
    """Hands over children and tells how they end; ends none unasked. The next one is forked ahead."""

    def __init__(self, wire: Wire, entry: child.Entry, warm_up: WarmUp | None, memory_bytes: int) -> None:
        """Forks the first."""
        self._wire = wire
        self._entry = entry
        self._warm_up = warm_up
        self._memory_bytes = memory_bytes
        self._spare = self._fork()

    def run(self, worker: int) -> None:
        """Serves requests until the worker is gone."""
        poll = select.poll()
        poll.register(self._wire.fileno(), select.POLLIN)
        while os.getppid() == worker:
            if not poll.poll(_LOOK_MS):
                continue
            try:
                request = self._wire.receive()
                if request.kind == "child":
                    self._hand_over(request.head["instead_of"])
                else:
                    self._wire.send({"kind": "ended", **_end(request.head["pid"], request.head["patience"])})
            except Closed:
                return

    def _hand_over(self, former: int | None) -> None:
        """Kills a child, if one is named, and hands over the spare one; what takes time comes after."""
        if former:
            os.kill(former, signal.SIGKILL)
        if os.waitpid(self._spare.pid, os.WNOHANG)[0]:
            self._spare.wire.close()
            self._spare = self._fork()
        with self._spare.wire as wire:
            self._wire.send({"kind": "child", "pid": self._spare.pid}, files=(wire.fileno(),))
        if former:
            os.waitpid(former, 0)
        self._spare = self._fork()

    def _fork(self) -> _Spare:
        nursery = os.getpid()
        worker_end, child_end = socket.socketpair()
        with child_end:
            pid = os.fork()
            if not pid:
                _be_child(child_end.fileno(), nursery, self._entry, self._warm_up, self._memory_bytes)
        return _Spare(pid=pid, wire=worker_end)


def _end(child: int, patience: float) -> dict[str, Any]:
    """Waits for a child's end, `patience` seconds at most, then kills it; returns how it ended."""
    until = time.monotonic() + patience
    pid, status, usage = os.wait4(child, os.WNOHANG)
    while not pid and (left := until - time.monotonic()) > 0:
        # Another child's death ends the wait too.
        signal.sigtimedwait({signal.SIGCHLD}, left)
        pid, status, usage = os.wait4(child, os.WNOHANG)
    killed = not pid
    if killed:
        os.kill(child, signal.SIGKILL)
        _, status, usage = os.wait4(child, 0)
    return {
        "exit_code": os.waitstatus_to_exitcode(status),
        "killed": killed,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss << 10,
    }


def _be_child(descriptor: int, nursery: int, entry: child.Entry, warm_up: WarmUp | None, memory_bytes: int) -> NoReturn:
    status = child.BROKEN
    try:
        connection = socket.socket(fileno=descriptor)
        try:
            confinement.die_with(nursery)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            kept = confinement.keep_only(descriptor)
            connection.detach()
            connection = socket.socket(fileno=kept)
            confinement.confine(memory_bytes)
            if warm_up:
                warm_up()
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker is to hear of it
            child.cannot_begin(connection, error)
        else:
            status = child.serve(connection, entry)
    except MemoryError:
        status = child.OUT_OF_MEMORY
    finally:
        # Whatever happened: what the nursery registered to be done at its end is not this process's to do.
        os._exit(status)


def main(conditions: Conditions) -> int:
    """Prepares, says whether that went well, and serves; returns the exit status."""
    wire = Wire(socket.socket(fileno=conditions.wire))
    try:
        reuse_memory()
        confinement.renounce()
        if conditions.lasting:
            confinement.die_with(conditions.worker)
        entry = _load(conditions.entry)
        warm_up = _load(conditions.rehearsal)(Path(conditions.cache_dir)) if conditions.rehearsal else None
        if (threads := len(list(Path("/proc/self/task").iterdir()))) > 1:
            raise RuntimeError(f"a fork needs a process with one thread, not {threads}")
    except Exception:  # noqa: BLE001 - an import of anything may raise anything; the worker logs it
        wire.send({"kind": "unable", "words": traceback.format_exc()[-_MAX_WORDS:]})
        return 1
    # What is there now is never garbage: left alone, its memory stays shared with the children.
    gc.collect()
    gc.freeze()
    # A child's death is waited for, not interrupted by; and never ignored, as the worker may have it.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        wire.send({"kind": "ready"})
        Nursery(wire, entry, warm_up, conditions.memory_bytes).run(conditions.worker)
    except Closed:
        pass
    return 0


def _load(name: str) -> Any:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)
