"""Time as a port, so that tests need not wait."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where code that waits gets its time from."""

    def now(self) -> float:
        """Returns seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Waits."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Returns seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


class ManualClock:
    """The in-memory twin: stands still until told, and never waits."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        """Returns the time that was set."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Moves the time forward at once."""
        self._now += seconds


def timestamp(seconds: float) -> str:
    """Returns RFC 3339 text in UTC with milliseconds, as `2026-11-23T21:54:00.000Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
