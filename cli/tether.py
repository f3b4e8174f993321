"""The tether: ties a child of `up` to its parent's life by a pipe that only the parent holds open."""

from __future__ import annotations

import os
import signal
import threading

#: The variable through which a child learns its end of the pipe. It is no setting: `up` alone sets it.
VARIABLE = "PHOTOCHROM_TETHER"


def follow_parent() -> None:
    """Ends this process and its session when the pipe closes; does nothing in a process that `up` did not start."""
    text = os.environ.pop(VARIABLE, "")  # noqa: TID251 - a file descriptor from the parent, not a setting
    if text:
        threading.Thread(target=_wait, args=(int(text),), name="tether", daemon=True).start()


def _wait(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    # `up` started this process as the leader of a session: the group holds its own children and nobody else.
    os.killpg(os.getpgrp(), signal.SIGKILL)
