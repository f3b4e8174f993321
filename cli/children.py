"""The processes that `up` starts, and their ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cli.tether import VARIABLE

#: A child that ends this often within a minute is not started again.
MAX_ENDS = 5
_ENDS_WINDOW = 60.0


@dataclass(kw_only=True, slots=True)
class Child:
    """One `photochrom` process in a session of its own, its output in a log file."""

    #: what people call it
    name: str
    #: arguments of `photochrom`
    arguments: Sequence[str]
    #: its settings
    environment: Mapping[str, str]
    #: where its output goes
    log: Path
    #: reading end of the pipe that closes when `up` dies
    tether: int
    #: further descriptors it keeps open
    pass_fds: tuple[int, ...] = ()
    #: the running process
    process: subprocess.Popen[bytes] | None = None
    #: when it ended without being told to, by the monotonic clock
    ends: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Starts the process."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "photochrom", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(self.tether, *self.pass_fds),
                env={**os.environ, **self.environment, VARIABLE: str(self.tether)},  # noqa: TID251 - handed on whole
            )

    def ended(self) -> bool:
        """Tells whether the process has ended."""
        return self.process is not None and self.process.poll() is not None

    def restart(self) -> bool:
        """Starts the process again, unless it ended too often of late; returns whether it was started."""
        now = time.monotonic()
        self.ends = [*(end for end in self.ends if now - end < _ENDS_WINDOW), now]
        self.kill()
        if len(self.ends) >= MAX_ENDS:
            return False
        self.start()
        return True

    def terminate(self) -> None:
        """Asks the process to end."""
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def wait(self, until: float) -> None:
        """Waits for the end until a moment of the monotonic clock, then ends the whole session."""
        if self.process:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(max(0.0, until - time.monotonic()))
            self.kill()

    def kill(self) -> None:
        """Ends the process and its own children at once."""
        if self.process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
