"""Calling again what waiting can mend."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar

from photochrom.errors import ClientError, ProblemError, ServerUnreachable

Outcome = TypeVar("Outcome")

#: Statuses after which the same call can succeed.
_TRANSIENT = (429, 502, 503, 504)

#: The longest pause, and how long calls are repeated in all, seconds.
_LONGEST = 15.0
PATIENCE = 120.0

#: The same for a server that has not answered once: its address is more likely wrong than the server just away.
_FIRST_PATIENCE = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """Call again."""

    #: seconds to wait first
    after: float


def decide(error: ClientError, *, attempt: int, elapsed: float, patience: float, jitter: float) -> Again | None:
    """Decides after `attempt` (1..) failed `elapsed` seconds after the first; None: give up.

    The pause doubles from half a second, up to half of it on top by `jitter` (0..1); what the server asks for wins.
    """
    asked = error.retry_after if isinstance(error, ProblemError) else None
    transient = isinstance(error, ServerUnreachable) or (isinstance(error, ProblemError) and error.status in _TRANSIENT)
    pause = asked if asked is not None else min(_LONGEST, 0.5 * 2 ** (attempt - 1)) * (1 + jitter / 2)
    return Again(after=pause) if transient and elapsed + pause <= patience else None


def asked_pause(text: str | None, now: float) -> float | None:
    """Returns the seconds that a `Retry-After` asks for at a moment (RFC 9110: seconds or a date); None for no such."""
    if text is None:
        return None
    try:
        return max(0.0, float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None


class Patience:
    """Repeats the calls to one server, and tells when it falls silent and when it is back. Any thread may use it."""

    def __init__(self, seconds: float, notify: Callable[[str], None]) -> None:
        """Takes how long a call is repeated, and where words for a person go."""
        self._seconds = seconds
        self._notify = notify
        self._lock = threading.Lock()
        self._known = False
        self._silent = False

    def call(self, act: Callable[[], Outcome]) -> Outcome:
        """Returns what `act` returns, and raises what it raises where waiting mends nothing or took too long."""
        begun, attempt = time.monotonic(), 0
        while True:
            attempt += 1
            try:
                outcome = act()
            except ClientError as error:
                if not isinstance(error, ServerUnreachable):
                    self._heard()
                again = decide(
                    error,
                    attempt=attempt,
                    elapsed=time.monotonic() - begun,
                    patience=self._seconds if self._known else min(self._seconds, _FIRST_PATIENCE),
                    jitter=random.random(),  # noqa: S311
                )
                if again is None:
                    raise
                if isinstance(error, ServerUnreachable):
                    self._unheard(error)
                time.sleep(again.after)
            else:
                self._heard()
                return outcome

    def _heard(self) -> None:
        with self._lock:
            was_silent, self._silent, self._known = self._silent, False, True
        if was_silent:
            self._notify("The server answers again.")

    def _unheard(self, error: ServerUnreachable) -> None:
        with self._lock:
            was_silent, self._silent = self._silent, True
        if self._known and not was_silent:
            self._notify(f"{error}. Trying again for up to {span(self._seconds)}; nothing is lost.")


def span(seconds: float) -> str:
    """Returns a time in words, rounded up."""
    size, unit = (3600, "hour") if seconds > 3600 else (60, "minute") if seconds > 60 else (1, "second")
    count = max(1, math.ceil(seconds / size))
    return f"{count} {unit}{'' if count == 1 else 's'}"
