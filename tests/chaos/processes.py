"""The processes of the service, and what may be done to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cli.tether import VARIABLE


@dataclass(kw_only=True)
class Process:
    """One Python process in a session of its own, started again by its site whenever it ends."""

    #: what the table calls it; a worker host's own name
    name: str
    #: arguments of Python
    arguments: Sequence[str]
    #: its settings
    environment: Mapping[str, str]
    #: where its output goes
    log: Path
    #: reading end of a pipe that closes when this program ends
    tether: int
    #: held by whoever does something to it
    busy: threading.Lock = field(default_factory=threading.Lock)
    #: what runs
    running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id; raises LookupError where nothing was started."""
        if self.running is None:
            raise LookupError(self.name)
        return self.running.pid

    def start(self) -> None:
        """Starts it."""
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                [sys.executable, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(self.tether,),
                env={**os.environ, **self.environment, VARIABLE: str(self.tether)},
            )

    def ended(self) -> bool:
        """Tells whether it has ended."""
        return self.running is not None and self.running.poll() is not None

    def signal(self, number: int) -> None:
        """Sends a signal to it and to the children in its session."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """Ends it and the children in its session at once."""
        if self.running:
            self.signal(signal.SIGKILL)
            self.running.wait()

    def stop(self, patience: float) -> bool:
        """Asks it to end, kills it after `patience` seconds; returns whether it ended by itself."""
        if self.running is None:
            return True
        self.running.terminate()
        try:
            self.running.wait(patience)
        except subprocess.TimeoutExpired:
            return False
        finally:
            self.kill()
        return True

    def workers(self) -> list[int]:
        """Returns the ids of the processes that Celery spawned, those that hold a net."""
        return [pid for pid in children(self.pid) if b"spawn_main" in _command_line(pid)]


def children(pid: int) -> list[int]:
    """Returns the ids of a process's children; none where it is gone."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    """Tells whether a process still runs; one that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
