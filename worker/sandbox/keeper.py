"""The keeper: the worker's hand on its nursery. Starts it, has children forked and ended, and starts it anew."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from shared.errors import SandboxUnavailable
from worker.sandbox.nursery import Conditions
from worker.sandbox.scarcity import enough_files
from worker.sandbox.verdicts import Fate
from worker.sandbox.wire import Closed, Frame, Garbled, Wire

#: Time to import the libraries and, the first time on a machine, to compile the kernels, seconds.
_READY_SECONDS = 300

#: Time for a fork, or for a killed child's memory to be given back, seconds.
_ANSWER_SECONDS = 30

#: Variables of the worker that a process may need to find Python's own libraries. No other is handed on: the worker's
#: environment has keys in it.
_HANDED_ON = ("LD_LIBRARY_PATH",)


class NurseryLost(Exception):
    """The nursery died, or does not answer."""


class Keeper:
    """The nursery of one worker process."""

    def __init__(self, *, entry: str, rehearsal: str | None, cache_dir: Path, memory_bytes: int) -> None:
        """Starts nothing yet."""
        self._terms: dict[str, Any] = {
            "entry": entry,
            "rehearsal": rehearsal,
            "cache_dir": str(cache_dir),
            "memory_bytes": memory_bytes,
        }
        self._wire: Wire | None = None
        self._ready = False
        self._end: weakref.finalize[..., Keeper] | None = None

    def start(self) -> None:
        """Starts the nursery, unless it runs, and does not wait for it; raises SandboxUnavailable."""
        if self._wire:
            return
        with enough_files():
            ours, theirs = socket.socketpair()
        conditions = Conditions(
            wire=theirs.fileno(),
            worker=os.getpid(),
            lasting=threading.current_thread() is threading.main_thread(),
            **self._terms,
        )
        with theirs:
            try:
                process = _begun(conditions)
            except BaseException:
                ours.close()
                raise
        self._wire, self._ready = Wire(ours), False
        self._end = weakref.finalize(self, _end, process, ours, os.getpid())

    def child(self, instead_of: int | None = None) -> tuple[int, Wire]:
        """Returns the process id of a new child and the wire to it; raises NurseryLost, SandboxUnavailable.

        The child `instead_of`, if any, is killed first; nobody waits until its memory is free.
        """
        self._await_ready()
        answer, files = self._ask({"kind": "child", "instead_of": instead_of})
        return answer.head["pid"], Wire(socket.socket(fileno=files[0]))

    def end(self, pid: int, patience: float) -> Fate:
        """Waits for a child's end, `patience` seconds at most, then has it killed. Raises NurseryLost.

        `pid` names a child that was not ended yet, whether it lives or not.
        """
        request = {"kind": "end", "pid": pid, "patience": patience}
        answer, _ = self._ask(request, seconds=patience + _ANSWER_SECONDS)
        return Fate(**{name: answer.head[name] for name in ("exit_code", "killed", "cpu_seconds", "peak_bytes")})

    def stop(self) -> None:
        """Ends the nursery and with it all children."""
        if self._end:
            self._end()
        self._wire, self._end = None, None

    def _await_ready(self) -> None:
        self.start()
        if self._ready or not self._wire:
            return
        try:
            answer = self._wire.receive(until=time.monotonic() + _READY_SECONDS)
        except (Closed, Garbled, TimeoutError) as error:
            self.stop()
            raise SandboxUnavailable(
                f"The sandbox did not begin: its process {'hangs' if isinstance(error, TimeoutError) else 'ended'}."
            ) from error
        except BaseException:
            self.stop()
            raise
        if answer.kind != "ready":
            self.stop()
            words = str(answer.head.get("words")).strip()
            raise SandboxUnavailable(f"The sandbox cannot begin: {words.splitlines()[-1]}", traceback=words)
        self._ready = True

    def _ask(self, head: Mapping[str, Any], *, seconds: float = _ANSWER_SECONDS) -> tuple[Frame, list[int]]:
        if not self._wire:
            raise NurseryLost
        until = time.monotonic() + seconds
        try:
            self._wire.send(head, until=until)
            with enough_files():
                return self._wire.receive_files(until=until)
        except (Closed, Garbled, TimeoutError) as error:
            self.stop()
            raise NurseryLost from error
        except BaseException:
            # An answer that nobody waited for would be taken for the next one's.
            self.stop()
            raise


def _begun(conditions: Conditions) -> subprocess.Popen[bytes]:
    """Returns the nursery's process; raises SandboxUnavailable."""
    try:
        with enough_files():
            return subprocess.Popen(  # noqa: S603 - Python itself, with arguments of our own
                [sys.executable, "-P", "-m", "worker.sandbox", conditions.to_argument()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
                env=_environment(),
                pass_fds=(conditions.wire,),
                start_new_session=True,
            )
    except OSError as error:
        raise SandboxUnavailable(f"The sandbox cannot be started: {error.strerror}") from error


def _environment() -> dict[str, str]:
    path = dict.fromkeys(entry or str(Path.cwd()) for entry in sys.path)
    handed_on = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}  # noqa: TID251 - no settings
    return {
        **handed_on,
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TMPDIR": tempfile.gettempdir(),
        "PYTHONPATH": os.pathsep.join(path),
        # One thread each: the nursery forks, and a worker has a process a core anyway.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        "OPENCV_OPENCL_RUNTIME": "disabled",
    }


def _end(process: subprocess.Popen[bytes], wire: socket.socket, worker: int) -> None:
    wire.close()
    if os.getpid() != worker:
        # A fork of the worker: the nursery is not its own.
        return
    with suppress(ProcessLookupError):
        # It leads a session in which there is nobody but its children.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
