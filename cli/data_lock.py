"""The lock on a data folder: one `up` at a time, and none while children of a dead one still write."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

from shared.errors import Misconfigured

_PAUSE = 0.1


class DataLock:
    """An exclusive lock that lives as long as any process that inherited its descriptor."""

    def __init__(self, folder: Path) -> None:
        """Opens the lock file; the lock is not taken yet."""
        self._path = folder / "lock"
        self.descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self, *, patience: float, address: str) -> None:
        """Waits up to `patience` seconds; raises Misconfigured with the holder's pid and address."""
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Misconfigured(self._held()) from None
                time.sleep(_PAUSE)
            else:
                break
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, json.dumps({"pid": os.getpid(), "address": address}).encode(), 0)

    def _held(self) -> str:
        try:
            holder = json.loads(self._path.read_text())
            who = f"process {holder['pid']} at {holder['address']}"
        except (ValueError, KeyError):
            who = "another process"
        return f"The data folder {self._path.parent} is in use by {who}. Stop that one, or choose another --data."
